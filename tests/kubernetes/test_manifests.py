"""The manifests of deploy/kubernetes/, as they are written: no tool is needed to look at them."""

from pathlib import Path

import pytest
import yaml

from saving_alerts import __version__
from saving_alerts.settings import example_settings, unknown_variables
from saving_alerts.worker.shutdown import CLOSING_SECONDS
from tests.kubernetes.manifests import FOLDER, Manifest, one, pod_of, problems, settings_file, written

SETTINGS = example_settings()
WRITTEN = list(written())
IDS = [f"{name} {manifest['kind']} {manifest['metadata']['name']}" for name, manifest in WRITTEN]
PODS = [(name, manifest) for name, manifest in WRITTEN if "template" in manifest.get("spec", {})]
OURS = [(name, manifest) for name, manifest in PODS if "saving-alerts" in pod_of(manifest)["containers"][0]["image"]]


def ids(found: list[tuple[str, Manifest]]) -> list[str]:
    return [f"{manifest['kind']} {manifest['metadata']['name']}" for _, manifest in found]


@pytest.mark.parametrize(("name", "manifest"), WRITTEN, ids=IDS)
def test_a_manifest_is_valid_for_the_api_version_that_it_names(name: str, manifest: Manifest) -> None:
    assert problems(manifest) == []


def test_what_no_api_server_takes_is_found() -> None:
    deployment = one("Deployment")
    deployment["spec"]["template"]["spec"]["containers"][0]["readyProbe"] = {}
    deployment["spec"]["replicas"] = "three"

    assert len(problems(deployment)) == 2


def test_production_runs_this_version() -> None:
    kustomization = yaml.safe_load((FOLDER / "overlays/production/kustomization.yaml").read_text())

    assert [each["newTag"] for each in kustomization["images"]] == [__version__]


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("settings.env")), ids=lambda path: path.parent.name)
def test_every_setting_exists(path: Path) -> None:
    settings = settings_file(path.relative_to(FOLDER).as_posix())

    assert settings
    assert unknown_variables(settings) == []


@pytest.mark.parametrize(("name", "manifest"), OURS, ids=ids(OURS))
def test_what_stands_in_the_environment_of_our_containers_exists(name: str, manifest: Manifest) -> None:
    """A Service named `saving-alerts` would add SAVING_ALERTS_PORT and more, which are no settings."""
    environment = [each["name"] for each in pod_of(manifest)["containers"][0].get("env", ())]

    assert unknown_variables(environment) == []
    assert pod_of(manifest)["enableServiceLinks"] is False


@pytest.mark.parametrize(("name", "manifest"), OURS, ids=ids(OURS))
def test_our_containers_have_no_rights(name: str, manifest: Manifest) -> None:
    """As the Pod Security Standard `restricted` wants it, and with a read-only root."""
    pod = pod_of(manifest)

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


@pytest.mark.parametrize(("name", "manifest"), PODS, ids=ids(PODS))
def test_memory_has_a_limit_and_cpu_has_none(name: str, manifest: Manifest) -> None:
    for container in pod_of(manifest)["containers"]:
        assert container["resources"]["requests"].keys() >= {"cpu", "memory"}
        assert "memory" in container["resources"]["limits"]
        assert "cpu" not in container["resources"]["limits"]


@pytest.mark.parametrize(("name", "manifest"), PODS, ids=ids(PODS))
def test_every_image_is_pinned_or_our_own(name: str, manifest: Manifest) -> None:
    image = pod_of(manifest)["containers"][0]["image"]

    assert image in {"saving-alerts", "saving-alerts-world"} or image.rpartition(":")[2][0].isdigit()


def test_the_grace_is_longer_than_a_drained_stop() -> None:
    pod = pod_of(one("Deployment"))
    before_sigterm = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]

    assert pod["terminationGracePeriodSeconds"] >= before_sigterm + SETTINGS.drain_seconds + CLOSING_SECONDS + 2


def test_a_worker_that_stands_still_ends_by_itself_before_it_is_killed() -> None:
    """Its watchdog says why, and leaves every thread's stack in the log."""
    probe = pod_of(one("Deployment"))["containers"][0]["livenessProbe"]

    assert probe["periodSeconds"] * probe["failureThreshold"] > SETTINGS.standstill_seconds


def test_probes_ask_pages_that_need_no_other_server() -> None:
    container = pod_of(one("Deployment"))["containers"][0]

    paths = {name: container[name]["httpGet"]["path"] for name in container if name.endswith("Probe")}
    assert paths == {
        "startupProbe": "/health/live",
        "livenessProbe": "/health/live",
        "readinessProbe": "/health/ready",
    }
    assert container["ports"] == [{"name": "http", "containerPort": SETTINGS.web_port}]


def test_workers_are_chosen_by_all_that_choose_them() -> None:
    labels = one("Deployment")["spec"]["template"]["metadata"]["labels"]
    chosen = [
        one("Deployment")["spec"]["selector"]["matchLabels"],
        one("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        one("Service")["spec"]["selector"],
        one("ServiceMonitor")["spec"]["selector"]["matchLabels"],
        *(each["labelSelector"]["matchLabels"] for each in pod_of(one("Deployment"))["topologySpreadConstraints"]),
    ]

    assert all(each == labels for each in chosen)
    assert one("Service")["metadata"]["labels"] == labels


def test_nodes_can_be_drained_while_no_worker_is_ready() -> None:
    budget = one("PodDisruptionBudget")["spec"]

    assert (budget["maxUnavailable"], budget["unhealthyPodEvictionPolicy"]) == (1, "AlwaysAllow")


def test_the_job_creates_the_topics() -> None:
    assert pod_of(one("Job", "saving-alerts-topics"))["containers"][0]["args"] == ["topics", "create"]
