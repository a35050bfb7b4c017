"""The page for everybody: in both themes, on a phone, without scripts, behind a prefix, under an outage."""

import html
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import faust
import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from saving_alerts.adapters.in_memory_metrics import InMemoryMetrics
from saving_alerts.supervision.health import Condition
from saving_alerts.web.stats import Stats
from saving_alerts.web.views import add_views
from tests.browser.chromium import DARK, LIGHT, visit
from tests.support.requirements import require
from tests.support.sample_stats import ordinary_day, outage

pytestmark = [pytest.mark.browser, pytest.mark.asyncio]

AXE = Path(__file__).parents[2] / ".tools" / "axe" / "axe.min.js"
PHONE_PIXELS = 390
PREFIX = "/alerts/worker-1"
PATIENCE_SECONDS = 20
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# It writes what it found into the document that is dumped.
LOOK_FOR_FINDINGS = f"""
axe.run(document, {{ runOnly: {json.dumps(RULES)} }}).then(({{ violations, passes }}) => {{
  const found = violations.map(({{ id, nodes }}) => [id, nodes.map((node) => node.failureSummary + node.html)]);
  document.body.dataset.axe = JSON.stringify({{ found, passes: passes.length }});
}});
"""
# The page in a frame as wide as a phone; a window of the browser cannot be so narrow.
PHONE = f"""<!doctype html>
<iframe src="/stats" width="{PHONE_PIXELS}" height="844" style="border: 0"></iframe><script src="/measure.js"></script>
"""
MEASURE = """
document.querySelector("iframe").addEventListener("load", ({ target }) => {
  const { scrollWidth, clientWidth } = target.contentDocument.documentElement;
  const wide = [...target.contentDocument.querySelectorAll("body *")].filter((each) => each.scrollWidth > clientWidth);
  document.body.dataset.width = `${scrollWidth - clientWidth} ${wide.map((each) => each.tagName + each.className)}`;
});
"""
Situation = Callable[[], Stats]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
both_situations = pytest.mark.parametrize("situation", [ordinary_day, outage])
both_themes = pytest.mark.parametrize("theme", [pytest.param(LIGHT, id="light"), pytest.param(DARK, id="dark")])


class SampleReport:
    """The report of a worker in this situation."""

    metrics = InMemoryMetrics()

    def __init__(self, situation: Situation) -> None:
        self.situation = situation

    def live(self) -> list[Condition]:
        return []

    def conditions(self) -> list[Condition]:
        return list(self.situation().conditions)

    async def stats(self) -> Stats:
        return self.situation()


def with_axe(page: bytes) -> bytes:
    return page.replace(b"</body>", b'<script src="/axe.js"></script><script src="/look.js"></script></body>')


@asynccontextmanager
async def served(situation: Situation, *, axe: bool = False, scripts: bool = True) -> AsyncIterator[TestServer]:
    """The pages of a worker, and beside them what the tests need. Without `scripts` the browser runs none."""
    app = faust.App("watched", broker="kafka://nowhere", web_cors_options={})
    add_views(app, SampleReport(situation))
    pages = await app.web.wsgi()
    extra = {"/look.js": LOOK_FOR_FINDINGS.encode(), "/measure.js": MEASURE.encode(), "/phone": PHONE.encode()}
    if axe:
        extra["/axe.js"] = AXE.read_bytes()

    @web.middleware
    async def beside(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path in extra:
            kind = "text/html" if request.path == "/phone" else "text/javascript"
            return web.Response(body=extra[request.path], content_type=kind)
        answer = await handler(request)
        if axe and request.path == "/stats" and isinstance(answer, web.Response) and isinstance(answer.body, bytes):
            answer.body = with_axe(answer.body)
        if not scripts:
            answer.headers["Content-Security-Policy"] += "; sandbox"
        return answer

    pages.middlewares.append(beside)
    server = TestServer(pages)
    async with server:
        yield server


@both_situations
@both_themes
async def test_axe_finds_nothing(situation: Situation, theme: str, tmp_path: Path) -> None:
    require(None if AXE.exists() else "axe-core is not here: `make test-browser` gets it")
    async with served(situation, axe=True) as server:
        seen = await visit(str(server.make_url("/stats")), PATIENCE_SECONDS, tmp_path, theme)

    (found,) = re.findall(r'data-axe="([^"]*)"', seen.document)
    report = json.loads(html.unescape(found))
    assert report["found"] == []
    assert report["passes"] > 20


@both_situations
async def test_a_phone_needs_no_sideways_scrolling(situation: Situation, tmp_path: Path) -> None:
    async with served(situation) as server:
        seen = await visit(str(server.make_url("/phone")), 3, tmp_path)

    assert re.findall(r'data-width="([^"]*)"', seen.document) == ["0 "]


@both_situations
async def test_without_scripts_the_page_is_complete_and_loads_itself_anew(situation: Situation, tmp_path: Path) -> None:
    stats = situation()
    async with served(situation, scripts=False) as server:
        seen = await visit(str(server.make_url("/stats")), 3, tmp_path)

    document = html.unescape(seen.document)
    assert all(sentence in document for sentence in stats.verdict.sentences)
    assert all(row.name in document for row in (*stats.cluster, *stats.silent))
    assert "loads itself anew every 10 s" in document
    assert '<meta http-equiv="refresh"' in document
    assert any("Blocked script execution" in complaint for complaint in seen.complaints)
    assert re.search(r'id="away"[^>]* hidden', document)


async def test_title_and_icon_say_it_too(tmp_path: Path) -> None:
    async with served(outage) as server:
        seen = await visit(str(server.make_url("/stats")), 1, tmp_path)

    assert "<title>! push API down since 03:03: HTTP 500" in seen.document
    assert 'href="icon-degraded.svg"' in seen.document
    assert seen.complaints == []


async def test_behind_a_prefix_the_page_finds_all_that_belongs_to_it(tmp_path: Path) -> None:
    """A proxy that serves it under /alerts/worker-1/ and takes that away."""
    asked: list[str] = []
    async with served(ordinary_day) as server, ClientSession() as session:

        async def forward(request: web.Request) -> web.Response:
            asked.append(request.path)
            address = server.make_url(request.path.removeprefix(PREFIX))
            async with session.get(address) as answer:
                return web.Response(body=await answer.read(), content_type=answer.content_type)

        proxy = web.Application()
        proxy.router.add_get("/{path:.*}", forward)
        outside = TestServer(proxy)
        async with outside:
            seen = await visit(str(outside.make_url(f"{PREFIX}/stats")), 3, tmp_path)

    assert seen.complaints == []
    assert {f"{PREFIX}/{name}" for name in ("stats", "page.css", "live.js")} <= set(asked)
    assert asked.count(f"{PREFIX}/stats") > 1  # it is live
    assert [path for path in asked if not path.startswith(f"{PREFIX}/")] == []
