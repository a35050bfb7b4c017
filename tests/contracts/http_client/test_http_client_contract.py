"""What both adapters rely on in their HTTP client, on a server that does whatever it likes.

Above all: after a push has failed it is known whether any of it can have arrived. `NOTHING_SENT` is promised only where
no byte of the request left; everything else without an answer is unclear; and no request is ever made twice.
"""

import asyncio
import ssl
from collections.abc import Awaitable
from contextlib import suppress
from pathlib import Path

import pytest

from saving_alerts.adapters.coupon_answers import CouponApiFailedError
from saving_alerts.adapters.http_answer import Answer, NotSentError
from saving_alerts.adapters.http_client import HttpClient
from saving_alerts.domain.coupons import CouponAnswer
from saving_alerts.ports.errors import RefusedError
from saving_alerts.ports.push_sender import Accepted, Attempt, Refused, Throttled, Unclear
from tests.support.api_clients import NOTHING_SENT, asker
from tests.support.certificates import Authority, Certificate
from tests.support.fakes.raw_server import Peer, RawServer, Script, raw_server
from tests.support.until import until

pytestmark = pytest.mark.asyncio

OK = b"HTTP/1.1 200 OK\r\n"
WHOLE = OK + b"Content-Length: 2\r\n\r\n[]"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
COUPONS = CouponAnswer()
ACCEPTED = Accepted(200)
SHORT_SECONDS = 1.0  # in which the head of an answer has to come


def kind(ending: object) -> type | object:
    """An answer as it is, of an error its type."""
    return type(ending) if isinstance(ending, Exception | Unclear) else ending


async def endings(script: Script, seconds: float = 30.0) -> tuple[object, object, RawServer]:
    """How one request of each client ends, each with a connection of its own."""
    async with raw_server(script) as server, asker(f"http://{server.address}", seconds) as ours:
        coupons = await ours.coupons()
        push = await ours.push()
        return kind(coupons), kind(push), server


def answering(*parts: bytes, until_closed: bool = True) -> Script:
    """Answers one request, with the parts one after the other, and waits for the client to close, or closes."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(*parts)
        if until_closed:
            await peer.until_closed()

    return script


def resetting(*parts: bytes) -> Script:
    """Reads a request, answers with the parts, and resets the connection once they have been sent."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(*parts)
        await asyncio.sleep(0.05)  # a RST overtakes what is not read yet
        peer.reset()

    return script


WHOLE_ANSWERS: dict[str, tuple[bytes, ...]] = {
    "with its length": (WHOLE,),
    "in chunks": (CHUNKED + b"2\r\n[]\r\n0\r\n\r\n",),
    "in chunks with extensions and trailers": (CHUNKED + b"1;a=b\r\n[\r\n1\r\n]\r\n0\r\nA: b\r\n\r\n",),
    "head and body apart": (OK + b"Content-Length: 2\r\n", b"\r\n", b"[", b"]"),
    "behind 100 Continue": (b"HTTP/1.1 100 Continue\r\n\r\n", WHOLE),
    "behind early hints": (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + WHOLE,),
    "with odd letter cases and spaces": (b"HTTP/1.1 200  \r\ncontent-LENGTH:2   \r\n\r\n[]",),
    "with a header of bytes": (OK + b"A: \xff\xfe\r\nContent-Length: 2\r\n\r\n[]",),
}


@pytest.mark.parametrize("how", WHOLE_ANSWERS)
async def test_a_whole_answer_counts_and_its_connection_is_used_again(how: str) -> None:
    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(*WHOLE_ANSWERS[how])

    async with raw_server(script) as server, asker(f"http://{server.address}") as ours:
        coupons = [await ours.coupons() for _ in range(3)]
        pushes = [await ours.push() for _ in range(3)]

    assert (coupons, pushes) == ([COUPONS] * 3, [ACCEPTED] * 3)
    assert (server.connections, len(server.requests)) == (2, 6)


UNTIL_CLOSED: dict[str, tuple[bytes, ...]] = {
    "without a length": (OK + b"\r\n", b"[]"),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\n\r\n[]",),
    "that says so": (OK + b"Connection: close\r\nContent-Length: 2\r\n\r\n[]",),
}


@pytest.mark.parametrize("how", UNTIL_CLOSED)
async def test_an_answer_may_end_with_its_connection(how: str) -> None:
    coupons, push, server = await endings(answering(*UNTIL_CLOSED[how], until_closed=False))

    assert (coupons, push, len(server.requests)) == (COUPONS, ACCEPTED, 2)


async def test_an_answer_without_a_body_leaves_the_connection_usable() -> None:
    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(b"HTTP/1.1 204 No Content\r\n\r\n")

    async with raw_server(script) as server, asker(f"http://{server.address}") as ours:
        pushes = [await ours.push() for _ in range(3)]

    assert (pushes, server.connections) == ([Accepted(204)] * 3, 1)


async def test_where_nobody_listens_nothing_was_sent() -> None:
    async with raw_server(answering(WHOLE)) as server:
        pass

    async with asker(f"http://{server.address}") as ours:
        coupons, push = await ours.coupons(), await ours.push()

    assert (kind(coupons), push) == (CouponApiFailedError, NOTHING_SENT)


@pytest.mark.parametrize("at_once", ["closes", "resets"])
async def test_a_server_that_reads_nothing_is_never_said_to_have_heard(at_once: str) -> None:
    """Whether the request left before the end was noticed is a matter of microseconds: both answers are true."""

    async def script(peer: Peer) -> None:
        peer.reset() if at_once == "resets" else peer.writer.close()

    coupons, push, server = await endings(script)

    assert coupons is CouponApiFailedError
    assert push is Unclear or push == NOTHING_SENT
    assert server.requests == []


BROKEN_HEADS: dict[str, Script] = {
    "closed before the first byte": answering(until_closed=False),
    "closed after the first byte": answering(b"H", until_closed=False),
    "closed in the head": answering(OK + b"Content-Len", until_closed=False),
    "closed behind 100 Continue": answering(b"HTTP/1.1 100 Continue\r\n\r\n", until_closed=False),
    "reset before the first byte": resetting(),
    "reset after the first byte": resetting(b"H"),
    "reset in the head": resetting(OK + b"Content-Len"),
    "no HTTP": answering(b"220 mail.example ESMTP\r\n\r\n"),
    "a status that is no number": answering(b"HTTP/1.1 2O0 OK\r\n\r\n"),
    "a header without a name": answering(OK + b": b\r\n\r\n"),
    "two lengths": answering(OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n[]"),
    "a length that is none": answering(OK + b"Content-Length: -2\r\n\r\n[]"),
    "bytes at random": answering(bytes(range(256))),
    "a head of 17 KiB": answering(OK + b"A: " + b"b" * 17 * 1024),
    "headers of 17 KiB": answering(OK, *[b"A: " + b"b" * 1024 + b"\r\n"] * 17),
    "nine interim answers": answering(*[b"HTTP/1.1 102 Processing\r\n\r\n"] * 9),
}


@pytest.mark.parametrize("how", BROKEN_HEADS)
async def test_without_a_whole_head_a_push_is_unclear_and_made_once(how: str) -> None:
    coupons, push, server = await endings(BROKEN_HEADS[how])

    assert (coupons, push) == (CouponApiFailedError, Unclear)
    assert (server.connections, len(server.requests)) == (2, 2)


BROKEN_BODIES: dict[str, Script] = {
    "closed in the body": answering(OK + b"Content-Length: 9\r\n\r\n[", until_closed=False),
    "closed in a chunk": answering(CHUNKED + b"5\r\n[", until_closed=False),
    "closed before the last chunk": answering(CHUNKED + b"2\r\n[]\r\n", until_closed=False),
    "reset in the body": resetting(OK + b"Content-Length: 9\r\n\r\n["),
    "reset in a chunk": resetting(CHUNKED + b"5\r\n["),
    "a chunk without a size": answering(CHUNKED, b"?\r\n[]\r\n0\r\n\r\n"),
    "a chunk of more bytes than said": answering(CHUNKED, b"2\r\n[]]\r\n0\r\n\r\n"),
    "more than 512 KiB on the wire": answering(CHUNKED, *[b"1\r\n \r\n" * 10_000] * 10),
}


@pytest.mark.parametrize("how", BROKEN_BODIES)
async def test_a_status_counts_for_a_push_although_its_body_broke(how: str) -> None:
    coupons, push, server = await endings(BROKEN_BODIES[how])

    assert (coupons, push) == (CouponApiFailedError, ACCEPTED)
    assert (server.connections, len(server.requests)) == (2, 2)


async def test_a_body_that_is_too_long_is_refused_and_its_status_counts() -> None:
    coupons, push, _ = await endings(answering(OK + b"Content-Length: 300000\r\n\r\n", b" " * 300_000))

    assert (coupons, push) == (RefusedError, ACCEPTED)


async def test_a_change_of_protocol_is_an_answer_and_ends_the_connection() -> None:
    upgrade = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    coupons, push, server = await endings(answering(upgrade))

    assert coupons in {RefusedError, CouponApiFailedError}
    assert (push, server.connections) == (Unclear, 2)


async def test_an_answer_may_come_before_the_request_is_read() -> None:
    async def script(peer: Peer) -> None:
        await peer.send(b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        await peer.until_closed()

    coupons, push, _ = await endings(script)

    # Bytes that nobody has asked for may close the connection first: then nothing was sent.
    assert coupons in {RefusedError, CouponApiFailedError}
    assert push == Refused(413, "") or push is Unclear or push == NOTHING_SENT


async def test_a_hung_head_is_unclear_and_takes_no_longer_than_the_attempt() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        with suppress(ConnectionError):
            while True:
                await peer.send(b"HTTP/1.1 102 Processing\r\n" if not peer.number else b"")
                await asyncio.sleep(0.01)

    began = asyncio.get_running_loop().time()
    coupons, push, server = await endings(script, SHORT_SECONDS)

    assert (coupons, push, len(server.requests)) == (TimeoutError, Unclear, 2)
    assert asyncio.get_running_loop().time() - began < 20 * SHORT_SECONDS


async def test_a_body_that_trickles_takes_no_longer_than_the_attempt_and_its_status_counts() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK + b"Content-Length: 100000\r\n\r\n")
        while True:
            await peer.send(b" ")
            await asyncio.sleep(0.01)

    coupons, push, server = await endings(script, SHORT_SECONDS)

    assert (coupons, push, len(server.requests)) == (TimeoutError, ACCEPTED, 2)


async def test_a_kept_connection_that_was_half_closed_is_not_used_again() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(WHOLE)
        peer.end()
        await peer.until_closed()

    async with raw_server(script) as server, asker(f"http://{server.address}") as ours:
        pushes: list[Attempt] = []
        for ended in range(1, 4):
            pushes.append(await ours.push())
            assert await server.next_closed() == ended

    assert (pushes, server.connections, len(server.requests)) == ([ACCEPTED] * 3, 3, 3)


async def test_a_kept_connection_that_breaks_with_the_next_request_is_unclear_and_no_request_is_repeated() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(WHOLE)
        await peer.request()

    async with raw_server(script) as server, asker(f"http://{server.address}") as ours:
        coupons = [kind(await ours.coupons()) for _ in range(2)]
        pushes = [kind(await ours.push()) for _ in range(2)]

    assert (coupons, pushes) == ([COUPONS, CouponApiFailedError], [ACCEPTED, Unclear])
    assert (server.connections, len(server.requests)) == (2, 4)


async def test_a_second_answer_is_not_taken_for_the_next_requests() -> None:
    stale = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(WHOLE + stale)
        await peer.until_closed()

    async with raw_server(script) as server, asker(f"http://{server.address}") as ours:
        pushes = [await ours.push() for _ in range(2)]
        coupons = [await ours.coupons() for _ in range(2)]

    assert (pushes, coupons) == ([ACCEPTED] * 2, [COUPONS] * 2)
    assert server.connections == len(server.requests) == 4


async def test_a_cancelled_push_closes_its_connection_and_leaves_no_answer_to_the_next() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        if peer.number == 1:
            await peer.until_closed()
        await peer.send(WHOLE)
        await peer.until_closed()

    async with raw_server(script) as server, asker(f"http://{server.address}") as ours:
        cancelled = asyncio.create_task(ours.push())
        await until(lambda: len(server.requests) == 1)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        assert await server.next_closed() == 1
        push = await ours.push()

    assert (push, server.connections, len(server.requests)) == (ACCEPTED, 2, 2)


async def test_a_push_that_is_cancelled_while_it_connects_sends_nothing() -> None:
    async def script(peer: Peer) -> None:
        await peer.until_closed()

    async with raw_server(script) as server, asker(f"https://{server.address}") as ours:
        cancelled = asyncio.create_task(ours.push())
        await until(lambda: len(server.requests) == 1)  # the first message of TLS
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        await server.next_closed()

    assert server.connections == 1
    assert not any(b"POST" in each for each in server.requests)


async def test_a_tls_handshake_without_an_end_means_that_nothing_was_sent() -> None:
    async def script(peer: Peer) -> None:
        await peer.until_closed()

    async with raw_server(script) as server, asker(f"https://{server.address}", SHORT_SECONDS) as ours:
        coupons, push = await ours.coupons(), await ours.push()

    assert isinstance(coupons, TimeoutError)
    assert push == NOTHING_SENT


@pytest.mark.parametrize("how", ["resets", "speaks no TLS"])
async def test_a_tls_handshake_that_breaks_means_that_nothing_was_sent(how: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.read(1)
        peer.reset() if how == "resets" else await peer.send(WHOLE)

    async with raw_server(script) as server, asker(f"https://{server.address}") as ours:
        coupons, push = await ours.coupons(), await ours.push()

    assert (kind(coupons), push) == (CouponApiFailedError, NOTHING_SENT)


def tls_of(certificate: Certificate) -> ssl.SSLContext:
    """Of a server."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate.certificate, certificate.key)
    return tls


@pytest.mark.parametrize(("host", "trusted"), [("127.0.0.1", True), ("elsewhere.example", False)])
async def test_over_tls_with_an_authority_of_its_own_names_are_checked(
    tmp_path: Path, host: str, *, trusted: bool
) -> None:
    ours = Authority(tmp_path, "ours")

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(WHOLE)

    async with raw_server(script, tls_of(ours.issue("server", host))) as server:
        client = HttpClient(f"https://{server.address}", ssl.create_default_context(cafile=ours.ca_file))
        asks = [client.ask(client.request("GET", "/", {}), 30, 100, 30) for _ in range(3)]
        answers = [await ending for ending in map(settled, asks)]
        await client.close()

    assert answers == [b"[]" if trusted else NotSentError] * 3
    # asyncio counts no connection whose handshake fails.
    assert (server.connections, len(server.requests)) == ((1, 3) if trusted else (0, 0))


async def settled(asking: Awaitable[Answer]) -> bytes | type[Exception]:
    """The body, or the kind of the error."""
    try:
        return (await asking).body
    except NotSentError as error:
        return type(error)


async def test_to_a_server_that_nobody_vouches_for_nothing_is_sent(tmp_path: Path) -> None:
    tls = tls_of(Authority(tmp_path, "unknown").issue("server", "127.0.0.1"))

    async with raw_server(answering(WHOLE), tls) as server, asker(f"https://{server.address}") as ours:
        coupons, push = await ours.coupons(), await ours.push()

    assert (kind(coupons), push, server.requests) == (CouponApiFailedError, NOTHING_SENT, [])
    assert "certificate" in str(coupons).lower()


async def test_many_at_once_get_each_its_own_answer() -> None:
    """The answer of a request is its path: none is given to another, over however few or many connections."""

    async def script(peer: Peer) -> None:
        while True:
            request = await peer.request()
            status = 201 + int(request.split(b"\r\n\r\n", 1)[0].split(b"Idempotency-Key: ")[1].split(b"\r\n")[0]) % 4
            await peer.send(b"HTTP/1.1 %d OK\r\nContent-Length: 0\r\n\r\n" % status)

    async with raw_server(script) as server, asker(f"http://{server.address}") as ours:
        pushes = await asyncio.gather(*(ours.push(str(number)) for number in range(200)))

    assert pushes == [Accepted(201 + number % 4) for number in range(200)]
    assert len(server.requests) == 200


async def test_a_throttled_answer_is_read_with_its_pause() -> None:
    answer = b"HTTP/1.1 503 Busy\r\nretry-after: 7\r\nRetry-After: 9\r\nContent-Length: 0\r\n\r\n"
    _, push, _ = await endings(answering(answer))

    assert isinstance(push, Throttled)
    assert push.retry_after.total_seconds() == 7
