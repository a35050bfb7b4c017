"""How records end at a stage, as values: what `OutcomeWriter` makes and the rest of delivery passes on."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain

import msgspec
from aiokafka import ConsumerRecord

from saving_alerts.delivery.producer import Output
from saving_alerts.domain.decisions import Subject
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.source_position import SourcePosition

FORWARDED = "forwarded"
# Python 3.11 looks a member of an enum up by a function call: too much for every event.
NOT_A_TRIGGER_REASON = Reason.NOT_A_TRIGGER


class Addressed(msgspec.Struct, frozen=True, gc=False):
    """Whose a stage's input is: the position that its decision is for, and the subject it names.

    `received_at` is the tracking API's time, from which the event's age counts, and `deadline` is the event's; None
    where they are not known yet.
    """

    position: SourcePosition
    subject: Subject
    received_at: datetime | None = None
    deadline: datetime | None = None


class RecordResult(msgspec.Struct, frozen=True, gc=False):
    """How one record ended at one stage: `label` is its decision, or `forwarded`."""

    record: ConsumerRecord
    label: str
    outputs: list[Output]
    addressed: Addressed | None


class BatchResult(msgspec.Struct, frozen=True, gc=False):
    """How some records of one batch ended: each by itself, and by their offsets those that were no triggers.

    Nearly all of the source are none: they share one receipt, and have no conclusion of their own.
    """

    conclusions: Sequence[RecordResult]
    no_triggers: Sequence[int] = ()

    @property
    def records(self) -> int:
        return len(self.conclusions) + len(self.no_triggers)

    @property
    def labels(self) -> Mapping[str, int]:
        """How many ended in which way."""
        counted = Counter(conclusion.label for conclusion in self.conclusions)
        if self.no_triggers:
            counted[NOT_A_TRIGGER_REASON] = len(self.no_triggers)
        return counted

    @classmethod
    def together(cls, parts: Iterable["BatchResult"]) -> "BatchResult":
        conclusions, no_triggers = zip(*((part.conclusions, part.no_triggers) for part in parts), strict=True)
        return cls([*chain(*conclusions)], [*chain(*no_triggers)])
