"""The results of one partition: what its decisions and the responses of its users, read from Kafka, come to."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from aiokafka import ConsumerRecord

from saving_alerts.delivery.outputs import Output
from saving_alerts.domain.decisions import Decision, Stage
from saving_alerts.domain.results.assignments import assigned_by
from saving_alerts.domain.results.join import Committed, Join
from saving_alerts.domain.results.result import Result
from saving_alerts.kafka.client import Commit
from saving_alerts.kafka.codecs import UnreadableError, decode_ledger, decode_response, encode

_DISPATCHED = Stage.DISPATCH_PUSH.value.encode()  # most decisions are of other stages, and are not decoded


@dataclass(slots=True)
class PartitionResults:
    """`topic`: where results are written. `unreadable` counts the records of ours that nobody can read."""

    topic: str
    number: int
    join: Join
    unreadable: int = field(default=0)

    def take_decisions(self, records: Iterable[ConsumerRecord]) -> list[Output]:
        found: list[Result] = []
        for record in records:
            decision = self._decision(record)
            assigned = None if decision is None else assigned_by(decision)
            if assigned is not None:
                found += self.join.take_alert(assigned, record.offset)
        return self._outputs(found)

    def take_responses(self, records: Iterable[ConsumerRecord]) -> list[Output]:
        found: list[Result] = []
        for record in records:
            try:
                found += self.join.take_response(decode_response(record.value), record.offset)
            except UnreadableError:
                self.unreadable += 1
        return self._outputs(found)

    def prune(self, now: datetime) -> None:
        self.join.prune(now)

    def _decision(self, record: ConsumerRecord) -> Decision | None:
        if _DISPATCHED not in (record.value or b""):
            return None
        try:
            entry = decode_ledger(record.value)
        except UnreadableError:
            self.unreadable += 1
            return None
        return entry if isinstance(entry, Decision) else None

    def _outputs(self, results: list[Result]) -> list[Output]:
        return [Output(self.topic, self.number, each.user_id.encode(), encode(each)) for each in results]


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where reading a partition of one topic begins, and before which offset everything is written already."""

    read_from: int
    committed: int


def beginning_of(commit: Commit | None, end: int) -> Beginning:
    """The text of a commit is the first offset that has to be read again. Whatever else stands there is none.

    A commit behind the end is of a topic that was made anew since.
    """
    if commit is None or commit.offset > end:
        return Beginning(0, 0)
    needed = int(commit.text) if commit.text.isascii() and commit.text.isdecimal() else commit.offset
    return Beginning(min(needed, commit.offset), commit.offset)


def commits_of(join: Join, decisions: int, responses: int) -> tuple[Commit, Commit]:
    """What is to be committed for decisions and responses that were read up to these offsets.

    Never less than was committed before: after a restart both are read again from before it.
    """
    needed = join.first_needed or Committed(-1, -1)
    return (
        _commit(max(decisions, join.committed.decisions), needed.decisions),
        _commit(max(responses, join.committed.responses), needed.responses),
    )


def _commit(offset: int, needed: int) -> Commit:
    return Commit(offset, str(needed if 0 <= needed < offset else offset))
