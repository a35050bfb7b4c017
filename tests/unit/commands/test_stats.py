"""`stats` shows in a terminal what stands on a worker's page."""

import asyncio
import html
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import msgspec
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, unused_port
from click.testing import CliRunner, Result

from saving_alerts.app import SavingAlertsApp
from saving_alerts.commands.exits import CommandRefusedError
from saving_alerts.commands.stats.command import stats, watched
from saving_alerts.delivery.held_back import HeldBack
from saving_alerts.domain.decisions import Stage
from saving_alerts.domain.reasons import Reason
from saving_alerts.metrics import Metric
from saving_alerts.web.canary import canary_seen
from saving_alerts.web.stats import PartitionLag, Stats
from tests.support.fakes.unopened_app import unopened_app
from tests.support.sample_canary import an_order
from tests.support.worker_rows import a_row

pytestmark = pytest.mark.asyncio


@pytest.fixture
def app() -> SavingAlertsApp:
    return unopened_app()


@pytest_asyncio.fixture
async def server(app: SavingAlertsApp) -> AsyncIterator[TestServer]:
    server = TestServer(await app.web.wsgi())
    async with server:
        yield server


async def run_stats(page: object, *arguments: str) -> Result:
    """In a thread: the command has an event loop of its own."""
    command = ["--page", str(page), *arguments]
    return await asyncio.to_thread(CliRunner().invoke, stats, command, env={"COLUMNS": "200"})


async def served(answer: web.Response) -> TestServer:
    """Somebody else who answers at that address."""

    async def give(_: web.Request) -> web.Response:
        return answer

    application = web.Application()
    application.router.add_get("/stats.json", give)
    return TestServer(application)


async def test_it_has_the_sections_and_rows_of_the_page(app: SavingAlertsApp, server: TestServer) -> None:
    app.runtime.metrics.count(Metric.STAGE_OUT, 4, stage=Stage.QUERY_COUPONS, decision=Reason.CAPPED)
    app.runtime.in_memory_metrics.count(Metric.RULES_WHEN_ERRORS, 3, rule="lunch")
    app.runtime.in_memory_metrics.count(Metric.DEAD_LETTERS, 2, stage=Stage.VALIDATE)

    shown = (await run_stats(server.make_url("/"))).stdout

    async with TestClient(server) as client:
        page = await (await client.get("/stats")).text()
    titles = re.findall("<h[23][^>]*>(.*?)</h[23]>", page)
    rows = re.findall('<tr><th scope="row">(?:<a [^>]*>)?([^<]+)<', page)
    (verdict,) = re.findall("<h1[^>]*>(.*?)</h1>", page)
    assert titles
    assert html.unescape(verdict) in shown
    assert set(Stage) < set(rows)
    assert [text for text in [*titles, *rows] if text not in shown] == []
    assert "Dead letters of this worker: 2" in shown
    assert "The when of rule lunch failed 3 times" in shown
    assert re.search(r"capped +4 *\n", shown)


async def test_it_says_of_a_canary_what_the_page_says(server: TestServer) -> None:
    found = msgspec.json.decode((await run_stats(server.make_url("/"), "--json")).stdout, type=Stats)
    canary = canary_seen(an_order(), None, [msgspec.structs.replace(a_row(0, {}), canary=an_order().id)], found.at)
    other = await served(web.Response(body=msgspec.json.encode(replace(found, canary=canary))))

    async with other:
        shown = (await run_stats(other.make_url("/"))).stdout

    assert f"{canary.id}: version {canary.version} on {canary.percent:g} % of the users" in shown
    assert canary.state in shown
    assert canary.guards
    for guard in canary.guards:
        assert re.search(
            rf"{guard.name} +{guard.hits:,} +{guard.events:,} +{guard.foretold:.2%} +{guard.limit:.2%}", shown
        )


async def test_only_partitions_that_lag_are_listed(server: TestServer) -> None:
    found = msgspec.json.decode((await run_stats(server.make_url("/"), "--json")).stdout, type=Stats)
    lag = (
        PartitionLag("validated", 3, 7, 1_200, "worker-1"),
        PartitionLag("validated", 4, 7, 7, "worker-1"),
        PartitionLag("alerts", 5, None, 9),
        PartitionLag("alerts", 6, None, None),
    )
    other = await served(web.Response(body=msgspec.json.encode(replace(found, partitions=lag))))

    async with other:
        shown = (await run_stats(other.make_url("/"))).stdout

    assert re.search(r"validated 3 +worker-1 +7 +1,200 +1,193 *\n", shown)
    assert re.search(r"alerts 5 +no worker +9", shown)
    assert "1 other partitions have no lag, of 1 nothing is known yet" in shown
    assert not re.search(r"validated 4|alerts 6", shown)


async def test_what_holds_a_commit_back_is_listed_with_the_reason(server: TestServer) -> None:
    found = msgspec.json.decode((await run_stats(server.make_url("/"), "--json")).stdout, type=Stats)
    held = HeldBack("query_coupons", "validated", 3, 1_207, found.at, 24_100, "the Coupon API", is_stopped=True)
    other = await served(web.Response(body=msgspec.json.encode(replace(found, held_back=(held,)))))

    async with other:
        shown = (await run_stats(other.make_url("/"))).stdout

    assert re.search(r"validated +3 +1,207 .* 24,100 +the Coupon API +stopped", shown)


async def test_where_nobody_answers_it_says_so() -> None:
    result = await run_stats(f"http://127.0.0.1:{unused_port()}")

    assert "does not answer" in result.stderr
    assert "`--page` names another one" in result.stderr
    assert result.exit_code == 2


async def test_what_is_no_address_is_refused() -> None:
    assert (await run_stats("worker-1")).exit_code == 2


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        pytest.param((404, b"no"), "/stats.json answers 404", id="no worker's page"),
        pytest.param((200, b'{"worker": 7}'), "the worker is of another release", id="another release"),
    ],
)
async def test_an_answer_that_is_no_worker_s_is_named(answer: tuple[int, bytes], message: str) -> None:
    status, body = answer
    async with await served(web.Response(status=status, body=body)) as other:
        result = await run_stats(other.make_url("/"))

    assert message in result.stderr
    assert result.exit_code == 2


async def test_a_watch_shows_it_again_and_again_and_stands_a_worker_that_restarts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown: list[int] = []

    def show() -> None:
        shown.append(len(shown))
        if len(shown) == 2:
            raise CommandRefusedError("it does not answer")

    def pause(_seconds: float) -> None:
        if len(shown) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        watched(show, pause)

    assert shown == [0, 1, 2]
    assert capsys.readouterr().out == "it does not answer\n"
