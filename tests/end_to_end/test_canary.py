"""Three workers: a canary as foretold becomes everybody's by its time alone, and one that is too loud is taken back.

With half of the users and 100 events a second its guards see as much as with 5 % at 1,000 a second.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any

import msgspec
import pytest

from demo.checks.decision_consumer import DecisionConsumer
from demo.stub_apis.coupon_api import Coupons
from demo.traffic import merchants_jsonl
from demo.traffic.coupons import discounted, good_coupon
from demo.traffic.directory import MERCHANTS
from demo.traffic.paced_producer import PacedProducer, Record
from demo.workers.worker_process import WorkerProcess, command_line, wait_until_ready
from demo.world import World
from saving_alerts.domain.canary.order import CanaryOrder, read_order
from saving_alerts.domain.canary.split import is_in_canary
from saving_alerts.domain.decisions import Decision, answer
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules_file.compiler import version_of
from tests.end_to_end.conditions import wait_until
from tests.end_to_end.shoppers import long_freshness_rules, visit

PERCENT = 50
PER_SECOND = 100
LOUD_SECONDS = 40
TAKEN_BACK_SECONDS = 30
ANSWER_SECONDS = 90
GENEROUS, FAIR, POOR = 50, 15, 1  # what a shopper is offered, in percent


def rules(name: str, min_discount_percent: float) -> bytes:
    """One rule for whoever enters a store, at any hour."""
    document = json.loads(long_freshness_rules())
    del document["quiet_hours"]
    document["rules"] = document["rules"][:1]
    document["rules"][0] |= {"id": name, "min_discount_percent": min_discount_percent}
    return json.dumps(document).encode()


# 30 % of the users are to be pushed by the first two, and 90 % by the last.
QUIET, QUIET_TOO, LOUD = rules("quiet", 40), rules("quiet-too", 40), rules("loud", 10)


def coupons(user_id: str, _merchant_id: str) -> Coupons:
    random = Random(user_id)
    drawn = random.random()
    percent = GENEROUS if drawn < 0.3 else FAIR if drawn < 0.9 else POOR
    return [discounted(good_coupon(random, MERCHANTS[0]), percent)]


@dataclass
class Deployment:
    world: World
    decisions: DecisionConsumer
    workers: list[WorkerProcess]
    producer: PacedProducer
    folder: Path

    def rules(self, *arguments: str) -> str:
        ended = command_line(["rules", *arguments], self.world.environment)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def begin(self, body: bytes, percent: int = PERCENT) -> CanaryOrder:
        """Returns when every worker uses it."""
        file = self.folder / "rules.json"
        file.write_bytes(body)
        trial = ("--canary", f"{percent}%", "--for", "2h", "--foretold", "30%", "--wait")
        assert "all 3 workers report it" in self.rules("publish", str(file), "--by", "ines", "--note", "try", *trial)
        return self.order

    @property
    def order(self) -> CanaryOrder:
        found = read_order(self.world.s3.get("rules/canary.json"))
        assert isinstance(found, CanaryOrder)
        return found

    def write(self, name: str, count: int, per_second: int = PER_SECOND) -> list[str]:
        """The names of as many events, each of a user of its own."""
        names = [f"{name}-{number}" for number in range(count)]
        records: list[Record] = [visit(each, f"u-{each}") for each in names]
        self.producer.write(records, per_second)
        return names

    def decided(self, names: list[str]) -> dict[str, list[Decision]]:
        """All decisions of these events, once each has one."""
        positions = {name: self.producer.positions[name] for name in names}
        assert all(self.decisions.wait_for(position, ANSWER_SECONDS) for position in positions.values())
        return {name: self.decisions.at(position) for name, position in positions.items()}

    def all_know_the_end(self, ends: datetime) -> bool:
        shown = [worker.json("/stats.json").get("canary") or {} for worker in self.workers]
        return all(datetime.fromisoformat(each.get("ends", "1970-01-01T00:00:00Z")) == ends for each in shown)

    def alive(self) -> WorkerProcess:
        return next(worker for worker in self.workers if worker.is_running())

    def canary(self) -> dict[str, Any]:
        """As a page shows it."""
        return dict(self.alive().json("/stats.json").get("canary") or {})

    def seen(self) -> int:
        """How many events the guards have seen, of all workers."""
        return sum(int(each["events"]) for each in self.canary().get("guards", []) if each["name"].endswith("too many"))


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    settings = {"SAVING_ALERTS_RELOAD_SECONDS": "0.5"}
    with (
        World(settings=settings) as world,
        DecisionConsumer(world.bootstrap_servers, world.topics.decisions.name) as decisions,
    ):
        world.s3.put("rules.json", QUIET)
        world.s3.put("merchants.jsonl", merchants_jsonl())
        world.coupon_api.coupons = coupons
        workers = [world.start_worker() for _ in range(3)]
        wait_until_ready(workers)
        producer = PacedProducer(world.bootstrap_servers, world.topics.source.name)
        yield Deployment(world, decisions, workers, producer, tmp_path)


def sets_named(decisions: dict[str, list[Decision]]) -> dict[str, set[tuple[str | None, str | None]]]:
    """By event: the versions of the rules, and the canaries, that its decisions name."""
    return {name: {(each.versions.rules, each.versions.canary) for each in found} for name, found in decisions.items()}


def of(body: bytes, canary: str | None) -> set[tuple[str | None, str | None]]:
    return {(version_of(body), canary)}


def is_drawn(order: CanaryOrder, name: str) -> bool:
    return is_in_canary(order.percent, order.version, f"u-{name}")


@pytest.mark.timeout(240)
def test_one_as_foretold_is_everybodys_when_its_time_is_over_although_s3_is_down(deployment: Deployment) -> None:
    order = deployment.begin(QUIET_TOO)
    during = deployment.write("during", 10 * PER_SECOND)
    named = sets_named(deployment.decided(during))
    drawn = {name for name in during if is_drawn(order, name)}
    wait_until(lambda: deployment.seen() > 0.8 * len(drawn), 20, "the workers have told each other what they saw")
    guards = {each["name"]: each for each in deployment.canary()["guards"]}
    ending = msgspec.structs.replace(order, ends=datetime.now(UTC) + timedelta(seconds=10))
    deployment.world.s3.put("rules/canary.json", msgspec.json.encode(ending))
    wait_until(lambda: deployment.all_know_the_end(ending.ends), 20, "every worker knows when it ends")
    deployment.world.s3.stop()
    wait_until(lambda: datetime.now(UTC) > ending.ends, 20, "its time is over")
    after = sets_named(deployment.decided(deployment.write("after", 2 * PER_SECOND)))
    deployment.world.s3.start()
    status = deployment.rules("canary", "status")
    deployment.rules("canary", "promote", "--by", "tom", "--note", "as foretold", "--wait")
    written = sets_named(deployment.decided(deployment.write("written", PER_SECOND)))

    assert {name: sets for name, sets in named.items() if name in drawn and sets != of(QUIET_TOO, order.id)} == {}
    assert {name: sets for name, sets in named.items() if name not in drawn and sets != of(QUIET, None)} == {}
    assert max(each["share"] for each in guards.values()) < 1
    assert [sets for sets in after.values() if sets != of(QUIET_TOO, order.id)] == []
    assert "everybody has it; `rules canary promote` writes it down" in status
    assert [sets for sets in written.values() if sets != of(QUIET_TOO, None)] == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("percent", "per_second"),
    [
        pytest.param(50, 100, id="half at 100"),
        pytest.param(5, 1_000, id="5 % at 1,000", marks=pytest.mark.long),
    ],
)
def test_one_that_pushes_three_times_as_often_is_taken_back_without_s3_while_a_worker_dies(
    deployment: Deployment, percent: int, per_second: int
) -> None:
    order = deployment.begin(LOUD, percent)
    deployment.world.s3.stop()
    began = datetime.now(UTC)
    names: list[str] = []
    shoppers = Thread(target=lambda: names.extend(deployment.write("loud", LOUD_SECONDS * per_second, per_second)))
    shoppers.start()
    wait_until(lambda: deployment.seen() > 0, 20, "the guards have seen some events")
    deployment.workers[0].kill()
    wait_until(lambda: bool(deployment.canary().get("is_taken_back")), TAKEN_BACK_SECONDS, "it is taken back")
    taken_back_at, state = datetime.now(UTC), deployment.canary()["state"]
    shoppers.join()
    decisions = deployment.decided(names)
    later = sets_named(deployment.decided(deployment.write("later", PER_SECOND)))
    history = command_line(["kill", "history"], deployment.world.environment).stdout

    assert taken_back_at - began < timedelta(seconds=TAKEN_BACK_SECONDS)
    assert f"canary:{order.id} since" in state
    assert "pushes, too many: " in state
    assert f"canary:{order.id}  on by its guards, as worker-" in history
    assert [sets for sets in later.values() if sets != of(QUIET, None)] == []
    look_at_all(deployment, order, decisions, taken_back_at)


def look_at_all(
    deployment: Deployment, order: CanaryOrder, decisions: dict[str, list[Decision]], taken_back_at: datetime
) -> None:
    """Every event has its answer, and each decision its set; nobody got two pushes; what was stopped names the canary.

    An event that the dead worker had decided, and not committed, may come again, and be decided by the other rules: it
    has two decisions then, and the answer is the stronger one, as after any reload.
    """
    ends = {name: answer(found).reason for name, found in decisions.items()}
    pushed = [push.push.trace.event_id for push in deployment.world.push_api.accepted]
    of_canary, of_others = of(LOUD, order.id), of(QUIET, None)
    wrong = {
        name: sets
        for name, sets in sets_named(decisions).items()
        if not sets <= (of_canary | of_others if is_drawn(order, name) else of_others)
    }
    killed = [each for found in decisions.values() for each in found if each.reason is Reason.KILLED]
    long_after = taken_back_at + timedelta(seconds=5)
    late = [
        push.push.trace.event_id
        for push in deployment.world.push_api.accepted
        if push.push.trace.rules_version == order.version and push.accepted_at > long_after
    ]
    again = [name for name, found in decisions.items() if len({each.reason for each in found}) > 1]
    assert len(pushed) == len(set(pushed))
    assert set(pushed) & ends.keys() == {name for name, reason in ends.items() if reason is Reason.PUSHED}
    assert len(again) < len(ends) / 20
    assert wrong == {}
    assert {each.versions.canary for each in killed} <= {order.id}
    assert [each for each in killed if not str(each.details["switch"]).startswith(f"canary:{order.id} since")] == []
    assert late == []
