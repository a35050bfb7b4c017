"""Time and memory of `simulate` for 200,000 recorded candidates, on the real Apache Kafka (JDK 17 and Maven).

What is on record is what the last two stages decide, with caps, budgets, texts in turn and control users. With the
same rules `simulate` must come to the same numbers.

python -m benchmarks.simulate
"""

import asyncio
import json
import resource
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from confluent_kafka import Producer

from benchmarks.last_stages import LastStages
from benchmarks.rules import Case, make_cases, make_rules
from demo.servers.s3 import EmbeddedS3
from demo.workers.worker_process import clean_environment, command_line
from saving_alerts.domain.coupons import Candidate
from saving_alerts.domain.events import ValidatedEvent
from saving_alerts.domain.merchants import Merchant
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules_file.compiler import read_rules
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.client import partition_of
from saving_alerts.kafka.codecs import Envelope, encode
from saving_alerts.kafka.topics import Topics
from saving_alerts.reference_data.snapshot import Merchants, Snapshot
from tests.kafka_cluster.cluster import KafkaCluster

CANDIDATES = 200_000
USERS = 50_000
RULES = 50
PARTITIONS = 12
PUSHES_PER_DAY = 100
FLUSH_SECONDS = 120
SEED = 7
KB_PER_MB = 1024


def main() -> None:
    """Write what workers would have written, then ask the command twice: the same rules, and other ones."""
    body, other = (compared(make_rules(Random(SEED + each), RULES)) for each in range(2))
    cases = make_cases(Random(SEED))
    merchants = {case[0].merchant.merchant_id: case[0].merchant for case in cases if case[0].merchant}
    with KafkaCluster() as kafka, EmbeddedS3() as s3, tempfile.TemporaryDirectory() as folder:
        s3.put("rules.json", body)
        s3.put("merchants.jsonl", b"".join(msgspec.json.encode(each) + b"\n" for each in merchants.values()))
        environment = {**clean_environment(), **s3.environment, **_settings(kafka, s3)}
        command_line(["topics", "create"], environment)
        decided = asyncio.run(_record(kafka.bootstrap_servers, cases, body, merchants))
        for name, rules in (("the same rules", body), ("other rules", other)):
            file = Path(folder) / "rules.json"
            file.write_bytes(rules)
            began = time.monotonic()
            ended = command_line(["simulate", "--rules", str(file), "--json"], environment)
            print(f"{name}: {time.monotonic() - began:.1f} s, at most {_peak_mb()} MB {ended.stderr}")
            found = json.loads(ended.stdout)
            _show(found)
            _check(found, decided)


def _peak_mb() -> int:
    """The most memory that a command has used so far."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // KB_PER_MB


def _show(found: dict[str, Any]) -> None:
    figures = {figure["name"]: (figure["before"], figure["after"]) for figure in found["figures"]}
    (recorded, *_) = found["recorded"]
    print(f"  {found['candidates']:,} candidates; pushes {figures['pushes']}; ", end="")
    print(f"{found['users']['gain']:,} users gain, {found['users']['lose']:,} lose; ", end="")
    print(f"on record {recorded['same']:,} the same, {recorded['different']:,} different")


def compared(rules: bytes, pushes_per_day: int = PUSHES_PER_DAY) -> bytes:
    """With control users of the file and of one rule in two, a budget of the others, texts in turn of one in three."""
    document = json.loads(rules)
    for number, rule in enumerate(document["rules"]):
        texts = rule["message"]["texts"]
        if number % 3 == 0:
            variants = [{"id": "plain", "texts": texts}, {"id": "friendly", "weight": 2, "texts": texts}]
            rule["message"] = {"fallback": "en", "variants": variants}
        if number % 2 == 0:
            rule["control_percent"] = 10
        else:
            rule["budget"] = {"pushes_per_day": pushes_per_day, "timezone": "Asia/Tokyo", "hours": "Mo-Su 09:00-21:00"}
    return json.dumps({**document, "control_percent": 5, "control_salt": "benchmark"}).encode()


def _check(found: dict[str, Any], decided: Counter[str]) -> None:
    """The first rule set is the one that decided: each event the same, and as many of each end."""
    recorded, figures = found["recorded"][0], {each["name"]: each["before"] for each in found["figures"]}
    simulated = {"pushed": figures["pushes"]} | {
        reason: figures[f"not pushed: {reason}"] for reason in decided if reason != Reason.PUSHED
    }
    print(f"workers decided {dict(decided)}")
    if recorded["different"] or recorded["same"] != CANDIDATES or simulated != dict(decided):
        raise SystemExit(f"simulate does not agree: {simulated}, {recorded}")


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


async def _record(servers: str, cases: list[Case], rules: bytes, merchants: dict[str, Merchant]) -> Counter[str]:
    """Candidates over six days, each with the decision that a worker makes of it. Returns how many end how."""
    topics = Topics.named("saving-events", "saving-alerts")
    stages = LastStages(Snapshot(read_rules(rules), Merchants("benchmark", merchants)))
    decided: Counter[str] = Counter()
    producer = Producer({"bootstrap.servers": servers, "linger.ms": 50, "queue.buffering.max.messages": 2_000_000})
    began = datetime.now(UTC) - timedelta(days=6)
    for number in range(CANDIDATES):
        candidate = candidate_of(cases[number % len(cases)], number, began + timedelta(seconds=2.5 * number))
        key = candidate.validated.event.user_id.encode()
        envelope = Envelope(candidate.validated.position, candidate.validated.event.event_id, began)
        partition = partition_of(key, PARTITIONS)
        headers: list[tuple[str, str | bytes | None]] = list(envelope.headers())
        at = int(candidate.validated.read_at.timestamp() * 1000)
        decision = await stages.decide(candidate)
        decided[decision.reason] += 1
        producer.produce(topics.candidates.name, encode(candidate), key, partition, timestamp=at, headers=headers)
        producer.produce(topics.decisions.name, encode(decision), key, partition, timestamp=at)
        if number % 1_000 == 0:
            producer.poll(0)
    producer.flush(FLUSH_SECONDS)
    return decided


def candidate_of(case: Case, number: int, at: datetime, users: int = USERS) -> Candidate:
    context, coupons = case
    event = msgspec.structs.replace(
        context.event, event_id=f"e-{number}", user_id=f"u-{number * 7919 % users}", occurred_at=at, received_at=at
    )
    validated = ValidatedEvent(
        position=SourcePosition("saving-events", number % PARTITIONS, number),
        deadline=at + timedelta(minutes=10),
        read_at=at,
        event=event,
    )
    lasting = tuple(
        msgspec.structs.replace(each, valid_from=at, valid_until=at + (each.valid_until - each.valid_from))
        for each in coupons
    )
    return Candidate(validated=validated, coupons=lasting, looked_at=at, distance_m=context.distance_m)


if __name__ == "__main__":
    main()
