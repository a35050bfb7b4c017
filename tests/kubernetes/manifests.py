"""The manifests as they are written and as Kustomize renders them, and the schemas of what they name."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
SCHEMAS = Path(__file__).parent / "schemas"
KUSTOMIZE = ROOT / ".tools" / "kustomize"  # `make test-kubernetes` builds it
RENDERED = ("overlays/local", "overlays/production", "strimzi")
PATCHES = frozenset({"overlays/production/network-policy.yaml", "overlays/production/logins.yaml"})

Manifest = dict[str, Any]


def written() -> Iterator[tuple[str, Manifest]]:
    """Each complete manifest with the file that it stands in."""
    for path in sorted(FOLDER.rglob("*.yaml")):
        name = path.relative_to(FOLDER).as_posix()
        if path.name != "kustomization.yaml" and name not in PATCHES:
            yield from ((name, manifest) for manifest in yaml.safe_load_all(path.read_text()) if manifest)


def one(kind: str, name: str = "saving-alerts") -> Manifest:
    """The one manifest of that kind and name."""
    (found,) = [each for _, each in written() if each["kind"] == kind and each["metadata"]["name"] == name]
    return found


@cache
def rendered(folder: str) -> tuple[Manifest, ...]:
    """What `kubectl apply -k` would apply."""
    output = subprocess.run([*_kustomize(), str(FOLDER / folder)], check=True, capture_output=True, text=True).stdout
    return tuple(yaml.safe_load_all(output))


def _kustomize() -> list[str]:
    if KUSTOMIZE.exists():
        return [str(KUSTOMIZE), "build"]
    kubectl = shutil.which(os.environ.get("KUBECTL", "kubectl"))
    assert kubectl, "neither .tools/kustomize nor kubectl: run `make test-kubernetes`"
    return [kubectl, "kustomize"]


def problems(manifest: Manifest) -> list[str]:
    """What an API server would refuse, by the schema of the version that the manifest names."""
    group, _, version = manifest["apiVersion"].rpartition("/")
    path = SCHEMAS / f"{group or 'core'}_{version}_{manifest['kind']}.json"
    if not path.exists():
        return [f"no schema for {manifest['apiVersion']} {manifest['kind']}"]
    errors = _validator(path).iter_errors(manifest)
    return sorted(f"{error.json_path}: {error.message}" for error in errors)


@cache
def _validator(path: Path) -> Draft202012Validator:
    return Draft202012Validator(json.loads(path.read_text()))


def settings_file(name: str) -> dict[str, str]:
    """A file with a setting in each line, as Kustomize reads it."""
    lines = (FOLDER / name).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def pod_of(manifest: Mapping[str, Any]) -> Manifest:
    found: Manifest = manifest["spec"]["template"]["spec"]
    return found
