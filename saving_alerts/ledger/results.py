"""What came of the pushes of the last days: decisions and results read from Kafka and counted, each once."""

from collections.abc import Callable, Iterator, MutableMapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import NamedTuple

import msgspec

from saving_alerts.domain.decisions import Decision, Stage
from saving_alerts.domain.results.assignments import Assigned, assigned_by, stronger
from saving_alerts.domain.results.responses import Kind
from saving_alerts.domain.results.result import Result
from saving_alerts.domain.results.tally import Compared, Tally, UserOutcome
from saving_alerts.kafka.codecs import UnreadableError, decode_result
from saving_alerts.kafka.connection import KafkaConnection
from saving_alerts.ledger.explaining import ECHO_MARGIN
from saving_alerts.ledger.offset_lookup import partitions_of, spans_since
from saving_alerts.ledger.topic_reader import Advance, StoredRecord, decoded, read

# A dict would do, if it had room: a fortnight may have millions of alerts.
Tables = Callable[[str], MutableMapping[bytes, bytes]]
Begin = Callable[[str, int], Advance]

_DISPATCHED = Stage.DISPATCH_PUSH.value.encode()


class Question(NamedTuple):
    """Which alerts are counted: assigned since then, of one rule or of all."""

    since: datetime
    rule_id: str | None = None

    def is_about(self, alert: Assigned) -> bool:
        return alert.assigned_at >= self.since and self.rule_id in {None, alert.rule_id}


class _Joined(msgspec.Struct, array_like=True):
    """The alert that a shopper's event counts for."""

    key: bytes
    kind: Kind
    assigned_at: datetime


_alerts = msgspec.msgpack.Decoder(Assigned)
_joined = msgspec.msgpack.Decoder(_Joined)
_kinds = msgspec.msgpack.Decoder(frozenset[Kind])
_users = msgspec.msgpack.Decoder(UserOutcome)
_encode = msgspec.msgpack.Encoder().encode


async def results_since(
    connection: KafkaConnection,
    decisions: str,
    results: str,
    question: Question,
    tables: Callable[[], AbstractContextManager[Tables]],
    begin: Begin,
) -> Tally:
    """The partitions one after the other: each has everything of its users. Raises KafkaFailedError.

    `begin` is called with each topic and the number of offsets to read; its result with how many more were read.
    """
    numbers = await partitions_of(connection, decisions)
    spans = await spans_since(connection, decisions, numbers, question.since - ECHO_MARGIN)
    result_spans = await spans_since(connection, results, await partitions_of(connection, results), question.since)
    advances = [
        begin(name, sum(each.length for each in of.values()))
        for name, of in ((decisions, spans), (results, result_spans))
    ]
    tally = Tally()
    for number, span in spans.items():
        with tables() as opened:
            partition = PartitionTally(question, opened)
            async for batch in read(connection, decisions, {number: span}, advances[0]):
                partition.take_decisions(batch)
            if number in result_spans:
                async for batch in read(connection, results, {number: result_spans[number]}, advances[1]):
                    partition.take_results(batch)
            partition.add_to(tally)
    return tally


class PartitionTally:
    """Of one partition, which has everything of its users. In whatever order, and however often something comes."""

    def __init__(self, question: Question, tables: Tables) -> None:
        self._question = question
        self._alerts = tables("alerts")
        self._joined = tables("joined")
        self._kinds = tables("kinds")
        self._users = tables("users")

    def take_decisions(self, batch: list[StoredRecord]) -> None:
        for record in batch:
            entry = decoded(record) if _DISPATCHED in (record.value or b"") else None
            alert = assigned_by(entry) if isinstance(entry, Decision) else None
            if alert is not None and self._question.is_about(alert):
                self._take_alert(alert)

    def _take_alert(self, alert: Assigned) -> None:
        key = _key(alert)
        known = self._alerts.get(key)
        self._alerts[key] = _encode(alert if known is None else stronger(_alerts.decode(known), alert))

    def take_results(self, batch: list[StoredRecord]) -> None:
        for record in batch:
            try:
                self.take_result(decode_result(record.value))
            except UnreadableError:
                continue

    def take_result(self, result: Result) -> None:
        """A shopper's event that was joined twice, because a decision came late, counts for the later alert."""
        place = f"{result.response}:{result.kind}".encode()
        found, known = _Joined(_key(result), result.kind, result.assigned_at), self._joined.get(place)
        if known is None or _joined.decode(known).assigned_at <= found.assigned_at:
            self._joined[place] = _encode(found)

    def add_to(self, tally: Tally) -> None:
        for joined in map(_joined.decode, self._joined.values()):
            self._kinds[joined.key] = _encode(self._kinds_of(joined.key) | {joined.kind})
        for key, raw in self._alerts.items():
            alert, kinds = _alerts.decode(raw), self._kinds_of(key)
            tally.add_alert(alert, kinds)
            self._take_user(alert, redeemed=Kind.REDEEMED in kinds)
        for compared, user in self._compared():
            tally.add_user(compared, user)

    def _kinds_of(self, key: bytes) -> frozenset[Kind]:
        found = self._kinds.get(key)
        return frozenset() if found is None else _kinds.decode(found)

    def _take_user(self, alert: Assigned, *, redeemed: bool) -> None:
        place = _encode((alert.rule_id, alert.control_percent, alert.user_id))
        known = self._users.get(place)
        user = UserOutcome(alert.arm, alert.assigned_at) if known is None else _users.decode(known)
        user.add(alert.arm, alert.assigned_at, redeemed=redeemed)
        self._users[place] = _encode(user)

    def _compared(self) -> Iterator[tuple[Compared, UserOutcome]]:
        for place, user in self._users.items():
            rule_id, percent, _ = msgspec.msgpack.decode(place)
            yield Compared(rule_id, percent), _users.decode(user)


def _key(named: Assigned | Result) -> bytes:
    return f"{named.decision_id}:{named.event_id}".encode()
