"""The page of a worker in a real browser: its numbers stay fresh, and nothing is complained of."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import faust
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from saving_alerts.app import SavingAlertsApp
from saving_alerts.metrics import Metric
from saving_alerts.web.views import add_views
from saving_alerts.worker.self_report import SelfReport
from tests.browser.chromium import visit
from tests.support.fakes.unopened_app import unopened_app

pytestmark = [pytest.mark.browser, pytest.mark.asyncio]

POLL_SECONDS = 2
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Worker:
    """A worker that reads one more event before each answer, and at its `ill` answers has a proxy answer for it.

    Between two answers its clock moves as far as the browser's, whose time passes faster than ours.
    """

    app: SavingAlertsApp
    ill: set[int] = field(default_factory=set)
    answers: int = 0
    url: str = ""

    def seconds(self) -> float:
        return self.answers * POLL_SECONDS

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path not in {"/", "/stats"}:
            return await handler(request)
        self.answers += 1
        self.app.runtime.metrics.count(Metric.EVENTS_READ)
        if self.answers in self.ill:
            return web.Response(status=502, text="<h1>Bad gateway</h1>", content_type="text/html")
        return await handler(request)


@pytest_asyncio.fixture
async def worker() -> AsyncIterator[Worker]:
    app = unopened_app()
    worker = Worker(app)
    watched = faust.App("watched", broker="kafka://nowhere", web_cors_options={})
    add_views(watched, SelfReport(app, app.runtime), worker.seconds)
    pages = await watched.web.wsgi()

    @web.middleware
    async def before(request: web.Request, handler: Handler) -> web.StreamResponse:
        return await worker.answer(request, handler)

    pages.middlewares.append(before)
    server = TestServer(pages)
    async with server:
        worker.url = str(server.make_url("/"))
        yield worker


def events_read(document: str) -> int:
    number, *_ = re.findall(r'<th scope="row">read</th>.*?data-l="day">(\d+)</td>', document)
    return int(number)


def is_hidden(name: str, document: str) -> bool:
    (tag,) = re.findall(rf'<[^>]* id="{name}"[^>]*>', document)
    return " hidden" in tag


async def test_the_numbers_change_without_a_reload(worker: Worker, tmp_path: Path) -> None:
    seen = await visit(worker.url, 2.5 * POLL_SECONDS, tmp_path)

    assert worker.answers == 3
    assert events_read(seen.document) == 3


async def test_nothing_is_blocked_and_no_script_fails(worker: Worker, tmp_path: Path) -> None:
    seen = await visit(worker.url, 1.5 * POLL_SECONDS, tmp_path)

    assert seen.complaints == []


async def test_while_a_proxy_answers_for_the_worker_the_last_numbers_stay_and_are_called_old(
    worker: Worker, tmp_path: Path
) -> None:
    worker.ill = {2}

    seen = await visit(worker.url, 1.5 * POLL_SECONDS, tmp_path)

    assert worker.answers == 2
    assert events_read(seen.document) == 1
    assert not is_hidden("away", seen.document)


async def test_the_numbers_go_on_when_the_worker_answers_again(worker: Worker, tmp_path: Path) -> None:
    worker.ill = {2}

    seen = await visit(worker.url, 2.5 * POLL_SECONDS, tmp_path)

    assert worker.answers == 3
    assert events_read(seen.document) == 3
    assert is_hidden("away", seen.document)
