"""A worker's pages over real HTTP, before it has reached Kafka, Redis or S3."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import faust
import pytest
import pytest_asyncio
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from saving_alerts.adapters.in_memory_metrics import InMemoryMetrics
from saving_alerts.app import SavingAlertsApp
from saving_alerts.domain.decisions import Stage
from saving_alerts.domain.reasons import Reason
from saving_alerts.metrics import CATALOGUE, Metric, exposition_name
from saving_alerts.supervision.health import Condition
from saving_alerts.web.stats import Report, Stats
from saving_alerts.web.views import add_views
from saving_alerts.worker.self_report import SelfReport
from tests.support.fakes.unopened_app import unopened_app
from tests.support.sample_stats import outage

pytestmark = pytest.mark.asyncio

Client = TestClient[Request, Application]
PAGES = [
    "/",
    "/stats",
    "/stats.json",
    "/health/live",
    "/health/ready",
    "/metrics",
    "/live.js",
    "/page.css",
    "/icon-ok.svg",
]


@pytest.fixture
def app() -> SavingAlertsApp:
    return unopened_app("<script>alert(1)</script>")


@pytest_asyncio.fixture
async def client(app: SavingAlertsApp) -> AsyncIterator[Client]:
    async with TestClient(TestServer(await app.web.wsgi())) as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/stats"])
async def test_the_page_is_complete_without_a_script(client: Client, path: str) -> None:
    answer = await client.get(path)
    page = await answer.text()

    assert answer.status == 200
    assert answer.content_type == "text/html"
    assert all(name in page for name in [*Stage, *Reason])


async def test_what_others_name_is_escaped_on_the_page(client: Client) -> None:
    page = await (await client.get("/")).text()

    assert "<script>alert(1)</script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


@pytest.mark.parametrize("path", PAGES)
async def test_nothing_is_cached_or_sniffed_or_taken_from_elsewhere(client: Client, path: str) -> None:
    headers = (await client.get(path)).headers

    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("default-src 'self'")


@pytest.mark.parametrize("path", PAGES)
async def test_a_head_request_is_answered_like_its_get(client: Client, path: str) -> None:
    assert (await client.head(path)).status == (await client.get(path)).status


async def test_what_failed_in_rules_and_what_was_not_asked_is_on_the_page(app: SavingAlertsApp, client: Client) -> None:
    for rule, times in (("coffee", 1), ("lunch", 3)):
        app.runtime.in_memory_metrics.count(Metric.RULES_WHEN_ERRORS, times, rule=rule)
    app.runtime.in_memory_metrics.count(Metric.STAGE_OUT, 4, stage=Stage.QUERY_COUPONS, decision=Reason.CAPPED)
    app.runtime.in_memory_metrics.count(Metric.COUPON_API_SKIPPED, 1, reason=Reason.CAPPED)

    page = await (await client.get("/")).text()
    stats = await (await client.get("/stats.json")).json()

    assert "of rule lunch failed 3 times" in page
    assert "events at its door: 25.0%" in page
    assert (stats["asks_avoided"], stats["when_errors"]) == (0.25, {"lunch": 3, "coffee": 1})


async def test_what_was_counted_is_in_the_json(app: SavingAlertsApp, client: Client) -> None:
    app.runtime.metrics.count(Metric.EVENTS_READ, 20)
    app.runtime.metrics.count(Metric.STAGE_OUT, 3, stage=Stage.VALIDATE, decision=Reason.INVALID)

    stats = await (await client.get("/stats.json")).json()

    assert [step["events"] for step in stats["funnel"]][:2] == [20, 17]
    assert stats["decisions"]["invalid"] == 3


async def test_the_worker_sees_itself_before_it_reaches_redis(client: Client) -> None:
    stats = await (await client.get("/stats.json")).json()

    assert [row["ready"] for row in stats["cluster"]] == [False]


async def test_a_worker_that_waits_for_its_rules_lives(client: Client) -> None:
    answer = await client.get("/health/live")

    assert answer.status == 200
    body = await answer.json()
    assert body["live"]
    assert [condition["name"] for condition in body["conditions"]] == [
        "event_loop",
        "coordinator",
        "group",
        "intake",
        "steps",
    ]
    assert all(condition["ok"] for condition in body["conditions"])


async def test_a_worker_that_waits_for_its_rules_is_not_ready_and_names_why(
    app: SavingAlertsApp, client: Client
) -> None:
    app.runtime.reference_data.refuse("rules", "rules.json: there is no such object")

    answer = await client.get("/health/ready")
    body = await answer.json()

    assert answer.status == 503
    assert body["ready"] is False
    failing = {each["name"]: each["detail"] for each in body["conditions"] if not each["ok"]}
    assert set(failing) >= {"rules", "merchants", "kafka"}
    assert "rules.json: there is no such object" in failing["rules"]


async def test_every_metric_of_the_catalogue_has_its_help_and_type(client: Client) -> None:
    text = await (await client.get("/metrics")).text()

    names = [exposition_name(metric) for metric in CATALOGUE]
    for head in ("# HELP saving_alerts_", "# TYPE saving_alerts_"):
        assert [line.split()[2] for line in text.splitlines() if line.startswith(head)] == names


async def test_a_label_cannot_break_out_of_its_quotes(app: SavingAlertsApp, client: Client) -> None:
    app.runtime.in_memory_metrics.count(Metric.DELIVERY_RETRIES, 2, topic='a"b\\c\nd')

    text = await (await client.get("/metrics")).text()

    assert 'saving_alerts_delivery_retries_total{topic="a\\"b\\\\c\\nd"} 2.0' in text.splitlines()


async def test_a_distribution_is_a_histogram(app: SavingAlertsApp, client: Client) -> None:
    app.runtime.in_memory_metrics.observe(Metric.STAGE_DURATION, 0.5, stage=Stage.VALIDATE)

    lines = (await (await client.get("/metrics")).text()).splitlines()

    assert 'saving_alerts_stage_duration_seconds_bucket{le="0.5",stage="validate"} 1.0' in lines
    assert 'saving_alerts_stage_duration_seconds_count{stage="validate"} 1.0' in lines


async def test_metrics_are_of_the_type_and_version_that_prometheus_reads(client: Client) -> None:
    headers = (await client.get("/metrics")).headers

    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")


@pytest.mark.parametrize("path", ["/table/", "/router/", "/graph/", "/performance/"])
async def test_fausts_own_pages_are_not_served(client: Client, path: str) -> None:
    assert (await client.get(path)).status == 404


class Counting:
    """The report of an app; `times` is how often its numbers were computed."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self.times = 0

    @property
    def metrics(self) -> InMemoryMetrics:
        return self._report.metrics

    def live(self) -> list[Condition]:
        return self._report.live()

    def conditions(self) -> list[Condition]:
        return self._report.conditions()

    async def stats(self) -> Stats:
        self.times += 1
        return await self._report.stats()


async def test_however_many_watch_the_page_its_numbers_are_computed_once(app: SavingAlertsApp) -> None:
    report = Counting(SelfReport(app, app.runtime))
    watched = faust.App("watched", broker="kafka://nowhere", web_cors_options={})
    add_views(watched, report, lambda: 0.0)  # however long it takes, all of them ask within the same second

    async with TestClient(TestServer(await watched.web.wsgi())) as client:
        answers = await asyncio.gather(*(client.get(path) for path in ["/stats", "/stats.json"] * 100))

    assert {answer.status for answer in answers} == {200}
    assert report.times == 1


class LargePage(Counting):
    """Of a deployment with hundreds of partitions."""

    async def stats(self) -> Stats:
        self.times += 1
        stats = outage()
        return replace(stats, partitions=stats.partitions * 300)


async def test_twenty_who_watch_a_large_page_hold_up_no_probe(app: SavingAlertsApp) -> None:
    """A probe that waits too long restarts a worker for the sake of its page."""
    watched = faust.App("watched", broker="kafka://nowhere", web_cors_options={})
    moments = itertools.count(step=2)  # every page is computed anew
    add_views(watched, LargePage(SelfReport(app, app.runtime)), lambda: next(moments))

    async with TestClient(TestServer(await watched.web.wsgi())) as client:
        watching = [asyncio.create_task(_watched(client)) for _ in range(20)]
        waited = sorted([await _seconds_of(client, "/health/live") for _ in range(40)])
        for each in watching:
            each.cancel()
        await asyncio.gather(*watching, return_exceptions=True)

    assert waited[-1] < 0.1  # seconds: twice what a probe may wait


async def _watched(client: Client) -> None:
    while True:
        await (await client.get("/stats")).read()


async def _seconds_of(client: Client, path: str) -> float:
    """Of this process' own work: a machine that is busy with other things holds up everything."""
    began = time.process_time()
    await (await client.get(path)).read()
    return time.process_time() - began
