"""What runs at intervals: newer rules and merchants from S3, and the heartbeat. None of it ever raises."""

import logging
from collections.abc import Awaitable, Callable
from functools import partial

import faust
from mode import Service

from saving_alerts.kafka.client import differences, partition_counts
from saving_alerts.kafka.connection import KafkaFailedError
from saving_alerts.worker.gauges import send_gauges
from saving_alerts.worker.runtime import WorkerRuntime
from saving_alerts.worker.self_report import SelfReport

log = logging.getLogger(__name__)

# Rarely: it asks for every topic of the cluster.
TOPICS_LOOK_SECONDS = 30.0


def add_timers(app: faust.App, runtime: WorkerRuntime) -> None:
    """Add the timers to the app. They begin with the first assignment; what an event needs was loaded at boot."""
    seconds = runtime.settings.reload_seconds

    async def reload_rules() -> None:
        if runtime.opened is not None:
            await _never_raising(runtime.opened.loader.reload_rules)
            await _never_raising(runtime.opened.canaries.reload)

    async def reload_merchants() -> None:
        if runtime.opened is not None:
            await _never_raising(runtime.opened.loader.reload_merchants)

    async def look_at_topics() -> None:
        await _never_raising(partial(_look_at_topics, runtime))

    app.timer(interval=TOPICS_LOOK_SECONDS)(look_at_topics)
    app.timer(interval=seconds)(reload_rules)
    app.timer(interval=seconds)(reload_merchants)


async def _look_at_topics(runtime: WorkerRuntime) -> None:
    """Without Kafka nobody knows better than before."""
    try:
        counts = await partition_counts(runtime.settings.kafka)
    except KafkaFailedError as error:
        log.warning("the topics could not be looked at: %s", error)
        return
    runtime.topics_problem = differences({topic.name: counts.get(topic.name) for topic in runtime.topics.partitioned})


class Heartbeat(Service):
    """Says that this worker lives, from boot on: a worker that awaits its first rules is seen by the others."""

    def __init__(self, runtime: WorkerRuntime, report: SelfReport) -> None:
        super().__init__()
        self._runtime = runtime
        self._report = report

    async def on_start(self) -> None:
        await self._beat()
        self.add_future(self._go_on())

    async def on_shutdown(self) -> None:
        await _never_raising(self._report.leave)

    async def _go_on(self) -> None:
        while not self.should_stop:
            await self.sleep(self._runtime.settings.heartbeat_seconds)
            if not self.should_stop:
                await self._beat()

    async def _beat(self) -> None:
        await _never_raising(self._report.beat)
        send_gauges(self._runtime, self._report)


async def _never_raising(work: Callable[[], Awaitable[object]]) -> None:
    """In Faust a timer that raises ends the worker: reference data and heartbeats are not worth that."""
    try:
        await work()
    except Exception:
        log.exception("a timer failed; it runs again after its interval")
