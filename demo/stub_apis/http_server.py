"""An HTTP server on its own event loop in its own thread, for callers of any kind: sync, async, another process."""

import argparse
import asyncio
import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Self

import uvloop
from aiohttp import web

LOOPBACK = "127.0.0.1"
START_TIMEOUT_SECONDS = 10.0
STOP_TIMEOUT_SECONDS = 10.0
ANSWERS_IN_FLIGHT_SECONDS = 1.0


class StubServer(ABC):
    """Serves `application()` between `start` and `stop`, or inside a `with`.

    Port 0 means a free one. What was bound once is bound again by the next `start`, so that a server can be down for a
    while and come back under its address.
    """

    def __init__(self, *, host: str = LOOPBACK, port: int = 0) -> None:
        self.host = host
        self.port = port
        self.stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._thread: threading.Thread | None = None

    @abstractmethod
    def application(self) -> web.Application:
        """A new application for each start."""

    @abstractmethod
    def release(self) -> None:
        """Called while stopping: lets go of the requests that wait."""

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Returns when the port is bound; raises OSError when it cannot be."""
        self.stopping, self._stop = False, asyncio.Event()
        bound: Future[int] = Future()
        self._thread = threading.Thread(target=self._run, args=(bound,), name=type(self).__name__, daemon=True)
        self._thread.start()
        self.port = bound.result(START_TIMEOUT_SECONDS)

    def stop(self) -> None:
        """Closes the port and every connection; requests that wait go unanswered. Harmless when repeated."""
        if self._thread is None:
            return
        self.stopping = True
        self.release()
        self.in_loop(self._stop.set)
        self._thread.join(STOP_TIMEOUT_SECONDS)
        self._thread = None

    def in_loop(self, call: Callable[[], None]) -> None:
        """Runs `call` in the server's event loop, soon; at once when there is none, for then nothing waits in it."""
        loop = self._loop
        if loop is None:
            call()
            return
        with suppress(RuntimeError):  # The loop was closed meanwhile: nothing waits in it any more.
            loop.call_soon_threadsafe(call)

    def _run(self, bound: Future[int]) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            try:
                runner.run(self._serve(bound))
            except Exception as error:
                if bound.done():
                    raise
                bound.set_exception(error)

    async def _serve(self, bound: Future[int]) -> None:
        # A client may hold its connection open for ever: what is not answered by then is cut off.
        runner = web.AppRunner(self.application(), access_log=None, shutdown_timeout=ANSWERS_IN_FLIGHT_SECONDS)
        await runner.setup()
        try:
            await web.TCPSite(runner, self.host, self.port).start()
            self._loop = asyncio.get_running_loop()
            bound.set_result(runner.addresses[0][1])
            await self._stop.wait()
        finally:
            self._loop = None
            await runner.cleanup()


def address_parser(program: str, description: str, example: str) -> argparse.ArgumentParser:
    """A command line with `--host` and `--port`, and an example in its help."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {program}",
        description=description,
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default=LOOPBACK, help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: a free one)")
    return parser


def serve_until_signalled(server: StubServer) -> None:
    """Serves until SIGINT or SIGTERM; prints the address once it is bound."""
    signalled = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: signalled.set())
    with server:
        print(f"{type(server).__name__} listening on {server.url}", flush=True)
        signalled.wait()
