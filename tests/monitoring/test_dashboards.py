"""A real Prometheus reads the page, and every query of the dashboards returns a series there."""

import math
from collections.abc import Iterator
from itertools import chain

import pytest

from deploy.panels import ROWS
from saving_alerts.adapters.in_memory_metrics import InMemoryMetrics
from saving_alerts.metrics import CATALOGUE, Metric, MetricKind
from saving_alerts.web.exposition import CONTENT_TYPE, Exposition
from tests.end_to_end.conditions import wait_until
from tests.monitoring.page_server import PageServer
from tests.monitoring.prometheus_server import PrometheusServer
from tests.support.every_metric import say

pytestmark = [pytest.mark.monitoring, pytest.mark.timeout(180)]

QUERIES = sorted({query.prometheus for panel in chain.from_iterable(ROWS.values()) for query in panel.queries.values()})
TAKEN_SECONDS = 60


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusServer]:
    """It scrapes two workers that have measured everything: the same numbers, so that sums are twice theirs."""
    folder = tmp_path_factory.mktemp("dashboards")
    with (
        PageServer(CONTENT_TYPE, measured) as one,
        PageServer(CONTENT_TYPE, measured) as other,
        PrometheusServer(folder, [one.address, other.address]) as prometheus,
    ):
        wait_until(lambda: prometheus.values("sum(up)") == [2], TAKEN_SECONDS, "both answer")
        yield prometheus


METRICS = InMemoryMetrics()
EXPOSITION = Exposition(METRICS)


def measured() -> bytes:
    """More with every scrape, as of a worker that works."""
    for metric in Metric:
        say(METRICS, metric, 0.4 if CATALOGUE[metric].kind is MetricKind.DISTRIBUTION else 1)
    return EXPOSITION.page()


def test_the_page_is_read_without_an_error(prometheus: PrometheusServer) -> None:
    prometheus.wait_until_read()


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_of_the_dashboards_returns_a_series(prometheus: PrometheusServer, query: str) -> None:
    wait_until(lambda: is_a_number(prometheus.values(query)), TAKEN_SECONDS, f"{query} is a number")


def is_a_number(values: list[float]) -> bool:
    return bool(values) and all(map(math.isfinite, values))


def test_histograms_of_two_workers_add_up(prometheus: PrometheusServer) -> None:
    bucket = 'saving_alerts_push_age_seconds_bucket{le="0.5"}'

    prometheus.wait_until_is(f"sum({bucket}) - sum(saving_alerts_push_age_seconds_count)", 0)
    prometheus.wait_until_is(f"count({bucket})", 2)
    p99 = "histogram_quantile(0.99, sum by (le) (saving_alerts_push_age_seconds_bucket))"
    prometheus.wait_until_is(f"0.25 < bool ({p99} <= 0.5)", 1)
