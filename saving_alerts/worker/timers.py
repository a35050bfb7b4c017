"""What happens again and again: newer rules and merchants from S3, and the heartbeat. None of it ever raises."""

import logging
from collections.abc import Awaitable, Callable

import faust
from mode import Service

from saving_alerts.metrics import Metric
from saving_alerts.web.stats import asks_avoided
from saving_alerts.worker.runtime import House
from saving_alerts.worker.self_report import SelfReport

log = logging.getLogger(__name__)


def add_timers(app: faust.App, house: House) -> None:
    """Hang the timers into the app. They begin with the first assignment; what an event needs was loaded at boot."""
    settings = house.settings

    async def reload_rules() -> None:
        await _never_raising(house.loader.reload_rules)

    async def reload_merchants() -> None:
        await _never_raising(house.loader.reload_merchants)

    app.timer(interval=settings.reload_seconds)(reload_rules)
    app.timer(interval=settings.reload_seconds)(reload_merchants)


class Heartbeat(Service):
    """Says that this worker lives, from boot on: a worker that awaits its first rules is seen by the others."""

    def __init__(self, house: House, worker: SelfReport) -> None:
        super().__init__()
        self._house = house
        self._worker = worker

    async def on_start(self) -> None:
        await self._beat()
        self.add_future(self._go_on())

    async def _go_on(self) -> None:
        while not self.should_stop:
            await self.sleep(self._house.settings.heartbeat_seconds)
            await self._beat()

    async def _beat(self) -> None:
        await _never_raising(self._worker.beat)
        _report_ages(self._house, self._worker)


async def _never_raising(work: Callable[[], Awaitable[object]]) -> None:
    """In Faust a timer that raises ends the worker: reference data and heartbeats are not worth that."""
    try:
        await work()
    except Exception:
        log.exception("a timer failed; it comes again")


def _report_ages(house: House, worker: SelfReport) -> None:
    house.metrics.count(Metric.HEARTBEAT)
    avoided = asks_avoided(house.tally)
    if avoided is not None:
        house.metrics.gauge(Metric.COUPON_API_SKIPPED_SHARE, avoided)
    now = house.clock.now()
    for kind, freshness in house.reference_data.freshness.items():
        if freshness.confirmed_at is not None:
            house.metrics.gauge(Metric.REFERENCE_DATA_AGE, (now - freshness.confirmed_at).total_seconds(), kind=kind)
    lags: dict[str, int] = {}
    for lag in worker.lag():
        lags[lag.topic] = lags.get(lag.topic, 0) + (lag.records or 0)
    for topic, records in lags.items():
        house.metrics.gauge(Metric.COMMITS_LAG, records, topic=topic)
