"""Time and memory of `simulate` for 200,000 recorded candidates, on the real Apache Kafka (JDK 17 and Maven).

python -m benchmarks.simulate
"""

import json
import resource
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from confluent_kafka import Producer

from benchmarks.rules import Case, make_cases, make_rules
from demo.servers.s3 import EmbeddedS3
from demo.workers.worker_process import clean_environment, command_line
from saving_alerts.domain.coupons import Candidate
from saving_alerts.domain.decisions import Decision, Stage, Versions, decision_id
from saving_alerts.domain.events import ValidatedEvent
from saving_alerts.domain.merchants import Merchant
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules_file.compiler import read_rules
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.client import partition_of
from saving_alerts.kafka.codecs import Envelope, encode
from saving_alerts.kafka.topics import Topics
from saving_alerts.pipeline.outcomes import Decided, Forward
from saving_alerts.pipeline.steps import evaluate_rules
from saving_alerts.reference_data.snapshot import Merchants, Snapshot
from tests.kafka_cluster.cluster import KafkaCluster

CANDIDATES = 200_000
USERS = 50_000
RULES = 50
PARTITIONS = 12
FLUSH_SECONDS = 120
SEED = 7
KB_PER_MB = 1024


def main() -> None:
    """Write what workers would have written, then ask the command twice: the same rules, and other ones."""
    body, other = make_rules(Random(SEED), RULES), make_rules(Random(SEED + 1), RULES)
    cases = make_cases(Random(SEED))
    merchants = {case[0].merchant.merchant_id: case[0].merchant for case in cases if case[0].merchant}
    with KafkaCluster() as kafka, EmbeddedS3() as s3, tempfile.TemporaryDirectory() as folder:
        s3.put("rules.json", body)
        s3.put("merchants.jsonl", b"\n".join(map(msgspec.json.encode, merchants.values())))
        environment = {**clean_environment(), **s3.environment, **_settings(kafka, s3)}
        command_line(["topics", "create"], environment)
        _record(kafka.bootstrap_servers, cases, body, merchants)
        for name, rules in (("the same rules", body), ("other rules", other)):
            file = Path(folder) / "rules.json"
            file.write_bytes(rules)
            began = time.monotonic()
            ended = command_line(["simulate", "--rules", str(file), "--json"], environment)
            print(f"{name}: {time.monotonic() - began:.1f} s, at most {_peak_mb()} MB {ended.stderr}")
            _show(json.loads(ended.stdout))


def _peak_mb() -> int:
    """The most memory that a command has used so far."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // KB_PER_MB


def _show(found: dict[str, Any]) -> None:
    figures = {figure["name"]: (figure["before"], figure["after"]) for figure in found["figures"]}
    (recorded, *_) = found["recorded"]
    print(f"  {found['candidates']:,} candidates; pushes {figures['pushes']}; ", end="")
    print(f"{found['users']['gain']:,} users gain, {found['users']['lose']:,} lose; ", end="")
    print(f"on record {recorded['same']:,} the same, {recorded['different']:,} different")


def _settings(kafka: KafkaCluster, s3: EmbeddedS3) -> dict[str, str]:
    return {
        "SAVING_ALERTS_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "SAVING_ALERTS_TOPIC_REPLICATION_FACTOR": "1",
        "SAVING_ALERTS_REDIS_URL": "redis://127.0.0.1:1/0",
        "SAVING_ALERTS_S3_BUCKET": s3.bucket,
        "SAVING_ALERTS_S3_ENDPOINT_URL": s3.endpoint_url,
        "SAVING_ALERTS_COUPON_API_URL": "http://127.0.0.1:1",
        "SAVING_ALERTS_PUSH_API_URL": "http://127.0.0.1:1",
    }


def _record(servers: str, cases: list[Case], rules: bytes, merchants: dict[str, Merchant]) -> None:
    """Candidates over six days, each with the decision that a worker makes of it."""
    topics = Topics.named("saving-events", "saving-alerts")
    snapshot = Snapshot(read_rules(rules), Merchants("benchmark", merchants))
    producer = Producer({"bootstrap.servers": servers, "linger.ms": 50, "queue.buffering.max.messages": 2_000_000})
    began = datetime.now(UTC) - timedelta(days=6)
    for number in range(CANDIDATES):
        candidate = _candidate(cases[number % len(cases)], number, began + timedelta(seconds=2.5 * number))
        key = candidate.validated.event.user_id.encode()
        envelope = Envelope(candidate.validated.position, candidate.validated.event.event_id, began)
        partition = partition_of(key, PARTITIONS)
        headers: list[tuple[str, str | bytes | None]] = list(envelope.headers())
        at = int(candidate.validated.read_at.timestamp() * 1000)
        decision = encode(_decision(candidate, snapshot))
        producer.produce(topics.candidates.name, encode(candidate), key, partition, timestamp=at, headers=headers)
        producer.produce(topics.decisions.name, decision, key, partition, timestamp=at)
        if number % 1_000 == 0:
            producer.poll(0)
    producer.flush(FLUSH_SECONDS)


def _candidate(case: Case, number: int, at: datetime) -> Candidate:
    context, coupons = case
    event = msgspec.structs.replace(
        context.event, event_id=f"e-{number}", user_id=f"u-{number * 7919 % USERS}", occurred_at=at, received_at=at
    )
    validated = ValidatedEvent(
        position=SourcePosition("saving-events", number % PARTITIONS, number),
        deadline=at + timedelta(minutes=10),
        read_at=at,
        event=event,
    )
    return Candidate(validated=validated, coupons=coupons, looked_at=at, distance_m=context.distance_m)


def _decision(candidate: Candidate, snapshot: Snapshot) -> Decision:
    validated, at = candidate.validated, candidate.looked_at or candidate.validated.read_at
    outcome = evaluate_rules(candidate, snapshot, at)
    if isinstance(outcome, Decided):
        stage, reason, details = Stage.EVALUATE_RULES, outcome.reason, dict(outcome.details)
    elif isinstance(outcome, Forward):
        stage, reason = Stage.DISPATCH_PUSH, Reason.PUSHED
        details = {"rule_id": outcome.value.rule_id, "coupon_id": outcome.value.coupon_id}
    return Decision(
        decision_id=decision_id(validated.position, reason),
        position=validated.position,
        stage=stage,
        reason=reason,
        decided_at=at,
        worker="benchmark",
        event_id=validated.event.event_id,
        user_id=validated.event.user_id,
        merchant_id=validated.event.merchant_id,
        details=details,
        versions=Versions(rules=snapshot.rules.version, merchants=snapshot.merchants.version),
    )


if __name__ == "__main__":
    main()
