"""Counts the requests to an API by outcome, and observes how long each took."""

from datetime import datetime
from typing import Self

from saving_alerts.metrics import Metric, Metrics
from saving_alerts.ports.clock import Clock


class Meter:
    """`request()` is put around one request."""

    def __init__(self, clock: Clock, metrics: Metrics, requests: Metric, duration: Metric) -> None:
        self._clock = clock
        self._metrics = metrics
        self._requests = requests
        self._duration = duration

    def request(self) -> "MeteredRequest":
        return MeteredRequest(self, self._clock.now())

    def ended(self, request: "MeteredRequest") -> None:
        self._metrics.count(self._requests, outcome=request.outcome)
        self._metrics.observe(self._duration, (self._clock.now() - request.began_at).total_seconds())


class MeteredRequest:
    """`outcome` is the metric tag: the caller sets it. It stays "cut_short" if the request was cancelled."""

    __slots__ = ("_meter", "began_at", "outcome")

    def __init__(self, meter: Meter, began_at: datetime) -> None:
        self._meter = meter
        self.began_at = began_at
        self.outcome = "cut_short"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._meter.ended(self)
