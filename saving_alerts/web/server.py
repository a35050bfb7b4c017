"""The web server of a worker: Faust's on aiohttp, with limits, so that no client keeps the page from the others."""

from dataclasses import dataclass
from typing import Any, ClassVar

from aiohttp.web import Application, AppRunner, TCPSite
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_server import Server
from faust.types import AppT
from faust.web.drivers.aiohttp import Web

# Connections that the kernel keeps until the event loop accepts them; one turn of the loop accepts no more.
BACKLOG = 64


@dataclass(frozen=True, slots=True)
class WebLimits:
    """What a client can take of the server."""

    connections: int = 256
    """More than people and probes who look at one worker, far less than a process may open."""
    idle_seconds: float = 10.0
    """How long a connection may be without a complete request, at its beginning and between two requests."""
    lingering_seconds: float = 1.0
    """How long the rest of a request is read behind its answer. No page reads a body."""
    shutdown_seconds: float = 2.0
    """How long a stop waits for pages that are being sent."""


class LimitedServer(Server):
    """One connection too many takes the place of the one that has kept its request back for longest."""

    max_connections: int

    def connection_made(self, handler: RequestHandler, transport: Any) -> None:  # noqa: ANN401 - aiohttp's
        super().connection_made(handler, transport)
        held = [each for each in self._connections if not each._force_close]  # noqa: SLF001
        if len(held) > self.max_connections:
            # The oldest stands first. Where all are being answered, the newcomer goes.
            idle = (each for each in held if each._current_request is None)  # noqa: SLF001
            next(idle, handler).force_close()


class LimitedRunner(AppRunner):
    """aiohttp's runner, with that server."""

    def __init__(self, app: Application, limits: WebLimits) -> None:
        super().__init__(
            app,
            access_log=None,
            keepalive_timeout=limits.idle_seconds,
            lingering_time=limits.lingering_seconds,
            shutdown_timeout=limits.shutdown_seconds,
        )
        self.limits = limits

    async def _make_server(self) -> Server:
        made = await super()._make_server()
        server = LimitedServer(made.request_handler, request_factory=made.request_factory, **made._kwargs)  # noqa: SLF001
        server.max_connections = self.limits.connections
        return server


class LimitedWeb(Web):
    """Faust's web server without Faust's own index, which says OK whatever happens: `/` is ours."""

    production_blueprints: ClassVar[list[tuple[str, str]]] = []

    def __init__(self, app: AppT, **options: Any) -> None:  # noqa: ANN401 - Faust's
        super().__init__(app, **options)
        self._runner = LimitedRunner(self.web_app, WebLimits())

    def _new_transport_tcp(self) -> TCPSite:
        return TCPSite(self._runner, self.app.conf.web_bind, self.app.conf.web_port, backlog=BACKLOG)
