"""From a record and what its step returned to the records that say so."""

import itertools
import logging
import traceback
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

import msgspec
from aiokafka import ConsumerRecord

from saving_alerts.codecs import Envelope
from saving_alerts.delivery.outputs import Output, Undelivered
from saving_alerts.delivery.recorder import Recorder
from saving_alerts.domain.decisions import Reason, Stage, Subject
from saving_alerts.domain.positions import SourcePosition
from saving_alerts.outcomes import DeadLetter, Decided, Forward, Outcome

log = logging.getLogger(__name__)

In = TypeVar("In")
Out = TypeVar("Out")
FORWARDED = "forwarded"
UNTRIED = "not tried: it killed the worker, or an operator skipped it"


class Addressed(msgspec.Struct, frozen=True, gc=False):
    """Whose a stage's input is: the position that its decision is for, and the subject it names.

    `received_at` is the tracking API's time, from which the event's age counts, and `deadline` is the event's; None
    where they are not known yet.
    """

    position: SourcePosition
    subject: Subject
    received_at: datetime | None = None
    deadline: datetime | None = None


@dataclass(frozen=True, slots=True)
class Forwarding(Generic[Out]):
    """Where a stage's output goes, and how it is addressed there."""

    topic: str
    address: Callable[[Out], tuple[str, Envelope]]


class Conclusion(msgspec.Struct, frozen=True, gc=False):
    """How one record ended at one stage: `label` is its decision, or `forwarded`."""

    record: ConsumerRecord
    label: str
    outputs: list[Output]
    addressed: Addressed | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A record whose step has begun and not ended. `begun` numbers them in order."""

    begun: int
    stage: Stage
    position: SourcePosition
    deadline: datetime | None


class Concluding(Generic[In, Out]):
    """The one reader of what steps return, for one stage."""

    def __init__(
        self,
        stage: Stage,
        recorder: Recorder,
        decode: Callable[[ConsumerRecord], In],
        address: Callable[[In], Addressed],
        forwarding: Forwarding[Out] | None,
    ) -> None:
        self._stage = stage
        self._recorder = recorder
        self._decode = decode
        self._address = address
        self._forwarding = forwarding
        self._waiting: dict[int, Waiting] = {}
        self._numbers = itertools.count()

    @property
    def waiting(self) -> Collection[Waiting]:
        """What waits in a step now."""
        return self._waiting.values()

    def of_step(self, record: ConsumerRecord, step: Callable[[In], Outcome[Out]]) -> Conclusion:
        addressed: Addressed | None = None
        try:
            value = self._decode(record)
            addressed = self._address(value)
            return self._conclude(record, addressed, step(value))
        except Exception:  # noqa: BLE001 - whatever it is: one record must not stop the others
            return self._unforeseen(record, addressed, traceback.format_exc())

    async def of_waiting_step(
        self, record: ConsumerRecord, step: Callable[[In], Awaitable[Outcome[Out]]]
    ) -> Conclusion:
        addressed: Addressed | None = None
        try:
            value = self._decode(record)
            addressed = self._address(value)
            with self._noted(addressed):
                outcome = await step(value)
            return self._conclude(record, addressed, outcome)
        except Exception:  # noqa: BLE001 - whatever it is: one record must not stop the others
            return self._unforeseen(record, addressed, traceback.format_exc())

    @contextmanager
    def _noted(self, addressed: Addressed) -> Iterator[None]:
        number = next(self._numbers)
        self._waiting[number] = Waiting(number, self._stage, addressed.position, addressed.deadline)
        try:
            yield
        finally:
            del self._waiting[number]

    def _conclude(self, record: ConsumerRecord, addressed: Addressed, outcome: Outcome[Out]) -> Conclusion:
        # Not `match`: it would cost a twentieth of all that `validate` does.
        if isinstance(outcome, Forward):
            return Conclusion(record, FORWARDED, [self._forward(outcome.value)], addressed)
        if isinstance(outcome, DeadLetter):
            return self._unforeseen(record, addressed, outcome.error)
        if outcome.reason is Reason.NOT_A_TRIGGER:
            return Conclusion(record, Reason.NOT_A_TRIGGER, [], addressed)  # its batch's receipt covers it
        return self._decided(record, addressed, outcome)

    def _forward(self, value: Out) -> Output:
        if self._forwarding is None:
            raise TypeError(f"nothing comes after {self._stage}")
        user_id, envelope = self._forwarding.address(value)
        return self._recorder.forward(self._forwarding.topic, user_id, envelope, value)

    def _decided(self, record: ConsumerRecord, addressed: Addressed, decided: Decided) -> Conclusion:
        subject = decided.subject or addressed.subject
        outputs = [self._recorder.decision(self._stage, addressed.position, decided, subject)]
        if decided.keep_bytes:
            problem = str(decided.details.get("problem", decided.reason))
            outputs.append(self._recorder.dead_letter(self._stage, record, addressed.position, problem))
        return Conclusion(record, decided.reason, outputs, addressed)

    def _unforeseen(self, record: ConsumerRecord, addressed: Addressed | None, error: str) -> Conclusion:
        """Nobody foresaw this, so the bytes are kept for a developer, and the event still gets its decision."""
        log.error("%s: a record became a dead letter: %s", self._stage, error)
        addressed = addressed or _addressed_by_headers(record)
        outputs = [
            self._recorder.dead_letter_decision(self._stage, addressed.position, addressed.subject, error),
            self._recorder.dead_letter(self._stage, record, addressed.position, error),
        ]
        return Conclusion(record, Reason.DEAD_LETTER, outputs, addressed)

    def untried(self, record: ConsumerRecord) -> Conclusion:
        """For a record that is not to be looked at, not even decoded: its headers must do."""
        return self._unforeseen(record, None, UNTRIED)

    def undelivered(self, failed: Undelivered, conclusions: Sequence[Conclusion]) -> list[Output]:
        """What to write in place of an output that Kafka refused."""
        for conclusion in conclusions:
            if any(output is failed.output for output in conclusion.outputs):
                return self._unforeseen(conclusion.record, conclusion.addressed, repr(failed.error)).outputs
        raise failed.error  # a receipt: no record of its own stands behind it

    def receipts(self, conclusions: Sequence[Conclusion]) -> list[Output]:
        """One receipt for all records of a batch that were no triggers, none where there are none."""
        covered = [each.record.offset for each in conclusions if each.label == Reason.NOT_A_TRIGGER]
        if not covered:
            return []
        record = conclusions[0].record
        return [self._recorder.receipt(record.topic, record.partition, covered)]


def source_of(record: ConsumerRecord) -> SourcePosition:
    """Which event a record stands for, without a look at its body."""
    return _addressed_by_headers(record).position


def _addressed_by_headers(record: ConsumerRecord) -> Addressed:
    """Whose record it is when nobody can read its body; its own place where not even the headers say."""
    try:
        envelope = Envelope.read(record.headers)
    except (ValueError, UnicodeDecodeError):
        return Addressed(SourcePosition(record.topic, record.partition, record.offset), Subject())
    return Addressed(envelope.position, Subject(event_id=envelope.event_id))
