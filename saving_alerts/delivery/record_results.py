"""How records end at a stage, as values: what `OutcomeWriter` makes and the rest of delivery passes on."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

import msgspec
from aiokafka import ConsumerRecord

from saving_alerts.delivery.addressing import Addressed
from saving_alerts.delivery.producer import Output
from saving_alerts.domain.reasons import Reason

FORWARDED = "forwarded"
# Python 3.11 looks a member of an enum up by a function call: too much for every event.
NOT_A_TRIGGER_REASON = Reason.NOT_A_TRIGGER


class RecordResult(msgspec.Struct, frozen=True, gc=False):
    """How one record ended at one stage: `label` is its decision, or `forwarded`."""

    record: ConsumerRecord
    label: str
    outputs: list[Output]
    addressed: Addressed | None


class BatchResult(msgspec.Struct, frozen=True, gc=False):
    """How some records of one batch ended: each by itself, and by their offsets those that were no triggers.

    Nearly all of the source are none: they share one receipt, and have no result of their own.
    """

    results: Sequence[RecordResult]
    no_triggers: Sequence[int] = ()

    @property
    def records(self) -> int:
        return len(self.results) + len(self.no_triggers)

    @property
    def labels(self) -> Mapping[str, int]:
        """How many ended in which way."""
        counted = Counter(result.label for result in self.results)
        if self.no_triggers:
            counted[NOT_A_TRIGGER_REASON] = len(self.no_triggers)
        return counted

    @classmethod
    def together(cls, parts: Iterable["BatchResult"]) -> "BatchResult":
        results, no_triggers = zip(*((part.results, part.no_triggers) for part in parts), strict=True)
        return cls([*chain(*results)], [*chain(*no_triggers)])
