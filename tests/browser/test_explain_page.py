"""The pages for support in a real browser: their own policy lets their style in, and nothing is complained of."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from saving_alerts.domain.reasons import Reason
from saving_alerts.ledger.explaining import Explanation
from saving_alerts.web.explain.page import Again, explain_html
from saving_alerts.web.explain.questions import Question
from saving_alerts.web.explain.rendering import failed_html
from saving_alerts.web.explain.rules_page import InForce, rules_html
from saving_alerts.web.explain.views import SECURITY_HEADERS, STYLE
from tests.browser.chromium import visit
from tests.support.fakes.clock import START
from tests.support.sample_decisions import HAPPENED, decision
from tests.support.sample_events import ALWAYS_QUIET, snapshot

pytestmark = [pytest.mark.browser, pytest.mark.asyncio]

PUSHED = decision(Reason.PUSHED, attempts=["accepted 201"])
PAGES = {
    "/explain": explain_html(
        Question("u-1"), [Explanation(PUSHED.position, PUSHED, ())], HAPPENED + timedelta(hours=1), again=Again("…")
    ),
    "/rules": rules_html(InForce(snapshot(ALWAYS_QUIET).rules, (), {}), None, START),
    "/failed": failed_html("Kafka does not answer"),
}


@pytest_asyncio.fixture
async def server() -> AsyncIterator[TestServer]:
    async def page(request: web.Request) -> web.Response:
        return web.Response(text=PAGES[request.path], content_type="text/html", headers=SECURITY_HEADERS)

    async def style(_request: web.Request) -> web.Response:
        return web.Response(body=STYLE, content_type="text/css", headers=SECURITY_HEADERS)

    app = web.Application()
    app.add_routes([*(web.get(path, page) for path in PAGES), web.get("/explain.css", style)])
    server = TestServer(app)
    async with server:
        yield server


@pytest.mark.parametrize("path", PAGES)
async def test_a_browser_complains_of_nothing(path: str, server: TestServer, tmp_path: Path) -> None:
    seen = await visit(str(server.make_url(path)), 1, tmp_path)

    assert seen.complaints == []
    assert "</main>" in seen.document
