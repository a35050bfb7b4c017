"""Three workers that try a version of the rules, and shoppers of whom it pushes three times as many, or as many."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

from demo.checks.decision_consumer import DecisionConsumer
from demo.checks.group_offsets import GroupOffsets
from demo.stub_apis.coupon_api import Coupons
from demo.traffic import merchants_jsonl
from demo.traffic.coupons import discounted, good_coupon
from demo.traffic.directory import MERCHANTS
from demo.traffic.paced_producer import PacedProducer, Record
from demo.workers.worker_process import WorkerProcess, command_line, wait_until_ready
from demo.world import World
from saving_alerts.domain.canary.order import CanaryOrder, read_order
from saving_alerts.domain.decisions import Decision
from tests.end_to_end.conditions import wait_until
from tests.end_to_end.shoppers import long_freshness_rules, visit

PERCENT = 50
PER_SECOND = 100
ANSWER_SECONDS = 90
PARTITIONS = 4  # of every topic of the embedded Kafka
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

    def none_knows_a_canary(self) -> bool:
        return not any(worker.json("/stats.json").get("canary") for worker in self.workers)

    def alive(self) -> WorkerProcess:
        return next(worker for worker in self.workers if worker.is_running())

    def canary(self) -> dict[str, Any]:
        """As a page shows it."""
        return dict(self.alive().json("/stats.json").get("canary") or {})

    def guards(self) -> list[dict[str, Any]]:
        return list(self.canary().get("guards", []))

    def seen(self) -> int:
        """How many events the guards have seen, of all workers."""
        return sum(int(each["events"]) for each in self.guards() if each["name"].endswith("too many"))

    def all_have_taken_it_back(self) -> bool:
        """Each worker that runs: one knows of the switch before another does."""
        shown = [each.json("/stats.json").get("canary") or {} for each in self.workers if each.is_running()]
        return all(each.get("is_taken_back") for each in shown)

    def all_decided(self, names: list[str]) -> dict[str, list[Decision]]:
        """All decisions of these events, also those of what a dead worker had not committed and came again."""
        inputs = [topic.name for topic in self.world.topics.inputs.values()]
        offsets = GroupOffsets(self.world.bootstrap_servers, "saving-alerts", inputs, PARTITIONS)
        wait_until(offsets.is_caught_up, ANSWER_SECONDS, "everything is committed")
        self.decisions.wait_until_read(ANSWER_SECONDS)
        return self.decided(names)


@contextmanager
def three_workers(folder: Path) -> Iterator[Deployment]:
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
        yield Deployment(world, decisions, workers, producer, folder)
