"""Servers that send what no HTTP client expects: how each ends for both clients, and how much is read of it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import chain, repeat

import msgspec
import pytest
from aiohttp import ClientSession

from demo.stub_apis.coupon_api import some_coupon
from saving_alerts.adapters.bounded_response import MAX_WIRE_BYTES, RECEIVE_BUFFER_BYTES, BoundedResponse
from saving_alerts.adapters.coupon_answers import CouponApiFailedError
from saving_alerts.adapters.coupon_request import HttpCouponRequests
from saving_alerts.adapters.http_session import open_session
from saving_alerts.adapters.push_api import PushApi, PushApiPolicy
from saving_alerts.domain.coupons import CouponAnswer
from saving_alerts.ports.errors import RefusedError
from saving_alerts.ports.push_sender import Accepted, Attempt, Unclear
from tests.support.fakes.clock import START, FakeClock
from tests.support.fakes.hostile_server import hostile_server
from tests.support.fakes.metrics import RecordingMetrics
from tests.support.sample_pushes import PUSH

pytestmark = pytest.mark.asyncio

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
WHOLE = OK + b"Content-Length: 2\r\n\r\n[]"
# The longest attempt. A limit of size ends all but one of them long before, on a busy machine, too.
SECONDS = 30.0
TRICKLE_SECONDS = 1.0
# The kernel counts its own bookkeeping, and gives twice of what was asked for.
MOST_BYTES_A_TURN = 2 * RECEIVE_BUFFER_BYTES

ENDLESS: dict[str, Callable[[], Iterable[bytes]]] = {
    "interim answers": lambda: repeat(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "interim answers with headers": lambda: repeat((b"HTTP/1.1 103 Early Hints\r\n" + b"a: b\r\n" * 100 + b"\r\n") * 9),
    "one interim answer at a time": lambda: repeat(b"HTTP/1.1 102 Processing\r\n\r\n"),
    "empty lines": lambda: repeat(b"\r\n" * 1000),
    "headers": lambda: chain([OK], repeat(b"a: b\r\n" * 1000)),
    "a header": lambda: chain([OK + b"a: "], repeat(b"b" * 10_000)),
    "a status line": lambda: chain([b"HTTP/1.1 200 "], repeat(b"b" * 10_000)),
}
ENDLESS_BODIES: dict[str, Callable[[], Iterable[bytes]]] = {
    "chunks of one byte": lambda: chain([CHUNKED], repeat(b"1\r\n \r\n" * 1000)),
    "a chunk extension": lambda: chain([CHUNKED + b"1;"], repeat(b"e" * 10_000)),
    "trailers": lambda: chain([CHUNKED + b"2\r\n[]\r\n0\r\n"], repeat(b"a: b\r\n" * 1000)),
}
SHORT: dict[str, list[bytes]] = {
    "nothing": [],
    "half a status line": [b"HTTP/1."],
    "half a head": [OK + b"Content-Len"],
    "no HTTP": [b"220 mail.example ESMTP\r\n\r\n"],
    "an interim answer only": [b"HTTP/1.1 100 Continue\r\n\r\n"],
}


class Watched(BoundedResponse):
    """Tells how many bytes each turn of the event loop has brought."""

    def __init__(self, loop: asyncio.AbstractEventLoop, turns: asyncio.Queue[int]) -> None:
        super().__init__(loop)
        self._turns = turns

    def data_received(self, data: bytes) -> None:
        if data:
            self._turns.put_nowait(len(data))
        super().data_received(data)


@dataclass(slots=True)
class Seen:
    """How a request ended for each client, and the bytes of each turn."""

    coupons: object
    push: Attempt
    turns: list[int]


@asynccontextmanager
async def watched_session(turns: asyncio.Queue[int]) -> AsyncIterator[ClientSession]:
    session = open_session()
    assert session.connector is not None
    session.connector._factory = partial(Watched, loop=asyncio.get_running_loop(), turns=turns)  # type: ignore[assignment]
    yield session
    await session.close()


async def seen_from(answer: Callable[[], Iterable[bytes]]) -> Seen:
    turns = asyncio.Queue[int]()
    async with hostile_server(answer) as address:
        async with watched_session(turns) as session:
            coupons = await coupons_of(session, f"http://{address}")
        async with watched_session(turns) as session:
            push = await push_of(session, f"http://{address}")
        return Seen(coupons, push, [turns.get_nowait() for _ in range(turns.qsize())])


async def push_of(session: ClientSession, url: str) -> Attempt:
    policy = PushApiPolicy(url=url, attempt_seconds=SECONDS)
    sender = PushApi(session, policy, FakeClock(), RecordingMetrics())
    return await sender.attempt(PUSH, "key", START + timedelta(minutes=1))


async def coupons_of(session: ClientSession, url: str, seconds: float = SECONDS) -> object:
    """The coupons, or the error."""
    try:
        async with asyncio.timeout(seconds):
            return await HttpCouponRequests(session, url, FakeClock()).get("u-1", "m-1")
    except (CouponApiFailedError, RefusedError, TimeoutError) as error:
        return error


@pytest.mark.parametrize("what", ENDLESS)
async def test_a_head_without_end_is_no_answer(what: str) -> None:
    seen = await seen_from(ENDLESS[what])

    assert isinstance(seen.coupons, CouponApiFailedError)
    assert isinstance(seen.push, Unclear)
    assert max(seen.turns) <= MOST_BYTES_A_TURN
    assert sum(seen.turns) <= 4 * MOST_BYTES_A_TURN


@pytest.mark.parametrize("what", ENDLESS_BODIES)
async def test_a_body_without_end_is_no_answer_but_the_status_was_one(what: str) -> None:
    seen = await seen_from(ENDLESS_BODIES[what])

    assert isinstance(seen.coupons, CouponApiFailedError)
    # With trailers the answer may break before its head was looked at.
    assert seen.push == Accepted(200) or (what == "trailers" and isinstance(seen.push, Unclear))
    assert max(seen.turns) <= MOST_BYTES_A_TURN
    assert sum(seen.turns) <= 2 * (MAX_WIRE_BYTES + MOST_BYTES_A_TURN)


async def test_a_body_that_is_too_long_is_refused() -> None:
    seen = await seen_from(lambda: chain([OK + b"\r\n"], repeat(b" " * 10_000)))

    assert (type(seen.coupons), seen.push) == (RefusedError, Accepted(200))


@pytest.mark.parametrize("what", SHORT)
async def test_what_ends_before_its_head_does_is_no_answer(what: str) -> None:
    seen = await seen_from(lambda: SHORT[what])

    assert isinstance(seen.coupons, CouponApiFailedError)
    assert isinstance(seen.push, Unclear)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param([OK + b"Content-Length: 100\r\n\r\n[]"], id="less than its length says"),
        pytest.param([CHUNKED + b"5\r\n[]"], id="half a chunk"),
        pytest.param([CHUNKED + b"2\r\n[]\r\n"], id="no last chunk"),
    ],
)
async def test_a_body_that_breaks_off_is_no_answer_but_the_status_was_one(answer: list[bytes]) -> None:
    seen = await seen_from(lambda: answer)

    assert (type(seen.coupons), seen.push) == (CouponApiFailedError, Accepted(200))


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param([WHOLE], id="as it should be"),
        pytest.param([b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + WHOLE], id="behind some interim answers"),
        pytest.param([CHUNKED, *(b"1\r\n%c\r\n" % byte for byte in b"[]"), b"0\r\n\r\n"], id="in chunks of one byte"),
        pytest.param([bytes([byte]) for byte in WHOLE], id="byte by byte"),
        pytest.param([WHOLE * 1000], id="a thousand answers"),
    ],
)
async def test_a_whole_answer_is_read_whatever_is_around_it(answer: list[bytes]) -> None:
    seen = await seen_from(lambda: answer)

    assert (seen.coupons, seen.push) == (CouponAnswer(), Accepted(200))


async def test_an_attempt_ends_at_its_timeout_although_something_comes_all_the_time() -> None:
    """A byte of a header now and then: no limit of size is met."""
    trickling = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        while not trickling.is_set():
            writer.write(b"a: b\r\n")
            await asyncio.sleep(TRICKLE_SECONDS / 10)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, watched_session(asyncio.Queue()) as session:
        host, port = server.sockets[0].getsockname()
        coupons = await coupons_of(session, f"http://{host}:{port}", TRICKLE_SECONDS)
        trickling.set()

    assert isinstance(coupons, TimeoutError)


async def test_an_answer_that_nobody_asked_for_is_not_taken_for_the_next_one() -> None:
    """Two answers to the first request: the second request must not get the second of them."""
    first = OK + b"Content-Length: 2\r\n\r\n[]"
    stale = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    connections = 0
    told, turns = asyncio.Event(), asyncio.Queue[int]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(first)
        await told.wait()
        writer.write(stale)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, watched_session(turns) as session:
        host, port = server.sockets[0].getsockname()
        url = f"http://{host}:{port}"
        answers = [await coupons_of(session, url)]
        await turns.get()
        told.set()
        await turns.get()
        answers.append(await coupons_of(session, url))

    assert (answers, connections) == ([CouponAnswer(), CouponAnswer()], 2)


async def test_real_coupons_come_through() -> None:
    body = msgspec.json.encode([some_coupon("m-1", number) for number in range(200)])
    seen = await seen_from(lambda: [OK + b"Content-Length: %d\r\n\r\n" % len(body), body])

    assert isinstance(seen.coupons, CouponAnswer)
    assert (len(seen.coupons.coupons), seen.coupons.passed_over) == (200, ())
