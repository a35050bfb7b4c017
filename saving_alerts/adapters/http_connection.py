"""One connection to an HTTP API: a request at a time, and its answer within limits, whatever the server sends.

httptools parses (llhttp, the parser of Node.js). A request gets one answer; its head and its length on the wire are
bounded; and the kernel holds back what is more than one turn of the event loop can parse in some milliseconds.
docs/adr/0047-our-own-http-client.md says why it is our own.
"""

import asyncio
import socket
from typing import Any, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from saving_alerts.adapters.http_answer import Answer, BodyError, BrokenAnswerError, OversizeError

# Of a socket, as the kernel counts them: it allows twice as many, and one turn reads at most what is there.
RECEIVE_BUFFER_BYTES = 16 * 1024
# All lines before the body, those of interim answers included.
MAX_HEAD_BYTES = 16 * 1024
# Interim answers are rare, and mean nothing to us.
MAX_INTERIM_ANSWERS = 8
# What comes over the wire for one request, chunk sizes and the like included: twice the longest body that is read.
MAX_WIRE_BYTES = 2 * 256 * 1024
INTERIM = range(100, 200)
SWITCHING_PROTOCOLS = 101
LENGTH_HEADERS = frozenset({b"content-length", b"transfer-encoding"})


class HttpConnection(asyncio.Protocol):
    """`ask` while `is_free`. What comes while nobody has asked closes it."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser = HttpResponseParser(self)
        self._asked: asyncio.Future[Answer] | None = None
        self._ended = False  # the server sends nothing more
        self.free_since = 0.0  # seconds of the event loop
        self._begin(0)

    def _begin(self, max_body_bytes: int) -> None:
        self._max_body_bytes = max_body_bytes
        self._wire_bytes = self._body_bytes = self._interim_answers = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._parts: list[bytes] = []
        self._answer: Answer | None = None  # once its head is here
        self._is_whole = self._keep = False

    @property
    def is_free(self) -> bool:
        """Whether a request can be made on it."""
        return self._asked is None and self._transport is not None and not self._transport.is_closing()

    def ask(self, request: bytes, max_body_bytes: int) -> asyncio.Future[Answer]:
        """Send it. The future raises BrokenAnswerError, or what `give_up` was given, if no whole head comes."""
        assert self._transport is not None
        self._begin(max_body_bytes)
        self._asked = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._asked

    def give_up(self, why: BodyError) -> None:
        """Close it. Whoever waits gets the answer without its body if its head is here, else the error."""
        asked, answer = self._asked, self._answer
        self.abort()
        if asked is None or asked.done():
            return
        if answer is None:
            asked.set_exception(why)
        else:
            answer.body_error = why
            asked.set_result(answer)

    def abort(self) -> None:
        """Close it at once. Whoever waits hears nothing."""
        self._asked = None
        if self._transport is not None:
            self._transport.abort()

    # The event loop's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._asked is None:
            self.abort()
            return
        try:
            self._parse(data)
        except HttpParserUpgrade:
            self._answered(keep=False)
        except HttpParserError as error:
            # Behind a whole answer it is the beginning of another: the first one counts.
            self._answered(keep=False) if self._is_whole else self.give_up(BrokenAnswerError(f"no HTTP: {error}"))
        else:
            self._look_at_limits()

    def eof_received(self) -> None:
        """Nothing is returned, so the transport closes itself."""
        self._ended = True

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None and self._ended and error is None and self._ends_with_connection():
            self._answered(keep=False)
        else:
            self.give_up(BrokenAnswerError(str(error) if error else "the server has closed the connection"))

    def _parse(self, data: bytes) -> None:
        """Parse no more than a head may have, before it is known that it ends."""
        room = len(data) if self._has_head() else MAX_HEAD_BYTES - self._wire_bytes
        self._wire_bytes += len(data)
        self._parser.feed_data(data[:room])
        if len(data) > room and self._has_head():
            self._parser.feed_data(data[room:])

    def _has_head(self) -> bool:
        return self._answer is not None

    def _look_at_limits(self) -> None:
        if self._is_whole:
            self._answered(keep=self._keep)
        elif self._body_bytes > self._max_body_bytes:
            self.give_up(OversizeError(f"more than {self._max_body_bytes} bytes"))
        elif self._interim_answers > MAX_INTERIM_ANSWERS:
            self.give_up(BrokenAnswerError(f"more than {MAX_INTERIM_ANSWERS} interim answers"))
        elif self._wire_bytes > MAX_WIRE_BYTES:
            self.give_up(BrokenAnswerError(f"more than {MAX_WIRE_BYTES} bytes for one answer"))
        elif self._answer is None and self._wire_bytes >= MAX_HEAD_BYTES:
            self.give_up(BrokenAnswerError(f"a head of more than {MAX_HEAD_BYTES} bytes"))

    def _answered(self, *, keep: bool) -> None:
        asked, answer, parts = self._asked, self._answer, self._parts
        self._asked = self._answer = None  # a free connection keeps no body
        self._parts = []
        if not keep:
            self.abort()
        if asked is not None and answer is not None and not asked.done():
            answer.body = b"".join(parts)
            asked.set_result(answer)

    def _ends_with_connection(self) -> bool:
        """Whether the answer has no length of its own."""
        return not any(name.lower() in LENGTH_HEADERS for name, _ in self._headers)

    # The parser's side.

    def on_message_begin(self) -> None:
        if self._is_whole:
            raise BrokenAnswerError("more than one answer to a request")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status in INTERIM and status != SWITCHING_PROTOCOLS:
            self._interim_answers += 1
            self._headers = []
        else:
            self._answer = Answer(status, self._headers, b"")

    def on_body(self, part: bytes) -> None:
        self._body_bytes += len(part)
        if self._body_bytes <= self._max_body_bytes:
            self._parts.append(part)

    def on_message_complete(self) -> None:
        if self._answer is not None:
            self._is_whole = True
            self._keep = self._answer.status != SWITCHING_PROTOCOLS and self._parser.should_keep_alive()


def bounded_socket(address: Any) -> socket.socket:  # noqa: ANN401 - as getaddrinfo gives it
    """A socket of which one turn of the event loop reads at most twice RECEIVE_BUFFER_BYTES."""
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    made.setblocking(False)
    return made
