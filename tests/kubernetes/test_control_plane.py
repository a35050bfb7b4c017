"""A real API server admits what Kustomize renders, into namespaces that want the Pod Security Standard `restricted`."""

from collections.abc import Iterator
from copy import deepcopy

import pytest

from tests.kubernetes.api_server import ControlPlane, RefusedByApiServerError
from tests.kubernetes.manifests import RENDERED, Manifest, pod_of, rendered
from tests.kubernetes.vendor_schemas import module_crds, strimzi_crds

pytestmark = [pytest.mark.kubernetes, pytest.mark.long, pytest.mark.timeout(600)]

PRODUCTION = "overlays/production"
WORKER, TOPICS = "saving-alerts", "saving-alerts-topics"


@pytest.fixture(scope="module")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """It knows the kinds of KEDA, the Prometheus operator and Strimzi."""
    with ControlPlane(tmp_path_factory.mktemp("control-plane")) as running:
        for kind in (*module_crds(), *strimzi_crds()):
            running.establish(kind)
        running.create(namespace("kafka"))
        yield running


@pytest.fixture(scope="module")
def refused(control_plane: ControlPlane) -> dict[str, list[str]]:
    """For each folder what the API server said against it when it was applied."""
    return {folder: list(refusals(control_plane, folder)) for folder in RENDERED}


def refusals(control_plane: ControlPlane, folder: str) -> Iterator[str]:
    """A namespace goes before what is in it."""
    for manifest in sorted(rendered(folder), key=lambda each: each["kind"] != "Namespace"):
        try:
            control_plane.create(manifest)
        except RefusedByApiServerError as error:
            yield f"{manifest['kind']} {manifest['metadata']['name']}: {error}"


def namespace(name: str, **labels: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def pod(name: str, spec: Manifest) -> Manifest:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "saving-alerts"}, "spec": spec}


def found(kind: str, name: str) -> Manifest:
    (one,) = [each for each in rendered(PRODUCTION) if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return deepcopy(one)


@pytest.mark.parametrize("folder", RENDERED)
def test_everything_is_admitted(refused: dict[str, list[str]], folder: str) -> None:
    assert refused[folder] == []


@pytest.mark.usefixtures("refused")
@pytest.mark.parametrize(("kind", "name"), [("Deployment", WORKER), ("Job", TOPICS)])
def test_pods_are_admitted_where_only_restricted_ones_are(control_plane: ControlPlane, kind: str, name: str) -> None:
    """A Deployment is admitted whatever its Pods are; they would be refused later."""
    wanted = pod_of(found(kind, name))

    assert control_plane.create(pod(name, wanted))["spec"]["securityContext"] == wanted["securityContext"]
    with pytest.raises(RefusedByApiServerError, match="PodSecurity"):
        control_plane.create(pod("on-the-host", {**wanted, "hostNetwork": True}))


@pytest.mark.usefixtures("refused")
def test_what_is_misspelt_is_refused(control_plane: ControlPlane) -> None:
    budget = found("PodDisruptionBudget", WORKER)
    budget["metadata"]["name"] = "misspelt"
    budget["spec"]["maxUnavailabel"] = 1

    with pytest.raises(RefusedByApiServerError, match="maxUnavailabel"):
        control_plane.create(budget)


@pytest.mark.usefixtures("refused")
def test_what_keda_would_refuse_is_refused(control_plane: ControlPlane) -> None:
    scaled = found("ScaledObject", WORKER)
    scaled["metadata"]["name"] = "without-a-target"
    del scaled["spec"]["scaleTargetRef"]

    with pytest.raises(RefusedByApiServerError, match="scaleTargetRef"):
        control_plane.create(scaled)
