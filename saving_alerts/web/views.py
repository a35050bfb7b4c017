"""The views of a worker, in Faust's web server."""

from collections.abc import Awaitable, Callable

import faust
from faust.types.web import Request, Response, View

from saving_alerts.web import pages
from saving_alerts.web.stats import Report

SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
}
Answer = tuple[int, str, bytes]


def add_views(app: faust.App, worker: Report) -> None:
    """Hang the pages into the app's web server. `/` replaces Faust's, which says OK whatever happens."""

    async def stats() -> Answer:
        return 200, "text/html", pages.html(await worker.stats())

    async def stats_json() -> Answer:
        return 200, "application/json", pages.json(await worker.stats())

    async def live() -> Answer:
        return _json(pages.health("live", worker.live()))

    async def ready() -> Answer:
        return _json(pages.health("ready", worker.conditions()))

    async def metrics() -> Answer:
        return 200, "text/plain", pages.prometheus(worker.metrics)

    async def script() -> Answer:
        return 200, "text/javascript", pages.LIVE_SCRIPT

    routes: dict[str, Callable[[], Awaitable[Answer]]] = {
        "/": stats,
        "/stats": stats,
        "/stats.json": stats_json,
        "/health/live": live,
        "/health/ready": ready,
        "/metrics": metrics,
        "/live.js": script,
    }
    for path, answer in routes.items():
        _add(app, path, answer)


def _json(answer: tuple[int, bytes]) -> Answer:
    return answer[0], "application/json", answer[1]


def _add(app: faust.App, path: str, answer: Callable[[], Awaitable[Answer]]) -> None:
    @app.page(path, name=f"saving-alerts {path}")
    async def view(view: View, request: Request) -> Response:  # noqa: ARG001 - Faust's signature
        status, content_type, body = await answer()
        return view.bytes(body, content_type=content_type, status=status, headers=SECURITY_HEADERS)
