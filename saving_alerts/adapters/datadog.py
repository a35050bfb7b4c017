"""Metrics to a DogStatsD agent over UDP: gathered in memory, sent by a thread, lost when nobody listens."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from datadog.dogstatsd.base import DogStatsd

from saving_alerts.metrics import PREFIX, Metric, number_of

# Above this the client keeps a fair sample and says its rate. It also bounds memory should the sending thread die.
MAX_SAMPLES_BETWEEN_FLUSHES = 1024


@dataclass(frozen=True, slots=True)
class DatadogPolicy:
    """Where the agent is, and the tags that every metric of this worker has. A name as `host` is looked up in DNS."""

    host: str
    port: int = 8125
    constant_tags: Mapping[str, str] = field(default_factory=dict)
    flush_seconds: float = 0.3


class DatadogMetrics:
    """Metrics for Datadog. Counting only touches memory; a thread adds up and sends every `flush_seconds`."""

    def __init__(self, policy: DatadogPolicy) -> None:
        # Without an agent the client would warn with every packet, several times a second.
        logging.getLogger("datadog.dogstatsd").setLevel(logging.ERROR)
        self._client = DogStatsd(
            host=policy.host,
            port=policy.port,
            namespace=PREFIX.removesuffix("."),  # the client adds the dot
            constant_tags=_written(policy.constant_tags),
            flush_interval=policy.flush_seconds,
            disable_aggregation=False,
            disable_buffering=False,
            disable_telemetry=True,
            max_metric_samples_per_context=MAX_SAMPLES_BETWEEN_FLUSHES,
            socket_timeout=0,
        )

    def count(self, metric: Metric, value: int = 1, **tags: str) -> None:
        if (number := number_of(metric, value)) is not None:
            self._client.increment(metric, number, _written(tags))

    def gauge(self, metric: Metric, value: float, **tags: str) -> None:
        if (number := number_of(metric, value)) is not None:
            self._client.gauge(metric, number, _written(tags))

    def observe(self, metric: Metric, value: float, **tags: str) -> None:
        if (number := number_of(metric, value)) is not None:
            self._client.distribution(metric, number, _written(tags))

    def flush(self) -> None:
        """Send what was gathered, from the calling thread."""
        self._client.flush_aggregated_metrics()
        self._client.flush_buffered_metrics()

    def close(self) -> None:
        """Send the rest and end the thread, which takes up to `flush_seconds`: not for the event loop."""
        self.flush()
        self._client.disable_buffering = True
        self._client.disable_aggregation()
        self._client.stop()


class NoMetrics:
    """For a worker without an agent: every number is dropped."""

    def count(self, metric: Metric, value: int = 1, **tags: str) -> None: ...

    def gauge(self, metric: Metric, value: float, **tags: str) -> None: ...

    def observe(self, metric: Metric, value: float, **tags: str) -> None: ...

    def flush(self) -> None: ...

    def close(self) -> None: ...


def metrics_to(host: str | None, port: int, constant_tags: Mapping[str, str]) -> DatadogMetrics | NoMetrics:
    """Metrics to the agent at `host`; None sends nothing."""
    return NoMetrics() if host is None else DatadogMetrics(DatadogPolicy(host, port, constant_tags))


def _written(tags: Mapping[str, str]) -> list[str]:
    return [f"{name}:{value}" for name, value in tags.items()]
