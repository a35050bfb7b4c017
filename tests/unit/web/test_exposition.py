"""`/metrics`: whatever was measured, every line can be read, and histograms add up over workers."""

import math
import subprocess
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from saving_alerts.adapters.admission import Admission
from saving_alerts.adapters.breaker import Breaker
from saving_alerts.adapters.in_memory_metrics import InMemoryMetrics
from saving_alerts.metrics import CATALOGUE, Metric, MetricKind, exposition_name
from saving_alerts.web.exposition import Exposition, write_file
from tests.support.every_metric import say
from tests.support.fakes.clock import FakeClock
from tests.support.programs import program
from tests.support.prometheus import read_page

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
BREAKER = Metric.COUPON_API_BREAKER
NUMBERS = {MetricKind.COUNT: 3, MetricKind.GAUGE: 1.5e-7, MetricKind.DISTRIBUTION: 0.25}


def test_the_whole_catalogue_can_be_read_by_prometheus() -> None:
    metrics = InMemoryMetrics()
    for metric, entry in CATALOGUE.items():
        say(metrics, metric, NUMBERS[entry.kind], 'a"b\\c\nd')

    names = {name for name, _ in read_page(Exposition(metrics).page().decode())}

    assert names >= {
        exposition_name(metric) + ("_bucket" if entry.kind is MetricKind.DISTRIBUTION else "")
        for metric, entry in CATALOGUE.items()
    }


@pytest.mark.parametrize("is_open", [False, True])
def test_a_breaker_is_a_number_for_prometheus(*, is_open: bool) -> None:
    metrics = InMemoryMetrics()
    breaker = Breaker(1, timedelta(seconds=5))
    admission = Admission(1, breaker, FakeClock(NOON), partial(metrics.gauge, BREAKER))
    (admission.failed if is_open else admission.answered)(admission.epoch)

    page = Exposition(metrics).page().decode()

    assert read_page(page)["saving_alerts_coupon_api_breaker", ()] == int(is_open)


ODD = [True, False, math.nan, math.inf, -math.inf, 10**400, "7", None, b"7", Decimal(7), timedelta(1), [1]]


@pytest.mark.parametrize("value", ODD, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize("kind", MetricKind)
def test_what_is_no_number_spoils_neither_the_page_nor_a_sum(kind: MetricKind, value: object) -> None:
    metrics = InMemoryMetrics()
    metric = next(metric for metric, entry in CATALOGUE.items() if entry.kind is kind)
    for each in (value, 2, value):
        say(metrics, metric, each)

    samples = read_page(Exposition(metrics).page().decode())

    ours = {key: number for key, number in samples.items() if key[0].startswith(exposition_name(metric))}
    assert ours
    assert all(math.isfinite(number) for number in ours.values())


def test_a_page_with_a_truth_value_would_be_refused() -> None:
    with pytest.raises(ValueError, match="no sample"):
        read_page("# TYPE a gauge\na False\n")


def test_counters_and_times_have_the_names_that_tools_expect() -> None:
    for metric, entry in CATALOGUE.items():
        name = exposition_name(metric)
        assert name.endswith("_total") is (entry.kind is MetricKind.COUNT)
        assert ("_seconds" in name) is (entry.unit == "seconds")


def test_a_histogram_has_ends_for_milliseconds_and_for_minutes() -> None:
    metrics = InMemoryMetrics()
    metrics.observe_all(Metric.EVENT_AGE, [0.02, 9.0, 90.0, 4000.0], stage="validate")

    samples = read_page(Exposition(metrics).page().decode())

    name = "saving_alerts_event_age_seconds"
    at_most = {dict(labels)["le"]: number for (found, labels), number in samples.items() if found == f"{name}_bucket"}
    assert (at_most["0.05"], at_most["10.0"], at_most["120.0"], at_most["+Inf"]) == (1, 2, 3, 4)
    assert samples[f"{name}_count", (("stage", "validate"),)] == 4
    assert samples[f"{name}_sum", (("stage", "validate"),)] == pytest.approx(4099.02)


def test_the_process_is_measured_too() -> None:
    names = {name for name, _ in read_page(Exposition(InMemoryMetrics()).page().decode())}

    assert names >= {"process_cpu_seconds_total", "process_resident_memory_bytes", "python_info"}


def test_prometheus_own_tool_finds_nothing_wrong() -> None:
    metrics = InMemoryMetrics()
    for metric, entry in CATALOGUE.items():
        say(metrics, metric, NUMBERS[entry.kind])

    checked = subprocess.run(
        [program("promtool"), "check", "metrics"], input=Exposition(metrics).page(), capture_output=True, check=False
    )

    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")


def test_a_file_for_the_collector_is_replaced_and_has_what_was_asked_for_only(tmp_path: Path) -> None:
    metrics, file = InMemoryMetrics(), tmp_path / "audit.prom"
    file.write_text("of the last time")
    metrics.gauge(Metric.AUDIT_OFFSETS, 7, answer="missing")

    write_file(metrics, (Metric.AUDIT_OFFSETS, Metric.AUDIT_TIME), file)

    assert read_page(file.read_text()) == {("saving_alerts_audit_offsets", (("answer", "missing"),)): 7}
    assert list(tmp_path.iterdir()) == [file]
