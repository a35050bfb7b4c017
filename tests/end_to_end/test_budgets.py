"""A merchant's budget, with two workers: as many pushes as it has, whoever dies, and whatever Redis forgets."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import pytest
import redis

from demo.checks.decision_consumer import DecisionConsumer
from demo.traffic import merchants_jsonl
from demo.traffic.directory import MERCHANTS
from demo.traffic.paced_producer import PacedProducer
from demo.workers.worker_process import WorkerProcess, command_line, wait_until_ready
from demo.world import World
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules_file.compiler import version_of
from saving_alerts.reference_data.loader import RULES
from tests.end_to_end.conditions import wait_until
from tests.end_to_end.shoppers import good_coupons, long_freshness_rules, visit

pytestmark = pytest.mark.timeout(240)

PER_SECOND = 50
ANSWER_SECONDS = 90
OUT_BY_NOW = "Mo-Su 00:00-00:01"  # so all of it is, whenever the test runs
KNOWN = "saving-alerts:claims:%budgets"
RELOAD_SECONDS = 0.2


def rules(pushes_per_day: int) -> bytes:
    document = json.loads(long_freshness_rules())
    del document["quiet_hours"]
    budget = {"pushes_per_day": pushes_per_day, "timezone": "UTC", "hours": OUT_BY_NOW}
    return json.dumps({**document, "merchant_budgets": {MERCHANTS[0].merchant_id: budget}}).encode()


@dataclass
class Deployment:
    """A world in which Redis has known of budgets for long."""

    world: World
    decisions: DecisionConsumer
    producer: PacedProducer
    workers: list[WorkerProcess] = field(default_factory=list)
    numbers: "count[int]" = field(default_factory=count)
    ended: dict[Reason, str] = field(default_factory=dict)  # one of each

    def publish(self, pushes_per_day: int) -> None:
        """Returns when every worker has it."""
        body = rules(pushes_per_day)
        self.world.s3.put("rules.json", body)
        running = [each for each in self.workers if each.is_running()]
        wait_until(lambda: all(version_of(body) == _version(each) for each in running), ANSWER_SECONDS, "the new rules")

    def come(self, shoppers: int) -> Counter[Reason]:
        """How they end, each of them a user of their own."""
        names = [f"shopper-{next(self.numbers)}" for _ in range(shoppers)]
        self.producer.write([visit(name, f"u-{name}") for name in names], PER_SECOND)
        self.decisions.wait_for_answers(len(self.producer.positions), ANSWER_SECONDS)
        found = Counter[Reason]()
        for name in names:
            reason = max((each.reason for each in self.decisions.at(self.producer.positions[name])), key=_strength)
            self.ended[reason] = name
            found[reason] += 1
        return found

    @property
    def pushes(self) -> int:
        return len(self.world.push_api.accepted)


def _strength(reason: Reason) -> int:
    return reason.row.strength


def _version(worker: WorkerProcess) -> str:
    (found,) = [each["version"] for each in worker.json("/stats.json")["documents"] if each["kind"] == RULES]
    return str(found)


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    with (
        World(settings={"SAVING_ALERTS_RELOAD_SECONDS": str(RELOAD_SECONDS)}) as world,
        DecisionConsumer(world.bootstrap_servers, world.topics.decisions.name) as decisions,
        redis.Redis.from_url(world.redis.url) as client,
    ):
        client.set(KNOWN, json.dumps({"run": client.info("server")["run_id"], "since": 1}))
        world.s3.put("rules.json", rules(20))
        world.s3.put("merchants.jsonl", merchants_jsonl())
        world.coupon_api.coupons = good_coupons
        made = Deployment(world, decisions, PacedProducer(world.bootstrap_servers, world.topics.source.name))
        made.workers = [world.start_worker(), world.start_worker()]
        wait_until_ready(made.workers)
        yield made


def test_as_many_are_pushed_as_the_budget_has_and_the_others_are_told_so(deployment: Deployment) -> None:
    assert deployment.come(40) == {Reason.PUSHED: 20, Reason.BUDGET_SPENT: 20}
    assert deployment.pushes == 20
    event = deployment.ended[Reason.BUDGET_SPENT]
    told = command_line(["explain", "--event", event], deployment.world.environment).stdout
    assert "we send only so many of these pushes a day" in told
    assert f"budget merchant:{MERCHANTS[0].merchant_id}, pushes per day 20, taken 20, until " in told


def test_another_budget_counts_at_once(deployment: Deployment) -> None:
    deployment.publish(30)
    assert deployment.come(15) == {Reason.PUSHED: 10, Reason.BUDGET_SPENT: 5}
    deployment.publish(25)
    assert deployment.come(3) == {Reason.BUDGET_SPENT: 3}


def test_never_above_where_a_worker_dies_and_where_redis_forgets(deployment: Deployment) -> None:
    deployment.publish(40)
    deployment.workers[0].kill()
    deployment.come(20)
    # What the dead worker had not committed comes again, and has a part of the new budget like any other.
    wait_until(lambda: deployment.pushes >= 40, ANSWER_SECONDS, "the whole budget is used")
    assert deployment.pushes == 40

    with redis.Redis.from_url(deployment.world.redis.url) as client:
        client.flushall()
    deployment.publish(60)
    assert deployment.come(5) == {Reason.BUDGET_SPENT: 5}  # as far as Redis knows all of them may have gone out
    assert deployment.pushes <= 40
