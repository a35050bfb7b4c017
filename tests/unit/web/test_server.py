"""The web server of a worker over real sockets, beside clients that keep connections and ask for nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress

import pytest
from aiohttp.web import AppRunner, TCPSite

from demo.servers.free_port import FreePort
from saving_alerts.web.server import LimitedRunner, LimitedWeb, WebLimits
from tests.support.fakes.unopened_app import unopened_app

pytestmark = pytest.mark.asyncio

HALF_OPEN = 2000
GET_LIVE = b"GET /health/live HTTP/1.1\r\nHost: worker\r\nConnection: close\r\n\r\n"
HALF_A_HEAD = b"GET /health/live HTTP/1.1\r\nHost: "
OK = b"HTTP/1.1 200 OK"
QUICK = 0.2  # seconds
# What a probe may wait for. A test machine may have other things to do: ten times as much.
LIVE_SECONDS = 10 * 0.1

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def served(limits: WebLimits) -> AsyncIterator[tuple[LimitedRunner, int]]:
    """A worker's pages with these limits, and their port."""
    runner = LimitedRunner(await unopened_app().web.wsgi(), limits)
    await runner.setup()
    await TCPSite(runner, "127.0.0.1", 0).start()
    yield runner, runner.addresses[0][1]
    await runner.cleanup()


def held_by(runner: AppRunner) -> int:
    assert runner.server is not None
    return sum(not each._force_close for each in runner.server.connections)


@asynccontextmanager
async def half_open(port: int, number: int, sends: bytes = b"") -> AsyncIterator[list[Connection]]:
    """So many connections, one after the other, none with a complete request."""
    async with AsyncExitStack() as leaving:
        connections = []
        for _ in range(number):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            leaving.callback(writer.close)
            writer.write(sends)
            connections.append((reader, writer))
        yield connections


async def answer_to(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return answer


async def test_the_app_starts_its_server_with_these_limits() -> None:
    app = unopened_app()
    web = app.web
    assert isinstance(web, LimitedWeb)
    with closing(FreePort()) as port:
        app.conf.web_port = port.number
        await web.start_server()
        async with half_open(port.number, WebLimits().connections + 10):
            held = held_by(web._runner)
        await web.stop_server()

    assert held <= WebLimits().connections


@pytest.mark.parametrize("sends", [pytest.param(b"", id="nothing sent"), pytest.param(HALF_A_HEAD, id="half a head")])
async def test_it_answers_beside_2_000_connections_without_a_request(sends: bytes) -> None:
    limits = WebLimits()
    async with served(limits) as (runner, port), half_open(port, HALF_OPEN, sends):
        async with asyncio.timeout(LIVE_SECONDS):
            answer = await answer_to(port, GET_LIVE)

        assert answer.startswith(OK)
        assert held_by(runner) <= limits.connections


async def test_who_has_kept_its_request_back_for_longest_makes_room() -> None:
    async with served(WebLimits(connections=3)) as (_, port), half_open(port, 4) as connections:
        assert await connections[0][0].read() == b""

        for reader, writer in connections[1:]:
            writer.write(GET_LIVE)
            assert (await reader.read()).startswith(OK)


@pytest.mark.parametrize("sends", [b"", HALF_A_HEAD])
async def test_a_request_that_is_not_complete_in_time_is_not_waited_for(sends: bytes) -> None:
    async with served(WebLimits(idle_seconds=QUICK)) as (_, port), half_open(port, 1, sends) as [(reader, _)]:
        assert await reader.read() == b""


async def test_a_request_that_comes_byte_by_byte_is_not_waited_for_either() -> None:
    async with served(WebLimits(idle_seconds=QUICK)) as (_, port), half_open(port, 1, HALF_A_HEAD) as [connection]:
        reader, writer = connection
        closed = asyncio.create_task(reader.read())
        while not closed.done():
            writer.write(b"x")
            await asyncio.wait([closed], timeout=QUICK / 10)

        with suppress(ConnectionResetError):  # what a byte finds that comes behind the end
            assert await closed == b""


async def test_a_connection_that_is_kept_after_an_answer_is_closed_when_nothing_follows() -> None:
    request = GET_LIVE.replace(b"Connection: close\r\n", b"")
    async with served(WebLimits(idle_seconds=QUICK)) as (_, port):
        assert (await answer_to(port, request)).startswith(OK)
