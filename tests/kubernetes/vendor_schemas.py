"""`python -m tests.kubernetes.vendor_schemas`: write `schemas/` anew, from the modules and artifacts named here.

It needs Go for the modules, Maven and Java 21 (`JAVA`) for Strimzi's generator, and some hundred MB of disk. The
schemas are those of the projects named, which are under the Apache License 2.0, without descriptions. What they do not
have is forbidden here, as an API server's strict validation has it.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

SCHEMAS = Path(__file__).parent / "schemas"
KUBERNETES = "k8s.io/kubernetes@v1.36.3"
KEDA = "github.com/kedacore/keda/v2@v2.21.0"
PROMETHEUS_OPERATOR = "github.com/prometheus-operator/prometheus-operator@v0.85.0"
STRIMZI = "1.2.0"
KINDS = {
    "api__v1": ("ConfigMap", "Namespace", "Secret", "Service", "ServiceAccount"),
    "apis__apps__v1": ("Deployment", "StatefulSet"),
    "apis__batch__v1": ("Job",),
    "apis__networking.k8s.io__v1": ("NetworkPolicy",),
    "apis__policy__v1": ("PodDisruptionBudget",),
}
KEDA_CRDS = ("scaledobjects", "triggerauthentications")
STRIMZI_KINDS = ("topic.KafkaTopic", "user.KafkaUser")
_LEFT_OUT = frozenset({"description", "example", "externalDocs", "default", "format"})
_OPEN = "x-kubernetes-preserve-unknown-fields"
_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>vendored</groupId><artifactId>schemas</artifactId><version>1</version><dependencies>{}</dependencies></project>
"""
_ARTIFACT = "<dependency><groupId>io.strimzi</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"

Schema = dict[str, Any]


def main() -> None:
    SCHEMAS.mkdir(exist_ok=True)
    for (group, version, kind), schema in found():
        text = json.dumps(schema, sort_keys=True, separators=(",", ":"))
        (SCHEMAS / f"{group}_{version}_{kind}.json").write_text(text + "\n")


def found() -> Iterator[tuple[tuple[str, str, str], Schema]]:
    for file, kinds in KINDS.items():
        path = _module(KUBERNETES) / "api/openapi-spec/v3" / f"{file}_openapi.json"
        yield from _of_open_api(json.loads(path.read_text()), kinds)
    for crd in (*module_crds(), *strimzi_crds()):
        yield from _of_crd(crd)


def module_crds() -> list[Schema]:
    """The custom resource definitions of KEDA and of the Prometheus operator that are used here."""
    keda = _module(KEDA) / "config/crd/bases"
    operator = _module(PROMETHEUS_OPERATOR) / "example/prometheus-operator-crd"
    paths = [*(keda / f"keda.sh_{name}.yaml" for name in KEDA_CRDS)]
    paths.append(operator / "monitoring.coreos.com_servicemonitors.yaml")
    return [yaml.safe_load(path.read_text()) for path in paths]


def strimzi_crds() -> list[Schema]:
    """Those of Strimzi, as its own generator writes them."""
    with tempfile.TemporaryDirectory() as folder:
        return [yaml.safe_load(path.read_text()) for path in _strimzi(Path(folder))]


def _of_open_api(document: Schema, kinds: tuple[str, ...]) -> Iterator[tuple[tuple[str, str, str], Schema]]:
    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        for each in schema.get("x-kubernetes-group-version-kind", ()):
            if each["kind"] in kinds and name.endswith(f".{each['kind']}"):
                definitions = {used: strict(schemas[used]) for used in sorted(_reachable(schemas, name))}
                place = (each["group"] or "core", each["version"], each["kind"])
                yield place, {"$ref": f"#/$defs/{name}", "$defs": definitions}


def _of_crd(crd: Schema) -> Iterator[tuple[tuple[str, str, str], Schema]]:
    spec = crd["spec"]
    for version in spec["versions"]:
        schema = strict(version["schema"]["openAPIV3Schema"])
        schema["properties"]["metadata"] = {"type": "object"}
        yield (spec["group"], version["name"], spec["names"]["kind"]), schema


def _reachable(schemas: Schema, name: str) -> set[str]:
    seen, waiting = {name}, [name]
    while waiting:
        for reference in _references(schemas[waiting.pop()]):
            if reference not in seen:
                seen.add(reference)
                waiting.append(reference)
    return seen


def _references(node: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"].rpartition("/")[2]
        for each in node.values():
            yield from _references(each)
    elif isinstance(node, list):
        for each in node:
            yield from _references(each)


def strict(schema: Schema) -> Schema:
    """The same as JSON Schema: without texts, and with nothing allowed that is not named."""
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    kept = {key: _value(key, value) for key, value in schema.items() if not _is_left_out(key)}
    if "$ref" in kept:
        return {"$ref": f"#/$defs/{kept['$ref'].rpartition('/')[2]}"}
    if "properties" in kept and "additionalProperties" not in kept and not schema.get(_OPEN):
        kept["additionalProperties"] = False
    return kept


def _is_left_out(key: str) -> bool:
    return key in _LEFT_OUT or key.startswith("x-kubernetes-") or key == "nullable"


def _value(key: str, value: Any) -> Any:  # noqa: ANN401 - JSON
    if key == "properties":
        return {name: strict(each) for name, each in value.items()}
    if key in {"allOf", "anyOf", "oneOf"}:
        return [_partial(each) for each in value]
    if key in {"items", "additionalProperties"} and isinstance(value, dict):
        return strict(value)
    return value


def _partial(schema: Schema) -> Schema:
    """A part of `allOf` and the like names some of the properties only."""
    found = strict(schema)
    return {key: value for key, value in found.items() if key != "additionalProperties" or value is not False}


def _module(name: str) -> Path:
    """Where Go has unpacked the module."""
    command = ["go", "mod", "download", "-json", name]
    return Path(json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["Dir"])


def _strimzi(folder: Path) -> Iterator[Path]:
    artifacts = "".join(_ARTIFACT.format(name, STRIMZI) for name in ("api", "crd-generator"))
    (folder / "pom.xml").write_text(_POM.format(artifacts))
    copy = ["mvn", "-q", "dependency:copy-dependencies", "-DoutputDirectory=lib"]
    subprocess.run(copy, check=True, cwd=folder)
    java = [os.environ.get("JAVA", "java"), "-cp", "lib/*", "io.strimzi.crdgenerator.CrdGenerator", "--yaml"]
    paths = {kind: folder / f"{kind}.yaml" for kind in STRIMZI_KINDS}
    wanted = [f"io.strimzi.api.kafka.model.{kind}={path}" for kind, path in paths.items()]
    subprocess.run([*java, *wanted], check=True, cwd=folder)
    yield from paths.values()


if __name__ == "__main__":
    main()
