"""Outages as an operator meets them: within seconds the page, health, metrics, the log and `stats` name the cause.

The events that an outage held say so in their decisions. Each test prints after how many seconds what was said.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from demo.stub_apis.faults import Behaviour
from demo.workers.worker_process import WorkerProcess, command_line
from tests.end_to_end.conditions import page, wait_until
from tests.end_to_end.shoppers import FRESHNESS, long_freshness_rules, visit
from tests.end_to_end.test_kill_switch import RunningDeployment, running

SAID_WITHIN_SECONDS = 20
OVER_WITHIN_SECONDS = 40
SHOPPERS = 12
# What is left of their freshness when the events are written: they expire in the outage.
LEFT = timedelta(seconds=14)

Act = Callable[[RunningDeployment], object]


@dataclass(frozen=True, slots=True)
class Outage:
    """How something breaks and heals; the condition, the beginning of the page's sentence, and who held the event."""

    breaks: Act
    heals: Act
    condition: str
    sentence: str
    held_by: str


def fails(status: int) -> Behaviour:
    return Behaviour(fault="status", status=status)


OUTAGES = {
    "push API 500": Outage(
        lambda it: it.world.push_api.behave(fails(500)),
        lambda it: it.world.push_api.recover(),
        "push_api",
        "push API down since",
        "by the push API: HTTP 500",
    ),
    "push API 429": Outage(
        lambda it: it.world.push_api.behave(Behaviour(fault="status", status=429, retry_after_seconds=20)),
        lambda it: it.world.push_api.recover(),
        "push_api",
        "push API down since",
        "by the push API: HTTP 429",
    ),
    "Coupon API 500": Outage(
        lambda it: it.world.coupon_api.behave(fails(500)),
        lambda it: it.world.coupon_api.recover(),
        "coupon_api",
        "Coupon API down since",
        "by the Coupon API: HTTP 500",
    ),
    "Redis stopped": Outage(
        lambda it: it.world.redis.stop(),
        lambda it: it.world.redis.start(),
        "redis",
        "Redis down since",
        "by Redis: Redis cannot be reached",
    ),
}


@pytest.fixture(scope="module")
def deployment() -> Iterator[RunningDeployment]:
    with running(1, {"SAVING_ALERTS_RELOAD_SECONDS": "1"}) as deployment:
        deployment.reasons("before")
        yield deployment


def the_worker(deployment: RunningDeployment) -> WorkerProcess:
    return deployment.workers[0]


def verdict(worker: WorkerProcess) -> dict[str, Any]:
    return dict(worker.json("/stats.json").get("verdict", {}))


def sentences(worker: WorkerProcess) -> list[str]:
    return list(verdict(worker).get("sentences", []))


def state_of(worker: WorkerProcess, name: str) -> str:
    return next((each["state"] for each in worker.health().get("conditions", []) if each["name"] == name), "")


@contextmanager
def timed(what: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    print(f"{what}: after {time.monotonic() - began:.1f} s")  # noqa: T201 - the table of the report


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", OUTAGES)
def test_an_outage_is_named_everywhere_and_in_the_decisions_of_what_it_held(
    deployment: RunningDeployment, name: str
) -> None:
    outage, worker = OUTAGES[name], the_worker(deployment)
    users = [f"u-{name.replace(' ', '-')}-{number}" for number in range(SHOPPERS)]
    with broken(outage, deployment):
        deployment.write(visit(user, user, age=FRESHNESS - LEFT) for user in users)
        for where, says in said_by(worker, outage).items():
            with timed(f"{name}: {where}"):
                wait_until(says, SAID_WITHIN_SECONDS, f"{where} names it")
        held = [[str(each) for each in deployment.decided(user).held_by] for user in users]
    assert all(any(outage.held_by in each for each in holds) for holds in held), held

    # Who is asked nothing cannot show that it is well: these are the probes.
    deployment.write(visit(f"{user}-after", f"{user}-after") for user in users)
    with timed(f"{name}: over"):
        wait_until(lambda: state_of(worker, outage.condition) == "ok", OVER_WITHIN_SECONDS, "it is well again")


@contextmanager
def broken(outage: Outage, deployment: RunningDeployment) -> Iterator[None]:
    outage.breaks(deployment)
    try:
        yield
    finally:
        outage.heals(deployment)


def said_by(worker: WorkerProcess, outage: Outage) -> dict[str, Callable[[], bool]]:
    """Each place that says what is ill, with whether it does."""
    metric = f'saving_alerts_dependency_ill{{dependency="{outage.condition}"}} 1'
    return {
        "log": lambda: f'"{outage.condition} is degraded' in worker.log(),
        "health": lambda: state_of(worker, outage.condition) == "degraded",
        "page": lambda: outage.sentence in page(worker, "/stats").body,
        "verdict": lambda: any(each.startswith(outage.sentence) for each in sentences(worker)),
        "metrics": lambda: metric in page(worker, "/metrics").body,
    }


def test_a_refused_rules_file_is_not_ok_and_leaves_the_worker_ready(deployment: RunningDeployment) -> None:
    worker = the_worker(deployment)
    deployment.world.s3.put("rules.json", b"{}")
    with timed("broken rules file, said"):
        wait_until(lambda: state_of(worker, "rules_fresh") == "degraded", SAID_WITHIN_SECONDS, "it is named")
    assert worker.is_ready()
    named = "rules in S3 degraded since"
    wait_until(lambda: any(each.startswith(named) for each in sentences(worker)), SAID_WITHIN_SECONDS, named)

    deployment.world.s3.put("rules.json", long_freshness_rules())
    wait_until(lambda: state_of(worker, "rules_fresh") == "ok", OVER_WITHIN_SECONDS, "it is well again")


def test_a_kill_switch_is_a_choice(deployment: RunningDeployment) -> None:
    worker = the_worker(deployment)
    deployment.kill("on", "all", "--reason", "a try", "--by", "ines", "--wait")
    with timed("kill switch, said"):
        wait_until(lambda: state_of(worker, "kill_switches") == "off by choice", SAID_WITHIN_SECONDS, "it is named")
    # Health says what is so now, the page what the workers said in their last heartbeats.
    wait_until(lambda: verdict(worker).get("state") == "off by choice", SAID_WITHIN_SECONDS, "the page says so")
    shown = command_line(["stats", "--page", worker.page], deployment.world.environment).stdout
    assert "kill switch on: all since" in shown.splitlines()[0]

    deployment.kill("off", "all", "--reason", "tried", "--by", "ines", "--wait")
    wait_until(lambda: state_of(worker, "kill_switches") == "ok", OVER_WITHIN_SECONDS, "it is off")
