"""The pages of a worker, as views of Faust's web server."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

import faust
from faust.types.web import Request, Response, View

from saving_alerts.dependencies import State
from saving_alerts.web import pages
from saving_alerts.web.exposition import CONTENT_TYPE, Exposition
from saving_alerts.web.icons import icon, name_of
from saving_alerts.web.page_token import CHALLENGE, PageToken
from saving_alerts.web.recent import Recent
from saving_alerts.web.stats import Report

SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
}
HEALTH = "/health/"  # whoever restarts and routes knows no token
Answer = tuple[int, str, bytes]  # status, content type, body


def add_views(
    app: faust.App, report: Report, seconds: Callable[[], float] = monotonic, token: PageToken | None = None
) -> None:
    """Add the pages to the app's web server. `/` replaces Faust's page, which is OK whatever happens.

    By `seconds`, a clock, the numbers are at most one second old. With a token all but health is for who shows it.
    """
    for path, answer in _routes(report, seconds).items():
        is_open = token is None or path.startswith(HEALTH)
        _add(app, path, answer, None if is_open else token)


def _routes(report: Report, seconds: Callable[[], float]) -> dict[str, Callable[[], Awaitable[Answer]]]:
    async def live() -> Answer:
        return _json(pages.health("live", report.live()))

    async def ready() -> Answer:
        return _json(pages.health("ready", report.conditions()))

    return {
        **_stats_routes(report, seconds),
        **_fixed_routes(),
        "/metrics": _metrics(report, seconds),
        "/health/live": live,
        "/health/ready": ready,
    }


def _fixed_routes() -> dict[str, Callable[[], Awaitable[Answer]]]:
    """What belongs to the page and never changes. All of it is ours: nothing comes from elsewhere."""
    icons = {f"/icon-{name_of(state)}.svg": _always("image/svg+xml", icon(state)) for state in State}
    return {
        "/live.js": _always("text/javascript", pages.LIVE_SCRIPT),
        "/page.css": _always("text/css", pages.STYLE),
        **icons,
    }


def _always(content_type: str, body: bytes) -> Callable[[], Awaitable[Answer]]:
    async def answer() -> Answer:
        return 200, content_type, body

    return answer


def _stats_routes(report: Report, seconds: Callable[[], float]) -> dict[str, Callable[[], Awaitable[Answer]]]:
    """The pages with numbers, which are computed for all requests of a second together, however many they are."""

    async def compute() -> tuple[bytes, bytes]:
        numbers = await report.stats()
        # In a thread: with hundreds of partitions it takes longer than `/health/live` may wait.
        return await asyncio.to_thread(lambda: (pages.html(numbers), pages.json(numbers)))

    recent = Recent(compute, seconds)

    async def stats() -> Answer:
        return 200, "text/html", (await recent.get())[0]

    async def stats_json() -> Answer:
        return 200, "application/json", (await recent.get())[1]

    return {"/": stats, "/stats": stats, "/stats.json": stats_json}


def _metrics(report: Report, seconds: Callable[[], float]) -> Callable[[], Awaitable[Answer]]:
    """Computed once a second as well, however many scrape it."""
    exposition = Exposition(report.metrics)

    async def compute() -> bytes:
        return exposition.page()

    recent = Recent(compute, seconds)

    async def metrics() -> Answer:
        return 200, CONTENT_TYPE, await recent.get()

    return metrics


def _json(answer: tuple[int, bytes]) -> Answer:
    return answer[0], "application/json", answer[1]


def _add(app: faust.App, path: str, answer: Callable[[], Awaitable[Answer]], token: PageToken | None) -> None:
    @app.page(path, name=f"saving-alerts {path}")
    async def view(view: View, request: Request) -> Response:
        if token and not token.allows(request.headers.get("Authorization")):
            headers = SECURITY_HEADERS | CHALLENGE
            return view.bytes(b"a token is needed\n", content_type="text/plain", status=401, headers=headers)
        status, content_type, body = await answer()
        return view.bytes(body, content_type=content_type, status=status, headers=SECURITY_HEADERS)
