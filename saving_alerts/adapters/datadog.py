"""Metrics to a DogStatsD agent over UDP: aggregated in memory, sent by a thread, lost if there is no agent."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from saving_alerts.metrics import PREFIX, Metric, number_of

# Of a distribution, between two flushes. Above it the client keeps a random sample and sends its rate. It also bounds
# the memory if the sending thread has died.
MAX_SAMPLES_BETWEEN_FLUSHES = 1024


@dataclass(frozen=True, slots=True)
class DatadogPolicy:
    """Where the agent is, and the tags that every metric of this worker has.

    If `host` is a name, it is looked up in DNS by the calling thread.
    """

    host: str
    port: int = 8125
    constant_tags: Mapping[str, str] = field(default_factory=dict)
    flush_seconds: float = 0.3


class DatadogMetrics:
    """The Metrics protocol for Datadog. A call only changes memory; a thread sends every `flush_seconds`."""

    def __init__(self, policy: DatadogPolicy) -> None:
        from datadog.dogstatsd.base import DogStatsd  # noqa: PLC0415 - a tenth of a second, for who has an agent

        # Without an agent the client would warn with every packet, several times a second.
        logging.getLogger("datadog.dogstatsd").setLevel(logging.ERROR)
        self._client = DogStatsd(
            host=policy.host,
            port=policy.port,
            namespace=PREFIX.removesuffix("."),  # the client adds the dot
            constant_tags=_as_text(policy.constant_tags),
            flush_interval=policy.flush_seconds,
            disable_aggregation=False,
            disable_buffering=False,
            disable_telemetry=True,
            max_metric_samples_per_context=MAX_SAMPLES_BETWEEN_FLUSHES,
            socket_timeout=0,
        )

    def count(self, metric: Metric, value: int = 1, **tags: str) -> None:
        if (number := number_of(metric, value)) is not None:
            self._client.increment(metric, number, _as_text(tags))

    def gauge(self, metric: Metric, value: float, **tags: str) -> None:
        if (number := number_of(metric, value)) is not None:
            self._client.gauge(metric, number, _as_text(tags))

    def observe(self, metric: Metric, value: float, **tags: str) -> None:
        if (number := number_of(metric, value)) is not None:
            self._client.distribution(metric, number, _as_text(tags))

    def flush(self) -> None:
        """Send what was aggregated, from the calling thread."""
        self._client.flush_aggregated_metrics()
        self._client.flush_buffered_metrics()

    def close(self) -> None:
        """Send the rest and end the thread, which takes up to `flush_seconds`: not for the event loop."""
        self.flush()
        self._client.disable_buffering = True
        self._client.disable_aggregation()
        self._client.stop()


class NoMetrics:
    """The Metrics protocol for a worker without an agent: every number is dropped."""

    def count(self, metric: Metric, value: int = 1, **tags: str) -> None: ...

    def gauge(self, metric: Metric, value: float, **tags: str) -> None: ...

    def observe(self, metric: Metric, value: float, **tags: str) -> None: ...

    def flush(self) -> None: ...

    def close(self) -> None: ...


def metrics_to(host: str | None, port: int, constant_tags: Mapping[str, str]) -> DatadogMetrics | NoMetrics:
    """Metrics to the agent at `host`; None sends nothing."""
    return NoMetrics() if host is None else DatadogMetrics(DatadogPolicy(host, port, constant_tags))


def _as_text(tags: Mapping[str, str]) -> list[str]:
    return [f"{name}:{value}" for name, value in tags.items()]
