"""The Coupon API and the push API as one cheap process: it answers by the contract, and notes when a push was accepted.

The Coupon API has one good coupon for every second user. What is not a push is a question for coupons.

python -m benchmarks.whole.stub COUPON_MILLISECONDS PUSH_MILLISECONDS PORT
"""

import asyncio
import sys
import time
from random import Random
from typing import cast
from zlib import crc32

import msgspec
import uvloop

from demo.traffic.coupons import good_coupon
from demo.traffic.directory import MERCHANTS

END_OF_HEAD = b"\r\n\r\n"
CONTENT_LENGTH = b"content-length: "
ACCEPTED_PATH = b"/accepted"
NO_COUPONS = b"[]"


class _Trace(msgspec.Struct):
    event_id: str


class _Push(msgspec.Struct):
    trace: _Trace


class Seen(msgspec.Struct):
    """All times are of the monotonic clock, which the processes of a machine share.

    `first_ask`: when the first question for coupons came. `accepted`: when each event's push was answered, the first
    time. `asks` and `attempts` are requests.
    """

    first_ask: float = 0.0
    asks: int = 0
    attempts: int = 0
    accepted: dict[str, float] = msgspec.field(default_factory=dict)


class Stub:
    """What all connections share."""

    def __init__(self, coupon_seconds: float, push_seconds: float) -> None:
        self.coupon_seconds = coupon_seconds
        self.push_seconds = push_seconds
        self.seen = Seen()
        self._pushes = msgspec.json.Decoder(_Push)
        self._coupons = {
            merchant.merchant_id.encode(): msgspec.json.encode([good_coupon(Random(merchant.merchant_id), merchant)])
            for merchant in MERCHANTS
        }

    def coupons(self, path: bytes) -> bytes:
        """The answer to `/users/<user>/merchants/<merchant>/coupons`."""
        if not self.seen.asks:
            self.seen.first_ask = time.monotonic()
        self.seen.asks += 1
        _, _, user, _, merchant, _ = path.split(b"/")
        return self._coupons.get(merchant, NO_COUPONS) if crc32(user) % 2 else NO_COUPONS

    def push(self, body: bytes) -> bytes:
        """It counts as accepted when it is answered."""
        self.seen.attempts += 1
        event_id = self._pushes.decode(body).trace.event_id
        self.seen.accepted.setdefault(event_id, time.monotonic() + self.push_seconds)
        return b'{"push_id":"p-%d"}' % self.seen.attempts

    def accepted(self) -> bytes:
        """What was seen so far; it is forgotten."""
        seen, self.seen = self.seen, Seen()
        return msgspec.json.encode(seen)


class Connection(asyncio.Protocol):
    """One request at a time, as both clients make them."""

    def __init__(self, stub: Stub) -> None:
        self._stub = stub
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(END_OF_HEAD)
        if not end or len(body) < _length_in(head):
            return
        self._received = b""
        method, path, _ = head.split(b" ", 2)
        if path == ACCEPTED_PATH:
            self._answer(200, self._stub.accepted(), 0)
        elif method == b"GET":
            self._answer(200, self._stub.coupons(path), self._stub.coupon_seconds)
        else:
            self._answer(201, self._stub.push(body), self._stub.push_seconds)

    def _answer(self, status: int, body: bytes, after_seconds: float) -> None:
        head = b"HTTP/1.1 %d OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
        if after_seconds:
            asyncio.get_running_loop().call_later(after_seconds, self._write, head + body)
        else:
            self._write(head + body)

    def _write(self, answer: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)


def _length_in(head: bytes) -> int:
    _, found, rest = head.lower().partition(CONTENT_LENGTH)
    return int(rest.split(b"\r\n", 1)[0]) if found else 0


async def serve(coupon_milliseconds: float, push_milliseconds: float, port: int) -> None:
    """Until the process is killed."""
    stub = Stub(coupon_milliseconds / 1000, push_milliseconds / 1000)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(stub), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(float(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])))
