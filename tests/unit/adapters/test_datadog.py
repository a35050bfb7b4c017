"""What a DogStatsD agent hears, and that nobody is disturbed when there is none."""

import contextlib
import math
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.servers.statsd import Sample, StatsdSink, read_line
from saving_alerts.adapters.agent_address import AddressWatch
from saving_alerts.adapters.datadog import (
    MAX_SAMPLES_BETWEEN_FLUSHES,
    DatadogMetrics,
    DatadogPolicy,
    NoMetrics,
    metrics_to,
)
from saving_alerts.metrics import CATALOGUE, Entry, Metric, MetricKind, Metrics

WORKER = {"service": "saving-alerts", "worker": "w-1"}


@pytest.fixture
def sink() -> Iterator[StatsdSink]:
    with StatsdSink() as sink:
        yield sink


@pytest.fixture
def metrics(sink: StatsdSink) -> Iterator[DatadogMetrics]:
    metrics = DatadogMetrics(DatadogPolicy(sink.host, sink.port, constant_tags=WORKER, flush_seconds=0.02))
    yield metrics
    metrics.close()


def test_counts_are_added_up_under_prefix_and_tags(sink: StatsdSink, metrics: DatadogMetrics) -> None:
    for _ in range(3):
        metrics.count(Metric.STAGE_OUT, 2, stage="validate", decision="expired")

    assert sink.wait_until(lambda sink: sink.total("saving_alerts.stage.out") == 6)
    assert sink.samples[0].tags == WORKER | {"stage": "validate", "decision": "expired"}
    assert sink.samples[0].kind == "c"


def test_counts_of_other_tags_are_kept_apart(sink: StatsdSink, metrics: DatadogMetrics) -> None:
    metrics.count(Metric.DEAD_LETTERS, stage="validate")
    metrics.count(Metric.DEAD_LETTERS, stage="dispatch_push")

    assert sink.wait_until(lambda sink: len(sink.samples) == 2)
    assert sink.values("saving_alerts.dead_letters", stage="validate") == [1]


def test_a_gauge_says_its_last_value(sink: StatsdSink) -> None:
    metrics = DatadogMetrics(DatadogPolicy(sink.host, sink.port))
    for value in (3.0, 1.5):
        metrics.gauge(Metric.IN_FLIGHT, value, stage="validate")

    metrics.close()

    assert sink.wait_until(lambda sink: sink.values("saving_alerts.in_flight", stage="validate") == [1.5])
    assert sink.samples[0].kind == "g"


@pytest.mark.parametrize(("value", "arrives"), [(False, 0.0), (True, 1.0)])
def test_a_truth_value_is_a_number_on_the_wire(sink: StatsdSink, *, value: bool, arrives: float) -> None:
    metrics = DatadogMetrics(DatadogPolicy(sink.host, sink.port))
    metrics.gauge(Metric.PUSH_API_BREAKER, value)

    metrics.close()

    assert sink.wait_until(lambda sink: sink.values("saving_alerts.push_api.breaker") == [arrives])
    assert sink.unreadable == []


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 10**400])
def test_what_is_no_number_is_not_sent(sink: StatsdSink, value: float) -> None:
    metrics = DatadogMetrics(DatadogPolicy(sink.host, sink.port))
    metrics.gauge(Metric.IN_FLIGHT, value, stage="validate")
    metrics.observe(Metric.PUSH_API_DURATION, value)
    metrics.count(Metric.HEARTBEAT)

    metrics.close()

    assert sink.wait_until(lambda sink: sink.values("saving_alerts.heartbeat") == [1])
    assert [sample.name for sample in sink.samples] == ["saving_alerts.heartbeat"]
    assert sink.unreadable == []


def test_observations_arrive_one_by_one(sink: StatsdSink, metrics: DatadogMetrics) -> None:
    for value in (0.25, 0.5):
        metrics.observe(Metric.PUSH_API_DURATION, value)

    assert sink.wait_until(lambda sink: sink.values("saving_alerts.push_api.duration") == [0.25, 0.5])
    assert sink.samples[0] == Sample("saving_alerts.push_api.duration", 0.25, "d", WORKER)


def test_many_observations_arrive_as_one_by_one(sink: StatsdSink, metrics: DatadogMetrics) -> None:
    metrics.observe_all(Metric.EVENT_AGE, [0.25, math.nan, 0.5], stage="validate")

    assert sink.wait_until(lambda sink: sink.values("saving_alerts.event.age", stage="validate") == [0.25, 0.5])


def test_what_the_machine_says_of_itself_counts_where_nothing_is_set(
    sink: StatsdSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"DD_ENV": "staging", "DD_SERVICE": "another", "DATADOG_TAGS": "rack:7"}.items():
        monkeypatch.setenv(name, value)
    metrics = DatadogMetrics(DatadogPolicy(sink.host, sink.port, constant_tags=WORKER))
    metrics.count(Metric.HEARTBEAT)

    metrics.close()

    assert sink.wait_until(lambda sink: bool(sink.samples))
    assert sink.samples[0].tags == {**WORKER, "env": "staging", "rack": "7"}


def test_a_unix_socket_hears_it_too(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as agent:
        agent.bind(str(tmp_path / "dsd.socket"))
        agent.settimeout(10)
        metrics = DatadogMetrics(DatadogPolicy(socket_path=str(tmp_path / "dsd.socket"), constant_tags=WORKER))
        metrics.count(Metric.HEARTBEAT)

        metrics.close()

        (sample,) = read_line(agent.recv(8192).decode().strip())
    assert (sample.name, sample.value, sample.tags) == ("saving_alerts.heartbeat", 1, WORKER)


def test_without_the_socket_nothing_happens(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    metrics = DatadogMetrics(DatadogPolicy(socket_path=str(tmp_path / "nobody.socket")))
    for _ in range(3):
        metrics.count(Metric.HEARTBEAT)
        metrics.flush()

    metrics.close()

    assert caplog.messages == []


def test_too_many_observations_are_sampled_with_their_rate(sink: StatsdSink) -> None:
    metrics = DatadogMetrics(DatadogPolicy(sink.host, sink.port))
    for _ in range(4 * MAX_SAMPLES_BETWEEN_FLUSHES):
        metrics.observe(Metric.PUSH_API_DURATION, 1)

    metrics.close()

    assert sink.wait_until(lambda sink: len(sink.samples) >= MAX_SAMPLES_BETWEEN_FLUSHES)
    assert {sample.rate for sample in sink.samples} == {0.25}
    assert sum(sample.value / sample.rate for sample in sink.samples) == 4 * MAX_SAMPLES_BETWEEN_FLUSHES


def test_every_metric_of_the_catalogue_is_readable(sink: StatsdSink, metrics: DatadogMetrics) -> None:
    for metric, entry in CATALOGUE.items():
        say(metrics, metric, entry)

    names = {f"saving_alerts.{metric}" for metric in Metric}
    assert sink.wait_until(lambda sink: {sample.name for sample in sink.samples} == names)
    assert sink.unreadable == []


def say(metrics: Metrics, metric: Metric, entry: Entry) -> None:
    tags = dict.fromkeys(entry.tags, "x")
    if entry.kind is MetricKind.COUNT:
        metrics.count(metric, 1, **tags)
    elif entry.kind is MetricKind.GAUGE:
        metrics.gauge(metric, 1, **tags)
    else:
        metrics.observe(metric, 1, **tags)


def test_a_tag_cannot_break_the_line(sink: StatsdSink, metrics: DatadogMetrics) -> None:
    metrics.count(Metric.DEAD_LETTERS, stage="a,b|c\nd")

    assert sink.wait_until(lambda sink: sink.values("saving_alerts.dead_letters", stage="a_b_c_d") == [1])


def test_what_was_counted_before_closing_arrives(sink: StatsdSink) -> None:
    metrics = DatadogMetrics(DatadogPolicy(sink.host, sink.port))
    metrics.count(Metric.HEARTBEAT)

    metrics.close()

    assert sink.wait_until(lambda sink: sink.values("saving_alerts.heartbeat") == [1])


def test_flush_sends_now(sink: StatsdSink) -> None:
    metrics = DatadogMetrics(DatadogPolicy(sink.host, sink.port))
    metrics.count(Metric.HEARTBEAT)

    metrics.flush()

    assert sink.wait_until(lambda sink: sink.values("saving_alerts.heartbeat") == [1])
    metrics.close()


def test_closing_ends_the_thread(sink: StatsdSink) -> None:
    before = set(threading.enumerate())
    metrics = DatadogMetrics(DatadogPolicy(sink.host, sink.port))

    metrics.close()

    assert set(threading.enumerate()) <= before, "one of before may have ended, too"


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"], ids=["nobody listens", "no such host"])
def test_without_an_agent_nothing_happens(host: str, caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    metrics = DatadogMetrics(DatadogPolicy(host, port))

    for _ in range(3):
        metrics.count(Metric.HEARTBEAT)
        metrics.flush()
    metrics.close()

    assert caplog.messages == []


def test_metrics_arrive_again_when_the_agent_is_back() -> None:
    with StatsdSink() as first:
        metrics = DatadogMetrics(DatadogPolicy(first.host, first.port))
    for _ in range(3):  # said to nobody: a refusal is met by the send after the one that it answers
        metrics.count(Metric.HEARTBEAT)
        metrics.flush()

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as agent:
        agent.bind((first.host, first.port))
        agent.settimeout(0.1)
        assert any(hears(agent, metrics) for _ in range(50))
    metrics.close()


def test_an_agent_that_has_moved_hears_what_comes_next(sink: StatsdSink) -> None:
    metrics = DatadogMetrics(DatadogPolicy("localhost", sink.port))
    metrics.count(Metric.HEARTBEAT)
    metrics.flush()
    before = metrics._client.socket

    AddressWatch(metrics._client, "localhost", sink.port, 30, lambda name, port: frozenset({"192.0.2.1"})).look()
    metrics.count(Metric.HEARTBEAT)
    metrics.close()

    assert before is not None
    assert before.fileno() == -1, "it is closed"
    assert sink.wait_until(lambda sink: sink.total("saving_alerts.heartbeat") == 2)


def hears(agent: socket.socket, metrics: DatadogMetrics) -> bool:
    metrics.count(Metric.DEAD_LETTERS, stage="validate")
    metrics.flush()
    with contextlib.suppress(TimeoutError):
        return b"saving_alerts.dead_letters" in agent.recv(1024)
    return False


def test_without_a_host_numbers_are_dropped() -> None:
    metrics = metrics_to(None)

    metrics.count(Metric.HEARTBEAT)
    metrics.gauge(Metric.IN_FLIGHT, 1, stage="validate")
    metrics.observe(Metric.EVENT_AGE, 1, stage="validate")
    metrics.observe_all(Metric.EVENT_AGE, [1], stage="validate")
    metrics.forget(Metric.IN_FLIGHT)
    metrics.flush()
    metrics.close()

    assert isinstance(metrics, NoMetrics)


def test_with_a_host_numbers_are_sent(sink: StatsdSink) -> None:
    metrics = metrics_to(DatadogPolicy(sink.host, sink.port, constant_tags=WORKER))
    metrics.count(Metric.HEARTBEAT)

    metrics.close()

    assert sink.wait_until(lambda sink: sink.values("saving_alerts.heartbeat", worker="w-1") == [1])


@pytest.mark.parametrize(
    ("line", "samples"),
    [
        ("a:1|c", [Sample("a", 1, "c")]),
        ("a:1:2.5|d", [Sample("a", 1, "d"), Sample("a", 2.5, "d")]),
        ("a:1|c|@0.5|#x:y,z", [Sample("a", 1, "c", {"x": "y", "z": ""}, 0.5)]),
        ("a:1|g|#x:http://y|c:container", [Sample("a", 1, "g", {"x": "http://y"})]),
    ],
    ids=["plain", "several values", "rate and tags", "a container id"],
)
def test_the_sink_reads_what_agents_read(line: str, samples: list[Sample]) -> None:
    assert read_line(line) == samples


@pytest.mark.parametrize("line", ["", "a", "a|c", "a:|c", "a:x|c", ":1|c", "a:1"])
def test_the_sink_reads_nothing_else(line: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        read_line(line)


def test_the_sink_keeps_lines_that_it_cannot_read(sink: StatsdSink) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"nonsense\na:1|c", (sink.host, sink.port))

    assert sink.wait_until(lambda sink: bool(sink.samples))
    assert sink.unreadable == ["nonsense"]
