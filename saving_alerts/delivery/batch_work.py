"""A step without I/O: it runs over the whole batch in one go, in one task."""

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Generic, TypeVar

from aiokafka import ConsumerRecord

from saving_alerts.delivery.outcome_writer import OutcomeWriter, PendingStep
from saving_alerts.delivery.poison_pills.trial import tried
from saving_alerts.delivery.record_results import BatchResult
from saving_alerts.delivery.services import StageServices
from saving_alerts.delivery.work import ClockGate, Finish, Start
from saving_alerts.failpoints import Failpoint
from saving_alerts.pipeline.outcomes import Outcome

In = TypeVar("In")
Out = TypeVar("Out")


class BatchWork(Generic[In, Out]):
    """`Work` for a plain function. A batch that has begun is never half done, so nothing of it is ever pending.

    `clock_gate`: a batch that it does not believe waits, unfinished, and with it the intake of its partition.
    """

    pending: Collection[PendingStep] = ()

    def __init__(
        self,
        writer: OutcomeWriter[In, Out],
        services: StageServices,
        step: Callable[[In], Outcome[Out]],
        clock_gate: ClockGate | None = None,
    ) -> None:
        self._writer = writer
        self._step = step
        self._clock_gate = clock_gate
        self._detector = services.detector
        self._clock = services.clock
        self._reach = partial(services.failpoints.reach, stage=writer.stage)

    def has_begun(self, record: ConsumerRecord) -> bool:  # noqa: ARG002 - as in `Work`
        return True

    def begin(self, records: list[ConsumerRecord], start: Start, finish: Finish) -> None:
        start(self._work(records, finish))

    def stop(self) -> None:
        """A batch begins at once: there is nothing to hold back."""

    def resume(self) -> None: ...

    async def _work(self, records: list[ConsumerRecord], finish: Finish) -> None:
        await self._detector.admit()
        run = partial(self._result, records)
        await finish(records[0], await (self._clock_gate.believed(run) if self._clock_gate else run()))

    async def _result(self, records: list[ConsumerRecord]) -> BatchResult:
        if not self._detector.watches((records[0].topic, records[0].partition)):
            return self._run(records)
        each = [await tried(record, partial(self._run_one, record), self._detector, self._writer) for record in records]
        return BatchResult.together(each)

    async def _run_one(self, record: ConsumerRecord) -> BatchResult:
        return self._run([record])

    def _run(self, records: Sequence[ConsumerRecord]) -> BatchResult:
        self._reach(Failpoint.BEFORE_STEP)
        return self._writer.of_batch(records, self._step, self._clock.now())
