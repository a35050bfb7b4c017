"""How records end at a stage, as values: what `OutcomeWriter` makes and the rest of delivery passes on."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain

import msgspec
from aiokafka import ConsumerRecord

from saving_alerts.delivery.addressing import Addressed
from saving_alerts.delivery.outputs import Output
from saving_alerts.domain.holds import Holds
from saving_alerts.domain.reasons import Reason

# Python 3.11 looks a member of an enum up by a function call: too much for every event.
NOT_A_TRIGGER_REASON = Reason.NOT_A_TRIGGER


class RecordResult(msgspec.Struct, frozen=True, gc=False):
    """How one record ended at one stage: `label` is its decision, or `forwarded`; `held_by` what was waited for."""

    record: ConsumerRecord
    label: str
    outputs: list[Output]
    addressed: Addressed | None
    dated_ahead: bool = False
    held_by: Holds = ()


class BatchResult(msgspec.Struct, frozen=True, gc=False):
    """How some records of one batch ended: each by itself, and by their offsets those that were no triggers.

    Nearly all of the source are none: they share one receipt, and have no result of their own. `written_ms` are the
    times on Kafka of the earliest and the latest record. `passed_over` were finished by a former owner.
    """

    results: Sequence[RecordResult]
    no_triggers: Sequence[int] = ()
    written_ms: tuple[int, int] | None = None
    passed_over: Sequence[int] = ()

    @property
    def records(self) -> int:
        return len(self.results) + len(self.no_triggers) + len(self.passed_over)

    @property
    def offsets(self) -> Iterator[int]:
        """Of all records, in no order."""
        return chain((result.record.offset for result in self.results), self.no_triggers, self.passed_over)

    @property
    def first_offset(self) -> int:
        """Of the records of one batch, which stand here in its order."""
        of_results = (self.results[0].record.offset,) if self.results else ()
        firsts: tuple[int, ...] = (*of_results, *self.no_triggers[:1], *self.passed_over[:1])
        return min(firsts)

    @property
    def dated_ahead(self) -> int:
        """How many ended because our clock says that they are dated ahead."""
        return sum(result.dated_ahead for result in self.results)

    @property
    def labels(self) -> Mapping[str, int]:
        """How many ended in which way."""
        counted = Counter(result.label for result in self.results)
        if self.no_triggers:
            counted[NOT_A_TRIGGER_REASON] = len(self.no_triggers)
        return counted

    def ages(self, now: datetime) -> list[tuple[str, float]]:
        """The label of each event whose `received_at` is known, and how many seconds ago that was."""
        return [
            (result.label, (now - received_at).total_seconds())
            for result in self.results
            if result.addressed is not None and (received_at := result.addressed.received_at) is not None
        ]

    @classmethod
    def together(cls, parts: Iterable["BatchResult"]) -> "BatchResult":
        together = list(parts)
        times = [moment for part in together for moment in part.written_ms or ()]
        return cls(
            [*chain.from_iterable(part.results for part in together)],
            [*chain.from_iterable(part.no_triggers for part in together)],
            (min(times), max(times)) if times else None,
        )
