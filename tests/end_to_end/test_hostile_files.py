"""Files that would have ended a worker: one that starts waits and says why, one that runs keeps what it has."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from demo.traffic import rules_json
from demo.workers.worker_process import WorkerProcess
from demo.world import World
from saving_alerts.domain.rules_file.compiler import version_of
from tests.end_to_end.conditions import wait_until

pytestmark = pytest.mark.timeout(180)

BOOT_SECONDS = 60
RELOAD_SECONDS = 30


def per_is_a_list() -> bytes:
    document = json.loads(rules_json())
    document["caps"][0]["per"] = ["user"]
    return json.dumps(document).encode()


def keys_twice() -> bytes:
    """Nearly 2 MiB: 90,000 keys, each of them twice."""
    pairs = ",".join(f'"{number}":1,"{number}":2' for number in range(90_000))
    return b'{"caps":[],' + pairs.encode() + b"}"


HOSTILE = {
    "a list as per": (per_is_a_list(), '$.caps[0].per: ["user"] is none of'),
    "2 MiB of keys twice": (keys_twice(), "$: 90001 entries, and nothing in a rules file has more than 1000"),
}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World(settings={"SAVING_ALERTS_RELOAD_SECONDS": "0.5"}) as world:
        world.publish_reference_data()
        yield world


@pytest.fixture(scope="module")
def running(world: World) -> Iterator[WorkerProcess]:
    worker = world.start_worker({"SAVING_ALERTS_APP_ID": "running"})
    worker.wait_until_ready()
    yield worker
    worker.kill()


def condition(worker: WorkerProcess, name: str) -> dict[str, Any]:
    found = [each for each in worker.health().get("conditions", ()) if each["name"] == name]
    return deepcopy(found[0]) if found else {"ok": None, "detail": ""}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_running_worker_shows_the_refusal_and_keeps_the_last_good_rules(
    world: World, running: WorkerProcess, name: str
) -> None:
    body, words = HOSTILE[name]
    world.s3.put("rules.json", body)
    try:
        wait_until(lambda: words in condition(running, "rules_fresh")["detail"], RELOAD_SECONDS, "the refusal")
        rules = condition(running, "rules")
    finally:
        world.s3.put("rules.json", rules_json())

    assert (rules["ok"], rules["detail"]) == (True, f"version {version_of(rules_json())}")
    assert "Traceback" not in running.log()
    wait_until(lambda: "refused" not in condition(running, "rules_fresh")["detail"], RELOAD_SECONDS, "the good file")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_worker_that_starts_waits_says_why_and_can_be_stopped(world: World, name: str) -> None:
    body, words = HOSTILE[name]
    world.s3.put("rules.json", body)
    try:
        worker = world.start_worker({"SAVING_ALERTS_APP_ID": f"starting-{len(name)}"})
        wait_until(lambda: words in condition(worker, "rules")["detail"], BOOT_SECONDS, "a page that says why it waits")
        waiting = condition(worker, "rules")
        code = worker.stop()
    finally:
        world.s3.put("rules.json", rules_json())

    assert waiting["detail"].startswith("waiting for the first rules: ")
    assert code == 0, "it ended by itself, not by the limit of a stop"
    assert "Traceback" not in worker.log()
