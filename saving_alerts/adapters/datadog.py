"""Metrics to a DogStatsD agent: aggregated in memory, sent by a thread, lost if there is no agent."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from saving_alerts.adapters.agent_address import AddressWatch
from saving_alerts.adapters.datadog_tags import Tagged, as_text
from saving_alerts.adapters.samples import Samples
from saving_alerts.metric_numbers import are_numbers, number_of
from saving_alerts.metrics import PREFIX, Metric

# Of a distribution with its tags, between two flushes: two thousand in the ten seconds of an agent, and each costs some
# microseconds to send. With more, a part is sent, with its rate. It also bounds the memory if the thread has died.
MAX_SAMPLES_BETWEEN_FLUSHES = 64


@dataclass(frozen=True, slots=True)
class DatadogPolicy:
    """Where the agent is, and the tags that every metric of this worker has.

    `host` is an address or a name; with `socket_path`, of a Unix socket, it is not used.
    """

    host: str = ""
    port: int = 8125
    socket_path: str | None = None
    constant_tags: Mapping[str, str] = field(default_factory=dict)
    flush_seconds: float = 0.3
    lookup_seconds: float = 30.0
    """How often a name is looked up again, by a thread."""


class DatadogMetrics:
    """The Metrics protocol for Datadog. A call only changes memory; a thread connects and sends, and one looks up."""

    def __init__(self, policy: DatadogPolicy) -> None:
        # A tenth of a second, for who has an agent.
        from saving_alerts.adapters.dogstatsd_client import DogStatsdClient  # noqa: PLC0415

        # Without an agent the client would warn with every packet, several times a second.
        logging.getLogger("datadog.dogstatsd").setLevel(logging.ERROR)
        self._samples = Samples[Tagged](MAX_SAMPLES_BETWEEN_FLUSHES)
        self._client = DogStatsdClient(
            self._samples,
            host=policy.host or None,
            port=policy.port,
            socket_path=policy.socket_path,
            namespace=PREFIX.removesuffix("."),  # the client adds the dot
            flush_interval=policy.flush_seconds,
            disable_aggregation=False,
            disable_buffering=False,
            disable_telemetry=True,
            socket_timeout=0,
        )
        self._client.constant_tags = _with_those_of_the_machine(policy.constant_tags, self._client.constant_tags)
        self._address = AddressWatch(self._client, policy.host, policy.port, policy.lookup_seconds)
        if policy.socket_path is None:
            self._address.start()

    def count(self, metric: Metric, value: int = 1, **tags: str) -> None:
        if (number := number_of(metric, value)) is not None:
            self._client.increment(metric, number, as_text(tags))

    def gauge(self, metric: Metric, value: float, **tags: str) -> None:
        if (number := number_of(metric, value)) is not None:
            self._client.gauge(metric, number, as_text(tags))

    def observe(self, metric: Metric, value: float, **tags: str) -> None:
        if (number := number_of(metric, value)) is not None:
            self._samples.add((metric, tuple(tags.items())), (number,))

    def observe_all(self, metric: Metric, values: Sequence[float], **tags: str) -> None:
        if values and are_numbers(values):
            self._samples.add((metric, tuple(tags.items())), values)
            return
        for value in values:
            self.observe(metric, value, **tags)

    def forget(self, metric: Metric) -> None:
        """Nothing: the agent forgets what it does not hear again."""

    def flush(self) -> None:
        """Send what was aggregated, from the calling thread."""
        self._client.flush_aggregated_metrics()
        self._client.flush_buffered_metrics()

    def close(self) -> None:
        """Send the rest and end the threads, which takes up to `flush_seconds`: not for the event loop."""
        self._address.stop()
        self.flush()
        self._client.disable_buffering = True
        self._client.disable_aggregation()
        self._client.stop()


class NoMetrics:
    """The Metrics protocol for a worker without an agent: every number is dropped."""

    def count(self, metric: Metric, value: int = 1, **tags: str) -> None: ...

    def gauge(self, metric: Metric, value: float, **tags: str) -> None: ...

    def observe(self, metric: Metric, value: float, **tags: str) -> None: ...

    def observe_all(self, metric: Metric, values: Sequence[float], **tags: str) -> None: ...

    def forget(self, metric: Metric) -> None: ...

    def flush(self) -> None: ...

    def close(self) -> None: ...


def metrics_to(policy: DatadogPolicy | None) -> DatadogMetrics | NoMetrics:
    """Metrics to that agent; None sends nothing."""
    return NoMetrics() if policy is None else DatadogMetrics(policy)


def _with_those_of_the_machine(ours: Mapping[str, str], found: Sequence[str]) -> list[str]:
    """The client has read `DD_ENV` and others of Datadog's variables: they count for what our settings do not say."""
    return [*as_text(ours), *(tag for tag in found if tag.partition(":")[0] not in ours)]
