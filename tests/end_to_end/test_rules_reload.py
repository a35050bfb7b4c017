"""Rules change under load: every worker has them in time, no event is decided by two versions, nothing is lost."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import count, takewhile
from pathlib import Path
from random import Random
from threading import Event, Thread
from typing import Any

import pytest

from demo.checks.decision_consumer import DecisionConsumer
from demo.stub_apis.coupon_api import Coupons
from demo.traffic import merchants_jsonl
from demo.traffic.coupons import discounted, good_coupon
from demo.traffic.directory import MERCHANTS
from demo.traffic.paced_producer import PacedProducer, Record
from demo.workers.worker_process import WorkerProcess, command_line, wait_until_ready
from demo.world import World
from saving_alerts.domain.decisions import Decision
from saving_alerts.domain.rules_file.compiler import version_of
from saving_alerts.reference_data.loader import RULES
from tests.end_to_end.conditions import Page, page, wait_until
from tests.end_to_end.shoppers import long_freshness_rules, visit
from tests.support.broken_rules import BROKEN

RELOADS = 100
BETWEEN_SECONDS = 0.2
USED = (1, 4, 7)
RELOAD_SECONDS = 0.15
PER_SECOND = 40
ANSWER_SECONDS = 60
OUTAGE_SECONDS = 15
LONG_OUTAGE_SECONDS = 620  # longer than a worker calls itself ready without S3
FETCH_SECONDS = 7  # S3's own timeouts
WAITING_FOR_S3 = "waiting for the first rules: s3://saving-alerts/rules.json: "
SMALL_BROKEN = [make() for name, (make, _) in BROKEN.items() if name != "50 MB"]


def numbered_rules(number: int) -> bytes:
    """The demo's rules without quiet hours, with `number` in every id and title."""
    document = json.loads(long_freshness_rules())
    del document["quiet_hours"]
    for rule in document["rules"]:
        rule["id"] += f"-{number}"
        for text in rule["message"]["texts"].values():
            text["title"] = f"v{number}: {text['title']}"
    return json.dumps(document).encode()


def coupons(user_id: str, _merchant_id: str) -> Coupons:
    """Every third shopper is offered too little, so that rules refuse as well."""
    good = good_coupon(Random(user_id), MERCHANTS[0])
    return [discounted(good, 1) if user_id.endswith(("0", "3", "6")) else good]


@dataclass
class RunningDeployment:
    """A world with two workers; `visits` produces events in the background."""

    world: World
    decisions: DecisionConsumer
    workers: list[WorkerProcess]
    producer: PacedProducer
    versions: dict[str, int] = field(default_factory=dict)

    def publish(self, number: int) -> None:
        body = numbered_rules(number)
        self.versions[version_of(body)] = number
        self.world.s3.put("rules.json", body)

    def visits(self, name: str, seconds: float, per_second: int = PER_SECOND) -> Thread:
        """Produce visits in the background for so many seconds."""
        records: list[Record] = [visit(f"{name}-{n}", f"u-{name}-{n}") for n in range(int(seconds * per_second))]
        thread = Thread(target=self.producer.write, args=(records, per_second))
        thread.start()
        return thread

    def visits_until(self, over: Event, name: str, per_second: int) -> Thread:
        """Produce visits in the background until it is over."""
        numbers = takewhile(lambda _: not over.is_set(), count())
        records = (visit(f"{name}-{n}", f"u-{name}-{n}") for n in numbers)
        thread = Thread(target=self.producer.write, args=(records, per_second))
        thread.start()
        return thread

    def has_decided_by(self, number: int) -> bool:
        """Whether an event was evaluated by the rules of this number."""
        positions = list(self.producer.positions.values())
        found = (each for position in positions for each in self.decisions.at(position) if rules_named(each))
        return any(self.versions.get(each.versions.rules or "") == number for each in found)

    def all_decisions(self) -> list[Decision]:
        """All of them, once every event has its answer."""
        self.decisions.wait_for_answers(len(self.producer.positions), ANSWER_SECONDS)
        assert self.decisions.answered == len(self.producer.positions)
        return [decision for position in self.producer.positions.values() for decision in self.decisions.at(position)]


@pytest.fixture(scope="module")
def deployment() -> Iterator[RunningDeployment]:
    settings = {"SAVING_ALERTS_RELOAD_SECONDS": str(RELOAD_SECONDS), "SAVING_ALERTS_HEARTBEAT_SECONDS": "0.3"}
    with (
        World(settings=settings) as world,
        DecisionConsumer(world.bootstrap_servers, world.topics.decisions.name) as decisions,
    ):
        deployment = RunningDeployment(
            world, decisions, [], PacedProducer(world.bootstrap_servers, world.topics.source.name)
        )
        deployment.publish(0)
        world.s3.put("merchants.jsonl", merchants_jsonl())
        world.coupon_api.coupons = coupons
        deployment.workers = [world.start_worker(), world.start_worker()]
        wait_until_ready(deployment.workers)
        yield deployment


def rules_named(decision: Decision) -> set[str]:
    """The rules that a decision of evaluation or dispatch speaks of."""
    refusals = decision.details.get("refusals", [])
    assert isinstance(refusals, list)
    return {str(each["rule_id"]) for each in refusals} | {str(decision.details.get("rule_id", ""))} - {""}


def rules_of(worker: WorkerProcess) -> dict[str, Any]:
    """The worker's own rules, as its page shows them; the page also shows the versions of the others."""
    (rules,) = [each for each in worker.json("/stats.json")["documents"] if each["kind"] == RULES]
    return dict(rules)


@pytest.mark.timeout(300)
def test_a_hundred_reloads_under_load_lose_nothing_and_mix_nothing(deployment: RunningDeployment) -> None:
    over = Event()
    shoppers = deployment.visits_until(over, "reloads", 2 * PER_SECOND)
    try:
        for number in range(1, RELOADS + 1):
            reload(deployment, number)
    finally:
        over.set()
        shoppers.join()

    decisions = deployment.all_decisions()

    evaluated = [(decision, rules_named(decision)) for decision in decisions if rules_named(decision)]
    mixed = [
        (decision.versions.rules, rules)
        for decision, rules in evaluated
        if {rule.rpartition("-")[2] for rule in rules} != {str(deployment.versions.get(decision.versions.rules or ""))}
    ]
    titles = {
        (push.push.title.partition(":")[0], deployment.versions[push.push.trace.rules_version])
        for push in deployment.world.push_api.accepted
    }
    assert mixed == []
    assert {decision.versions.rules for decision in decisions} <= deployment.versions.keys()
    assert [title for title, number in titles if title != f"v{number}"] == []
    assert len({decision.versions.rules for decision, _ in evaluated}) >= RELOADS / 10 * len(USED)
    assert {len(deployment.decisions.at(position)) for position in deployment.producer.positions.values()} == {1}


def reload(deployment: RunningDeployment, number: int) -> None:
    """Every fifth is broken. Three of ten are used, and the others are replaced before or after that."""
    if number % 5 == 0:
        deployment.world.s3.put("rules.json", SMALL_BROKEN[number % len(SMALL_BROKEN)])
    else:
        deployment.publish(number)
    if number % 10 in USED:
        wait_until(partial(deployment.has_decided_by, number), ANSWER_SECONDS, f"the rules {number} decide an event")
    else:
        time.sleep(BETWEEN_SECONDS)


@pytest.mark.timeout(120)
def test_publish_waits_until_every_worker_reports_the_new_version(
    deployment: RunningDeployment, tmp_path: Path
) -> None:
    file = tmp_path / "rules.json"
    file.write_bytes(numbered_rules(1_000))
    shoppers = deployment.visits("published", 5)
    arguments = ["rules", "publish", str(file), "--by", "ines", "--note", "a thousand", "--wait"]

    ended = command_line(arguments, deployment.world.environment)

    shoppers.join()
    assert ended.returncode == 0, ended.stderr
    assert "all 2 workers report it after " in ended.stdout
    seconds = float(ended.stdout.split(" after ")[1].split()[0])
    assert seconds < RELOAD_SECONDS + FETCH_SECONDS
    deployment.versions[version_of(numbered_rules(1_000))] = 1_000
    deployment.all_decisions()


@pytest.mark.parametrize(
    "seconds",
    [
        pytest.param(OUTAGE_SECONDS, marks=pytest.mark.timeout(200)),
        pytest.param(LONG_OUTAGE_SECONDS, marks=[pytest.mark.long, pytest.mark.timeout(900)]),
    ],
)
def test_while_s3_is_down_nothing_happens_but_the_age(deployment: RunningDeployment, seconds: int) -> None:
    deployment.publish(2_000)
    version = version_of(numbered_rules(2_000))
    wait_until(lambda: all(rules_of(each)["version"] == version for each in deployment.workers), 30, "the new rules")
    deployment.world.s3.stop()
    try:
        shoppers = deployment.visits(f"outage-{seconds}", seconds)
        shoppers.join()
        ready = [page(worker, "/health/ready") for worker in deployment.workers]
        documents = [rules_of(worker) for worker in deployment.workers]
        decisions = deployment.all_decisions()
    finally:
        deployment.world.s3.start()

    assert all(document["age_seconds"] > seconds - FETCH_SECONDS for document in documents)
    assert {document["version"] for document in documents} == {version}
    stale = seconds == LONG_OUTAGE_SECONDS
    assert {answer.status for answer in ready} == ({503} if stale else {200})
    late = [each for each in decisions if each.event_id and each.event_id.startswith(f"outage-{seconds}-")]
    assert {decision.versions.rules for decision in late} == {version}
    wait_until(lambda: all(page(each, "/health/ready").status == 200 for each in deployment.workers), 30, "ready again")


@pytest.mark.timeout(120)
def test_a_worker_that_starts_while_s3_is_down_waits_and_says_so() -> None:
    with World() as world:
        world.publish_reference_data()
        world.s3.stop()
        worker = world.start_worker()
        wait_until(lambda: WAITING_FOR_S3 in readiness(worker).body, 60, "a page that says what it waits for")
        waiting = readiness(worker)
        world.s3.start()

        worker.wait_until_ready()
        assert waiting.status == 503
        assert WAITING_FOR_S3 in waiting.body


def readiness(worker: WorkerProcess) -> Page:
    """Also of a worker that does not listen yet."""
    try:
        return page(worker, "/health/ready")
    except OSError as error:
        return Page(0, "", str(error))
