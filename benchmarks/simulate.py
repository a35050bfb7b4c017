"""Time and memory of `simulate` for 200,000 recorded candidates, on the real Apache Kafka (JDK 17 and Maven).

What is on record is what the last two stages decide, in three cases: with caps, budgets, texts in turn, control users
and store hours; the same with alerts that are gathered, and departures; and a canary beside the live rules. With the
rules that decided `simulate` must come to the same.

python -m benchmarks.simulate
"""

import json
import tempfile
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import click
import msgspec
from confluent_kafka import Producer

from benchmarks.last_stages import live
from benchmarks.measured_command import measured
from benchmarks.recorded_traffic import PARTITIONS, SEED, compared, directory, traffic
from benchmarks.rules import make_cases, make_rules
from demo.servers.s3 import EmbeddedS3
from demo.workers.worker_process import clean_environment, command_line
from saving_alerts.domain.canary.order import CanaryOrder, Foretold
from saving_alerts.domain.coupons import Candidate
from saving_alerts.domain.decisions import Decision
from saving_alerts.domain.merchants import Merchant
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules.rule_set import RuleSet
from saving_alerts.domain.rules_file.compiler import read_rules
from saving_alerts.kafka.client import partition_of
from saving_alerts.kafka.codecs import Envelope, encode
from saving_alerts.kafka.topics import Topics
from saving_alerts.reference_data.snapshot import Merchants, ReferenceData
from tests.kafka_cluster.cluster import KafkaCluster

CANDIDATES = 200_000
USERS = 50_000
RULES = 50
EVERY = timedelta(seconds=2.5)
BEGAN = timedelta(days=6)
GATHERED_SECONDS = 10
CANARY_PERCENT = 30
FLUSH_SECONDS = 120


@dataclass(frozen=True)
class Recorded:
    """One case. `tried`: whether the other rules are tried on some of the users meanwhile."""

    name: str
    topic_prefix: str
    choose_within_seconds: int = 0
    tried: bool = False

    @property
    def topics(self) -> Topics:
        return Topics.named("saving-events", self.topic_prefix)

    def rules(self, number: int) -> bytes:
        """The live ones are number 0, the others 1."""
        made = make_rules(Random(SEED + number), RULES)
        return compared(made, choose_within_seconds=self.choose_within_seconds)


CASES = (
    Recorded("caps, budgets, control, texts in turn, store hours", "each-by-itself"),
    Recorded("the same, gathered", "gathered", GATHERED_SECONDS),
    Recorded("a canary beside them", "canary", GATHERED_SECONDS, tried=True),
)


@click.command()
@click.option("--candidates", default=CANDIDATES, show_default=True, help="How many are recorded.")
def main(candidates: int) -> None:
    """Write what workers would have written, then ask the command what other rules would have done."""
    with KafkaCluster() as kafka, EmbeddedS3() as s3, tempfile.TemporaryDirectory() as folder:
        for case in CASES:
            _compare(case, candidates, kafka, s3, Path(folder))


def _compare(case: Recorded, candidates: int, kafka: KafkaCluster, s3: EmbeddedS3, folder: Path) -> None:
    cases = make_cases(Random(SEED))
    merchants = directory(cases)
    s3.put("rules.json", case.rules(0))
    s3.put("merchants.jsonl", b"".join(msgspec.json.encode(each) + b"\n" for each in merchants.values()))
    environment = {**clean_environment(), **s3.environment, **_settings(kafka, s3, case)}
    command_line(["topics", "create"], environment).check_returncode()
    began = datetime.now(UTC) - BEGAN
    departures = bool(case.choose_within_seconds)
    found = traffic(cases, began, candidates, EVERY, users=USERS, departures=departures)
    decided = _record(Recording(kafka.bootstrap_servers, case.topics), found, _reference_data(case, merchants, began))
    file = folder / "rules.json"
    file.write_bytes(case.rules(1))
    ended = measured(["simulate", "--rules", str(file), "--json"], environment)
    print(f"{case.name}: {ended.seconds:.1f} s, at most {ended.peak_mib:.0f} MiB {ended.stderr}")
    told = json.loads(ended.stdout)
    _show(told)
    _check(case, told, decided)


def _reference_data(case: Recorded, merchants: dict[str, Merchant], began: datetime) -> ReferenceData:
    data = ReferenceData()
    rules, tried = read_rules(case.rules(0)), read_rules(case.rules(1))
    data.replace_rules(rules, began)
    data.replace_merchants(Merchants("benchmark", merchants), began)
    if case.tried:
        data.replace_canary((order_of(tried, rules, began), tried))
    return data


def order_of(tried: RuleSet, rules: RuleSet, began: datetime) -> CanaryOrder:
    """Tried for long after the last candidate."""
    return CanaryOrder(
        id=f"{tried.version}-a1b2c3",
        version=tried.version,
        instead_of=rules.version,
        percent=CANARY_PERCENT,
        begins=began,
        ends=began + timedelta(days=30),
        by="benchmark",
        note="",
        foretold=Foretold(pushes=0.1),
    )


def _show(found: dict[str, Any]) -> None:
    figures = {figure["name"]: (figure["before"], figure["after"]) for figure in found["figures"]}
    print(f"  {found['candidates']:,} candidates; pushes {figures['pushes']}; ", end="")
    print(f"{found['users']['gain']:,} users gain, {found['users']['lose']:,} lose")


def _check(case: Recorded, told: dict[str, Any], decided: Counter[str]) -> None:
    """Each event the same; and where one rule set decided all of them, as many of each end."""
    by_rules = [(each["version"], each["same"], each["different"]) for each in told["recorded"]]
    figures = {each["name"]: each["before"] for each in told["figures"]}
    simulated = {"pushed": figures["pushes"]} | {
        reason: figures[f"not pushed: {reason}"] for reason in decided if reason != Reason.PUSHED
    }
    print(
        f"  workers decided { ({str(reason): count for reason, count in decided.items()}) }\n"
        f"  by rules, same, different: {by_rules}"
    )
    evaluated = sum(decided.values()) - decided[Reason.NOT_A_TRIGGER]
    same, different = (sum(each[number] for each in by_rules) for number in (1, 2))
    sets = sum(1 for _, found, _ in by_rules if found)
    agrees = case.tried or simulated == dict(decided)
    if different or same != evaluated or sets != 1 + case.tried or not agrees:
        raise SystemExit(f"simulate does not agree: {simulated}")


def _settings(kafka: KafkaCluster, s3: EmbeddedS3, case: Recorded) -> dict[str, str]:
    return {
        "SAVING_ALERTS_TOPIC_PREFIX": case.topic_prefix,
        "SAVING_ALERTS_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "SAVING_ALERTS_TOPIC_REPLICATION_FACTOR": "1",
        "SAVING_ALERTS_REDIS_URL": "redis://127.0.0.1:1/0",
        "SAVING_ALERTS_S3_BUCKET": s3.bucket,
        "SAVING_ALERTS_S3_ENDPOINT_URL": s3.endpoint_url,
        "SAVING_ALERTS_COUPON_API_URL": "http://127.0.0.1:1",
        "SAVING_ALERTS_PUSH_API_URL": "http://127.0.0.1:1",
    }


def _record(recording: "Recording", candidates: list[Candidate], data: ReferenceData) -> Counter[str]:
    """All candidates, and the decision that a worker makes of each. Returns how many end how."""
    decided: Counter[str] = Counter()
    for each in candidates:
        recording.write(recording.topics.candidates.name, each, encode(each), each.looked_at or each.validated.read_at)

    def ended(candidate: Candidate, decision: Decision) -> None:
        decided[decision.reason] += 1
        recording.write(recording.topics.decisions.name, candidate, encode(decision), decision.decided_at)

    live(data, candidates, ended)
    recording.flush()
    return decided


class Recording:
    """What workers write, each with the time at which they would have written it."""

    def __init__(self, servers: str, topics: Topics) -> None:
        self.topics = topics
        # Idempotent: a batch that is sent again stays in its place, and budgets go by the order of time.
        self._producer = Producer(
            {
                "bootstrap.servers": servers,
                "linger.ms": 50,
                "enable.idempotence": True,
                "queue.buffering.max.messages": 2_000_000,
            }
        )

    def write(self, topic: str, candidate: Candidate, value: bytes, at: datetime) -> None:
        validated = candidate.validated
        key = validated.event.user_id.encode()
        envelope = Envelope(validated.position, validated.event.event_id, validated.deadline)
        headers: list[tuple[str, str | bytes | None]] = list(envelope.headers())
        written_ms = int(at.timestamp() * 1000)
        self._producer.produce(topic, value, key, partition_of(key, PARTITIONS), timestamp=written_ms, headers=headers)
        self._producer.poll(0)

    def flush(self) -> None:
        self._producer.flush(FLUSH_SECONDS)


if __name__ == "__main__":
    main()
