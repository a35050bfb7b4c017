"""Looks at the guards of the canary that is tried, and takes it back when one is broken.

Every worker does, on what all of them have told in their heartbeats: so none has to be chosen, and none can be missing.
Taking back is a record on the topic of the kill switches: it needs neither S3 nor Redis. Where Redis does not answer a
worker goes by what it knew of the others, and by what it sees itself.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable

import msgspec
from mode import Service

from saving_alerts.adapters.standing_switches import CONFIRMED_PARTITION
from saving_alerts.delivery.outputs import Output
from saving_alerts.domain.canary.evidence import Evidence, broken, guards_of, together
from saving_alerts.domain.canary.order import CanaryOrder
from saving_alerts.domain.kill_actions import Action, Turned
from saving_alerts.domain.kill_switches import KillScope, KillSwitch
from saving_alerts.metrics import Metric
from saving_alerts.ports.heartbeats import WorkerRow
from saving_alerts.worker.runtime import WorkerRuntime

log = logging.getLogger(__name__)

# Kafka takes it at once or is away. Then it is written at the next look.
WRITE_SECONDS = 10.0
MAX_REMEMBERED = 1_000  # incarnations: more a deployment does not have in the time of a canary


class CanaryWatch(Service):
    """`rows` are those of the other workers, as last heard, the silent ones too."""

    def __init__(self, runtime: WorkerRuntime, rows: Callable[[], Iterable[WorkerRow]]) -> None:
        super().__init__()
        self._runtime = runtime
        self._rows = rows
        self._canary: str | None = None
        self._others: dict[str, Evidence] = {}

    async def on_start(self) -> None:
        self.add_future(self._go_on())

    def found(self) -> Evidence:
        """What all have seen of the canary that counts: the others, also those that have died, as far as they told."""
        return together((self._runtime.canary.evidence, *self._others.values()))

    async def look(self) -> None:
        """Take the canary back if a guard is broken. What is taken back already, or tried no longer, stays as it is."""
        runtime, order = self._runtime, self._runtime.tried()
        self._hear(order)
        found = self.found()
        self._measure(order, found)
        if order is None or not order.is_tried(runtime.clock.now()):
            return
        if (why := broken(order, found)) is not None:
            log.critical("canary %s is taken back: %s", order.id, why)
            await self._take_back(order, why)

    async def _go_on(self) -> None:
        while not self.should_stop:
            await self.sleep(self._runtime.settings.heartbeat_seconds)
            try:
                await self.look()
            except Exception:
                log.exception("the guards of the canary could not be looked at; they are again after a heartbeat")

    def _hear(self, order: CanaryOrder | None) -> None:
        """Of a worker the last word counts, also when it has died."""
        canary = None if order is None else order.id
        if canary != self._canary:
            self._canary, self._others = canary, {}
        for row in self._rows():
            is_new = row.incarnation not in self._others
            if canary is None or row.canary != canary or (is_new and len(self._others) >= MAX_REMEMBERED):
                continue
            self._others[row.incarnation] = row.evidence

    async def _take_back(self, order: CanaryOrder, why: str) -> None:
        runtime, by = self._runtime, f"its guards, as {self._runtime.settings.worker_name} saw"
        switch = KillSwitch(scope=KillScope.CANARY, id=order.id, reason=why, by=by, since=runtime.clock.now())
        action = Action(turned=Turned.ON, by=by, reason=why)
        topic, value = runtime.topics.kill_switches.name, msgspec.json.encode(switch)
        record = Output(topic, CONFIRMED_PARTITION, switch.key.encode(), value, action.headers())
        async with asyncio.timeout(WRITE_SECONDS):
            refused = await runtime.producer.deliver([record])
        if refused:
            log.error("Kafka refuses to take the canary back, use `rules canary abort`: %s", refused[0].error)

    def _measure(self, order: CanaryOrder | None, found: Evidence) -> None:
        metrics, runtime = self._runtime.metrics, self._runtime
        stands = runtime.reference_data.order
        tried = order is not None and order.is_tried(runtime.clock.now())
        metrics.gauge(Metric.CANARY_TRIED, int(tried))
        metrics.gauge(Metric.CANARY_TAKEN_BACK, int(stands is not None and order is None))
        metrics.forget(Metric.CANARY_EVIDENCE)
        if order is not None and tried:
            for guard in guards_of(order, found):
                metrics.gauge(
                    Metric.CANARY_EVIDENCE, guard.share, guard=guard.name.replace(", ", "_").replace(" ", "_")
                )


def _tag(name: str) -> str:
    """Commas and spaces end a tag for some."""
    return name.replace(", ", "_").replace(" ", "_")
