"""Consent changes as they stand on our own topic: an opt-out has a value, an opt-in none, and a header says from where.

docs/adr/0034 says why.
"""

from collections.abc import Iterable

from aiokafka import ConsumerRecord

from saving_alerts.delivery.outputs import Output
from saving_alerts.domain.consent import EVERYONE, Change, OptOuts, Origin, is_opt_in, is_users, problem_of
from saving_alerts.kafka.client import partition_of
from saving_alerts.kafka.refused import RefusedBytes

FROM_HEADER = "consent-from"


def kind_of(record: ConsumerRecord) -> str:
    """What a record of upstream's counts as: the metric's tag."""
    if isinstance(record.value, RefusedBytes):
        return "refused"
    if not is_users(record.key):
        return "nobodys"
    if is_opt_in(record.value):
        return "opt_in"
    return "unreadable" if problem_of(record.value) else "opt_out"


def rekeyed(record: ConsumerRecord, topic: str, among: int, now_ms: int) -> list[Output]:
    """What to write to our topic, which has `among` partitions, for a record of upstream's.

    Nothing for a key that can be no user's. Refused bytes may hold anybody's opt-out, so they go to every partition.
    """
    if isinstance(record.value, RefusedBytes):
        where = f"{record.topic} {record.partition}/{record.offset}"
        why = f"{where} cannot be read, and nobody knows who opted out in it: {record.value.problem}"
        return [Output(topic, number, EVERYONE, why.encode()) for number in range(among)]
    if not is_users(record.key):
        return []
    # Not later than now: else a date in the future would outlive every later change in another partition.
    written_ms = max(0, min(record.timestamp, now_ms))
    origin = Origin(record.partition, record.offset, written_ms, among).written
    problem = None if is_opt_in(record.value) else problem_of(record.value) or ""
    return [placed(Change(record.key, origin, problem), topic, partition_of(record.key, among))]


def placed(change: Change, topic: str, partition: int) -> Output:
    value = None if change.problem is None else change.problem.encode()
    return Output(topic, partition, change.key, value, ((FROM_HEADER, change.origin),))


def moved(misplaced: Iterable[Change], topic: str, partition: int, among: int) -> tuple[list[Output], list[Output]]:
    """What to write to the right partitions, and then to this one, where they must not stand any more."""
    there, here = [], []
    for change in misplaced:
        origin = Origin.read(change.origin)
        written = origin._replace(among=among).written if origin else b""
        there.append(placed(change._replace(origin=written), topic, partition_of(change.key, among)))
        here.append(placed(Change(change.key, written, None), topic, partition))
    return there, here


def apply_record(known: OptOuts, record: ConsumerRecord) -> None:
    """The next record of our topic. Never raises."""
    if isinstance(record.value, RefusedBytes):
        known.stop_everyone(f"offset {record.offset} of {record.topic} cannot be read: {record.value.problem}")
        return
    known.apply(record.key or b"", record.value, dict(record.headers).get(FROM_HEADER))
