"""What happens again and again: newer rules and merchants from S3, and the heartbeat. A timer never raises."""

import logging
from collections.abc import Awaitable, Callable

import faust

from saving_alerts.house import House
from saving_alerts.metrics import Metric
from saving_alerts.web.worker_stats import WorkerStats

log = logging.getLogger(__name__)


def add_timers(app: faust.App, house: House, worker: WorkerStats) -> None:
    """Hang the timers into the app. They begin with the first assignment; what an event needs was loaded at boot."""
    settings = house.settings

    async def reload_rules() -> None:
        await _never_raising(house.loader.reload_rules)

    async def reload_merchants() -> None:
        await _never_raising(house.loader.reload_merchants)

    async def heartbeat() -> None:
        await _never_raising(worker.beat)
        _say_ages(house, worker)

    app.timer(interval=settings.reload_seconds)(reload_rules)
    app.timer(interval=settings.reload_seconds)(reload_merchants)
    app.timer(interval=settings.heartbeat_seconds)(heartbeat)


async def _never_raising(work: Callable[[], Awaitable[object]]) -> None:
    """In Faust a timer that raises ends the worker: reference data and heartbeats are not worth that."""
    try:
        await work()
    except Exception:
        log.exception("a timer failed; it comes again")


def _say_ages(house: House, worker: WorkerStats) -> None:
    house.metrics.count(Metric.HEARTBEAT)
    now = house.clock.now()
    for kind, freshness in house.reference_data.freshness.items():
        if freshness.confirmed_at is not None:
            house.metrics.gauge(Metric.REFERENCE_DATA_AGE, (now - freshness.confirmed_at).total_seconds(), kind=kind)
    lags: dict[str, int] = {}
    for lag in worker.lag():
        lags[lag.topic] = lags.get(lag.topic, 0) + (lag.records or 0)
    for topic, records in lags.items():
        house.metrics.gauge(Metric.COMMITS_LAG, records, topic=topic)
