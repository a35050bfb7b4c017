"""Servers that send what no HTTP client expects: how each ends for both clients, and how much is read of it."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import chain, pairwise, repeat

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from demo.stub_apis.coupon_api import some_coupon
from saving_alerts.adapters.coupon_answers import MAX_BODY_BYTES, CouponApiFailedError
from saving_alerts.adapters.http_answer import Answer, BrokenAnswerError
from saving_alerts.adapters.http_connection import MAX_WIRE_BYTES, RECEIVE_BUFFER_BYTES, HttpConnection
from saving_alerts.domain.coupons import CouponAnswer
from saving_alerts.ports.errors import RefusedError
from saving_alerts.ports.push_sender import Accepted, Attempt, Unclear
from tests.support.api_clients import asker
from tests.support.fakes.hostile_server import hostile_server

pytestmark = pytest.mark.asyncio

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
WHOLE = OK + b"Content-Length: 2\r\n\r\n[]"
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


class Watched(HttpConnection):
    """Tells how many bytes each turn of the event loop has brought."""

    def __init__(self, turns: asyncio.Queue[int]) -> None:
        super().__init__()
        self._turns = turns

    def data_received(self, data: bytes) -> None:
        self._turns.put_nowait(len(data))
        super().data_received(data)


@dataclass(slots=True)
class Seen:
    """How a request ended for each client, and the bytes of each turn."""

    coupons: object
    push: Attempt
    turns: list[int]


async def seen_from(answer: Callable[[], Iterable[bytes]]) -> Seen:
    turns = asyncio.Queue[int]()
    async with (
        hostile_server(answer) as address,
        asker(f"http://{address}", new_connection=partial(Watched, turns)) as ours,
    ):
        coupons, push = await ours.coupons(), await ours.push()
    return Seen(coupons, push, [turns.get_nowait() for _ in range(turns.qsize())])


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
    assert seen.push == Accepted(200)
    assert max(seen.turns) <= MOST_BYTES_A_TURN
    assert sum(seen.turns) <= 2 * (MAX_WIRE_BYTES + MOST_BYTES_A_TURN)


async def test_a_body_that_is_too_long_is_refused() -> None:
    seen = await seen_from(lambda: chain([OK + b"\r\n"], repeat(b" " * 10_000)))

    assert (type(seen.coupons), seen.push) == (RefusedError, Accepted(200))


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
    host, port = server.sockets[0].getsockname()
    async with server, asker(f"http://{host}:{port}", new_connection=partial(Watched, turns)) as ours:
        answers = [await ours.coupons()]
        await turns.get()
        told.set()
        await turns.get()
        answers.append(await ours.coupons())

    assert (answers, connections) == ([CouponAnswer(), CouponAnswer()], 2)


class OneSided(asyncio.Transport):
    """What is written goes nowhere. It tells whether it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        pass

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


Ending = tuple[type, object, bytes, type]
PIECES = st.sampled_from(
    [
        OK,
        WHOLE,
        CHUNKED,
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"2\r\n[]\r\n",
        b"0\r\n\r\n",
        b"Content-Length: 3\r\n",
        b"\r\n",
    ]
)


async def ending_of(parts: list[bytes], max_body_bytes: int) -> Ending:
    """Of a request whose answer comes in these parts, before the connection ends."""
    connection, transport = HttpConnection(), OneSided()
    connection.connection_made(transport)
    asked = connection.ask(b"GET / HTTP/1.1\r\n\r\n", max_body_bytes)
    for part in parts:
        if not transport.closed and not asked.done():
            connection.data_received(part)
    if not asked.done():
        connection.eof_received()
        connection.connection_lost(None)
    try:
        answer = await asked
    except BrokenAnswerError as error:
        return type(error), None, b"", type(None)
    return Answer, answer.status, answer.body, type(answer.body_error)


@given(pieces=st.lists(PIECES | st.binary(max_size=40), max_size=6), cuts=st.lists(st.integers(0, 400), max_size=8))
@example(pieces=[WHOLE, WHOLE], cuts=[])
async def test_any_bytes_end_a_request_and_it_does_not_matter_where_they_are_cut(
    pieces: list[bytes], cuts: list[int]
) -> None:
    answer = b"".join(pieces)
    places = [0, *sorted(cut for cut in cuts if 0 < cut < len(answer)), len(answer)]
    cut = [answer[start:end] for start, end in pairwise(places) if start < end]

    whole = await ending_of([answer] if answer else [], MAX_BODY_BYTES)

    assert whole[0] in {Answer, BrokenAnswerError}
    assert await ending_of(cut, MAX_BODY_BYTES) == whole


async def test_real_coupons_come_through() -> None:
    body = msgspec.json.encode([some_coupon("m-1", number) for number in range(200)])
    seen = await seen_from(lambda: [OK + b"Content-Length: %d\r\n\r\n" % len(body), body])

    assert isinstance(seen.coupons, CouponAnswer)
    assert (len(seen.coupons.coupons), seen.coupons.passed_over) == (200, ())
