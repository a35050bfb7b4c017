"""What Kustomize makes of the overlays; `make test-kubernetes` builds it."""

import base64
from pathlib import Path

import pytest

from saving_alerts.settings import read_settings, unknown_variables
from tests.kubernetes.manifests import RENDERED, Manifest, pod_of, problems, rendered

OVERLAYS = RENDERED[:2]
SECRETS = "/etc/saving-alerts/secrets/"
pytestmark = pytest.mark.kubernetes


def of_kind(folder: str, kind: str) -> list[Manifest]:
    return [each for each in rendered(folder) if each["kind"] == kind]


def environment_of(folder: str) -> dict[str, str]:
    """What a worker finds in its environment; what comes from its Pod is another text here."""
    container = pod_of(worker(folder))["containers"][0]
    name = container["envFrom"][0]["configMapRef"]["name"]
    (config,) = [each["data"] for each in of_kind(folder, "ConfigMap") if each["metadata"]["name"] == name]
    own = {each["name"]: each.get("value", "of-the-pod") for each in container["env"]}
    return {**config, **own}


def worker(folder: str) -> Manifest:
    (found,) = [each for each in of_kind(folder, "Deployment") if each["metadata"]["name"] == "saving-alerts"]
    return found


@pytest.mark.parametrize("folder", RENDERED)
def test_all_that_is_rendered_is_valid(folder: str) -> None:
    found = {f"{each['kind']} {each['metadata']['name']}": problems(each) for each in rendered(folder)}

    assert {name: wrong for name, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("folder", OVERLAYS)
def test_the_worker_has_all_the_settings_that_it_needs(
    folder: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Those of the ConfigMap, its own, and the secrets that docs/kubernetes.md names."""
    (tmp_path / "redis-url").write_text("redis://redis:6379/0")
    for name in ("kafka-password", "coupon-api-token", "push-api-token"):
        (tmp_path / name).write_text("secret")
    environment = environment_of(folder)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value.replace(SECRETS, f"{tmp_path}/"))

    assert unknown_variables(environment) == []
    assert read_settings().has_login


@pytest.mark.parametrize("folder", OVERLAYS)
def test_every_configuration_and_secret_that_is_mounted_is_known(folder: str) -> None:
    pod = pod_of(worker(folder))
    (secret,) = [each["secret"]["secretName"] for each in pod["volumes"] if "secret" in each]
    made = {each["metadata"]["name"]: each["data"] for each in of_kind(folder, "Secret")}

    if folder == "overlays/local":
        assert base64.b64decode(made[secret]["redis-url"]) == b"redis://valkey:6379/0"
    else:
        assert (secret, made) == ("saving-alerts-secrets", {})  # docs/kubernetes.md says what must be in it


def test_keda_alone_says_how_many_workers_there_are() -> None:
    assert "replicas" not in worker("overlays/production")["spec"]
    assert worker("overlays/local")["spec"]["replicas"] == 2


@pytest.mark.parametrize("folder", OVERLAYS)
def test_everything_is_in_the_namespace(folder: str) -> None:
    (namespace,) = of_kind(folder, "Namespace")
    rest = [each for each in rendered(folder) if each["kind"] != "Namespace"]

    assert {each["metadata"]["namespace"] for each in rest} == {namespace["metadata"]["name"]}


def test_no_secret_stands_in_what_is_for_production() -> None:
    assert of_kind("overlays/production", "Secret") == []
    (config,) = of_kind("overlays/production", "ConfigMap")
    assert [name for name in config["data"] if "PASSWORD" in name or "REDIS_URL" in name or "SECRET" in name] == []


def test_what_a_worker_reaches_may_be_reached() -> None:
    local, production = (of_kind(folder, "NetworkPolicy")[0]["spec"] for folder in OVERLAYS)

    assert {"to": [{"podSelector": {}}]} in local["egress"]
    assert len(production["ingress"][0]["from"]) == 2
