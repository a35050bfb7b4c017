"""`docker-compose.yml` starts what the documents promise; `.ci/run` validates it with the schema of Compose."""

import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import yaml

from demo.containers.faults import TARGETS
from saving_alerts.settings import unknown_variables

ROOT = Path(__file__).parents[4]
FILE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
ONE_SHOTS = {"setup", "load"}
LONG_RUNNING = sorted(SERVICES.keys() - ONE_SHOTS)
WITHOUT_PAGE = {"record-results"}  # it ends when it cannot go on
OURS = ("saving-alerts:local", "saving-alerts-world:local")


@pytest.mark.parametrize("name", SERVICES)
def test_every_setting_exists(name: str) -> None:
    assert unknown_variables(SERVICES[name].get("environment", {})) == []


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_pinned_or_our_own(name: str) -> None:
    image = SERVICES[name]["image"]

    assert image in OURS or image.rpartition(":")[2][0].isdigit()


@pytest.mark.parametrize("name", LONG_RUNNING)
def test_long_running_containers_are_checked_and_restarted(name: str) -> None:
    service = SERVICES[name]

    assert service["restart"] == "unless-stopped"
    assert "test" in service["healthcheck"] or name in WITHOUT_PAGE


@pytest.mark.parametrize("name", [name for name in SERVICES if SERVICES[name]["image"] in OURS])
def test_our_own_images_run_on_a_read_only_root_without_privileges(name: str) -> None:
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]


@pytest.mark.parametrize("name", SERVICES)
def test_memory_has_a_limit(name: str) -> None:
    assert SERVICES[name]["mem_limit"] == ("1g" if name.startswith("broker-") else "512m")


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_open_on_loopback_only(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


def test_no_two_services_have_the_same_port() -> None:
    ports = [port.rpartition(":")[0] for service in SERVICES.values() for port in service.get("ports", [])]

    assert len(set(ports)) == len(ports)


def test_workers_differ_in_their_name_and_page_only() -> None:
    workers = {name: service for name, service in SERVICES.items() if name.startswith("worker-")}
    own = ("SAVING_ALERTS_WORKER_NAME", "SAVING_ALERTS_PAGE_URL")
    shared = [
        {key: value for key, value in service["environment"].items() if key not in own} for service in workers.values()
    ]

    assert [service["environment"][own[0]] for service in workers.values()] == list(workers)
    assert all(each == shared[0] for each in shared)


def test_the_page_url_is_where_the_port_is() -> None:
    workers = [service for name, service in SERVICES.items() if name.startswith("worker-")]

    assert [service["environment"]["SAVING_ALERTS_PAGE_URL"] for service in workers] == [
        f"http://{service['ports'][0].rpartition(':')[0]}" for service in workers
    ]


def test_brokers_lose_nothing_with_one_of_them() -> None:
    settings = [service["environment"] for name, service in SERVICES.items() if name.startswith("broker-")]

    assert len(settings) == 3
    for broker in settings:
        assert broker["KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR"] == 3
        assert broker["KAFKA_MIN_INSYNC_REPLICAS"] == 2
        assert broker["KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS"] == 0


def test_chaos_targets_every_container_that_always_runs() -> None:
    assert set(TARGETS) == {name for name in LONG_RUNNING if "profiles" not in SERVICES[name]}


def modules() -> set[str]:
    """What runs in the containers of the image `world`."""
    commands = [[*each.get("entrypoint", ()), *each.get("command", ())] for each in SERVICES.values()]
    return {each[2] for each in commands if each[:2] == ["python", "-m"]}


def imported(module: str) -> set[str]:
    """The packages that it imports."""
    command = [sys.executable, "-c", f"import sys, {module}; print(*{{each.split('.')[0] for each in sys.modules}})"]
    return set(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize("module", sorted(modules()))
def test_what_a_container_imports_is_in_its_image(module: str) -> None:
    """Here is more: what the tests need."""
    lock = (ROOT / "requirements" / "world.lock").read_text()
    installed = {"saving-alerts", *re.findall(r"^([a-z0-9.-]+)==", lock, re.MULTILINE)}
    found = packages_distributions()
    names = imported(module) & found.keys()
    needed = {name: {each.lower().replace("_", "-") for each in found[name]} for name in names}

    assert {name for name, providers in needed.items() if not providers & installed} == set()
