"""`audit` beside three workers under load, one of which is killed: it sees events on their way, and no false alarm.

A wrong order of the audit's reads can pass here by luck, as milliseconds matter: that order is also tested by
`tests/integration/commands/test_audit.py`.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count

import msgspec
import pytest

from demo.stub_apis.faults import Behaviour
from demo.traffic import merchants_jsonl
from demo.traffic.paced_producer import PacedProducer, Record
from demo.workers.worker_process import WorkerProcess, command_line, wait_until_ready
from demo.world import World
from tests.end_to_end.conditions import wait_until
from tests.end_to_end.shoppers import good_coupons, long_freshness_rules, visit
from tests.kafka_cluster.cluster import KafkaCluster
from tests.kafka_cluster.libraries import require_java_and_maven

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400)]

EVENTS_PER_SECOND = 150
AUDITS_UNDER_LOAD = 10
KILL_AFTER_AUDITS = 2
START_AFTER_AUDITS = 4
# Long enough for one stage to commit an event before the next one is done with it: what an audit can get wrong.
SLOW = Behaviour(latency_seconds=0.7)
COMMIT_TIMEOUT_SECONDS = 60
SETTINGS = {
    "SAVING_ALERTS_TOPIC_PARTITIONS": "12",
    "SAVING_ALERTS_TOPIC_REPLICATION_FACTOR": "1",
    "SAVING_ALERTS_SESSION_TIMEOUT_SECONDS": "6",
    "SAVING_ALERTS_GROUP_HEARTBEAT_SECONDS": "1.5",
    "SAVING_ALERTS_CLAIM_LEASE_SECONDS": "8",
}


class AuditedPartition(msgspec.Struct):
    start: int
    end: int
    answered: int
    pending: int
    missing_ranges: list[tuple[int, int]]
    contradictions: list[int]
    unknown: int
    uncommitted: int


class AuditDocument(msgspec.Struct):
    """What `audit --json` prints, as far as this test looks at it."""

    summary: str
    unreadable: int
    partitions: list[AuditedPartition]

    def total(self, column: str) -> int:
        return sum(getattr(partition, column) for partition in self.partitions)


@dataclass(frozen=True, slots=True)
class Audit:
    exit_code: int
    document: AuditDocument

    @property
    def alarms(self) -> list[str]:
        """What would alert an operator: missing and contradictory offsets, and an exit code other than 0."""
        found = {"missing": "missing_ranges", "contradictory": "contradictions"}
        alarms = [
            f"partition {number}: {word} {offsets}"
            for number, partition in enumerate(self.document.partitions)
            for word, column in found.items()
            if (offsets := getattr(partition, column))
        ]
        return [*alarms, f"exit code {self.exit_code}"] if self.exit_code else alarms


@dataclass(slots=True)
class Auditor:
    """Runs `saving-alerts audit` and keeps the results."""

    world: World
    audits: list[Audit] = field(default_factory=list)

    def audit(self) -> AuditDocument:
        result = command_line(["audit", "--json"], self.world.environment)
        assert result.stdout, result.stderr
        document = msgspec.json.decode(result.stdout, type=AuditDocument)
        self.audits.append(Audit(result.returncode, document))
        return document

    def sees_all_committed(self, events: int) -> bool:
        document = self.audit()
        return document.total("end") - document.total("start") == events


@dataclass(frozen=True, slots=True)
class ObservedAudits:
    """The audits while events came in, and those afterwards, until one of them saw all events behind the commit."""

    events: int
    under_load: list[Audit]
    afterwards: list[Audit]


@pytest.fixture(scope="module")
def observed() -> Iterator[ObservedAudits]:
    require_java_and_maven()
    with KafkaCluster(brokers=1) as cluster, World(cluster.bootstrap_servers, SETTINGS) as world:
        command_line(["topics", "create"], world.environment).check_returncode()
        world.s3.put("rules.json", long_freshness_rules())
        world.s3.put("merchants.jsonl", merchants_jsonl())
        world.coupon_api.coupons = good_coupons
        world.coupon_api.behave(SLOW)
        workers = [world.start_worker() for _ in range(3)]
        wait_until_ready(workers)
        yield run_audits(world, workers)


def run_audits(world: World, workers: list[WorkerProcess]) -> ObservedAudits:
    """Every event goes all the way to a push, so that as many as possible are between two stages."""
    auditor, source = Auditor(world), PacedProducer(world.bootstrap_servers, world.topics.source.name)
    with ThreadPoolExecutor(1) as thread:
        writing = thread.submit(source.write, visits(auditor), EVENTS_PER_SECOND)
        audit_and_kill(auditor, workers[0])
        writing.result()
    events, under_load = len(source.positions), list(auditor.audits)
    wait_until(lambda: auditor.sees_all_committed(events), COMMIT_TIMEOUT_SECONDS, "every event was taken")
    return ObservedAudits(events, under_load, auditor.audits[len(under_load) :])


def visits(auditor: Auditor) -> Iterator[Record]:
    """Shoppers come for as long as there are audits to come."""
    for number in count():
        if len(auditor.audits) >= AUDITS_UNDER_LOAD:
            return
        yield visit(f"visit-{number}", f"u-{number}")


def audit_and_kill(auditor: Auditor, target: WorkerProcess) -> None:
    while len(auditor.audits) < AUDITS_UNDER_LOAD:
        auditor.audit()
        if len(auditor.audits) == KILL_AFTER_AUDITS:
            target.kill()
        if len(auditor.audits) == START_AFTER_AUDITS:
            target.start()


def test_no_audit_under_load_raises_an_alarm(observed: ObservedAudits) -> None:
    assert [audit.alarms for audit in observed.under_load] == [[]] * AUDITS_UNDER_LOAD


def test_events_on_their_way_are_seen_as_pending(observed: ObservedAudits) -> None:
    assert max(audit.document.total("pending") for audit in observed.under_load) > 0


def test_no_audit_says_that_it_does_not_know(observed: ObservedAudits) -> None:
    documents = [audit.document for audit in observed.under_load + observed.afterwards]

    assert {(each.total("unknown"), each.unreadable) for each in documents} == {(0, 0)}


def test_afterwards_every_event_is_answered_or_on_its_way(observed: ObservedAudits) -> None:
    last = observed.afterwards[-1]

    assert [audit.alarms for audit in observed.afterwards] == [[]] * len(observed.afterwards)
    assert last.document.total("answered") + last.document.total("pending") == observed.events
