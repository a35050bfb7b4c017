"""What a stage measures of what it finishes: sent once for all that ends in one turn of the event loop.

Many small parts of a batch end in one turn, and to send a number costs as much for one event as for a hundred.
"""

import asyncio
from collections.abc import Callable
from time import monotonic

from saving_alerts.delivery.record_results import BatchResult
from saving_alerts.delivery.services import StageServices
from saving_alerts.domain.decisions import Stage
from saving_alerts.domain.reasons import Reason
from saving_alerts.metrics import Metric

SENT = frozenset({Reason.PUSHED, Reason.WOULD_PUSH})


class StageMeter:
    """Of one stage. `in_flight` says how many records are taken and not finished."""

    def __init__(self, stage: Stage, services: StageServices, in_flight: Callable[[], int]) -> None:
        self._stage = stage
        self._services = services
        self._in_flight = in_flight
        self._ended: list[tuple[float, BatchResult]] = []
        self._is_due = False

    def begun(self, records: int) -> None:
        metrics = self._services.metrics
        metrics.count(Metric.STAGE_IN, records, stage=self._stage)
        if self._stage is Stage.VALIDATE:
            metrics.count(Metric.EVENTS_READ, records)
        self.send_soon()

    def ended(self, taken_at_seconds: float, result: BatchResult) -> None:
        """`taken_at_seconds`: by the monotonic clock."""
        self._ended.append((taken_at_seconds, result))
        self.send_soon()

    def send_soon(self) -> None:
        """In the next turn of the loop; what ends in this one is sent with it."""
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._send)

    def _send(self) -> None:
        self._is_due = False
        self._services.metrics.gauge(Metric.IN_FLIGHT, self._in_flight(), stage=self._stage)
        ended, self._ended = self._ended, []
        if ended:
            now = monotonic()
            durations = [now - taken_at_seconds for taken_at_seconds, _ in ended]
            self._services.metrics.observe_all(Metric.STAGE_DURATION, durations, stage=self._stage)
            self._send_results(BatchResult.together(result for _, result in ended))

    def _send_results(self, result: BatchResult) -> None:
        self._send_ages(result)
        for each in result.results:
            if each.label is Reason.EXPIRED:
                self._services.dependencies.expired(each.held_by)
        for label, count in result.labels.items():
            self._services.metrics.count(Metric.STAGE_OUT, count, stage=self._stage, decision=label)

    def _send_ages(self, result: BatchResult) -> None:
        ages = result.ages(self._services.clock.now())
        if not ages:
            return
        metrics = self._services.metrics
        metrics.observe_all(Metric.EVENT_AGE, [seconds for _, seconds in ages], stage=self._stage)
        if pushed := [seconds for label, seconds in ages if label in SENT]:
            metrics.observe_all(Metric.PUSH_AGE, pushed)
