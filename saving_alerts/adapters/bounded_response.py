"""The connection of an HTTP client that a server cannot keep busy, whatever it sends.

aiohttp parses all that has arrived at once, and reads one interim answer (1xx) after the other without letting anybody
else run; as many as a server sends. Here a request gets one answer, its head and its length on the wire are bounded,
and the kernel holds back what is more than one turn of the event loop can parse in some milliseconds.
"""

import asyncio
import socket
import ssl
from functools import partial
from typing import Any

from aiohttp import ClientPayloadError, TCPConnector
from aiohttp.client_proto import ResponseHandler
from aiohttp.helpers import set_exception
from aiohttp.http_exceptions import HttpProcessingError

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


class BoundedResponse(ResponseHandler):
    """aiohttp's connection, which is closed as soon as an answer breaks a limit; the request then fails."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._begin_answer()

    def set_response_params(self, **parameters: Any) -> None:  # noqa: ANN401 - aiohttp's
        """Aiohttp calls it before each request on this connection."""
        self._begin_answer()
        super().set_response_params(**parameters)

    def _begin_answer(self) -> None:
        self._wire_bytes = 0
        self._interim_answers = 0
        self._has_head = False

    def data_received(self, data: bytes) -> None:
        """Without data aiohttp's parser goes on with what it has."""
        if self._is_answered and data:
            self._give_up("more than one answer to a request")
        elif self._has_head or not data:
            self._parse(data)
        elif rest := self._parse_head(data):
            self._parse(rest)

    def _parse_head(self, data: bytes) -> bytes:
        """Parse no more than a head may have, before it is known that it ends. The rest, if the head has ended."""
        room = MAX_HEAD_BYTES - self._wire_bytes
        self._parse(data[:room])
        if self._has_head:
            return data[room:]
        if self._wire_bytes >= MAX_HEAD_BYTES:
            self._give_up(f"a head of more than {MAX_HEAD_BYTES} bytes")
        return b""

    @property
    def _is_answered(self) -> bool:
        """Whether the last answer has ended, and nobody has asked since."""
        return self._has_head and (self._payload is None or self._payload.is_eof())

    def feed_data(self, data: Any, size: int = 0) -> None:  # noqa: ANN401 - aiohttp's
        """A head was parsed: `data` is the message and its body."""
        code = data[0].code
        if code in INTERIM and code != SWITCHING_PROTOCOLS:
            self._interim_answers += 1
        elif self._has_head:
            self._give_up("more than one answer to a request")
        else:
            self._has_head = True
            super().feed_data(data, size)

    def _parse(self, data: bytes) -> None:
        if self.transport is None:
            return
        self._wire_bytes += len(data)
        super().data_received(data)
        if self._interim_answers > MAX_INTERIM_ANSWERS:
            self._give_up(f"more than {MAX_INTERIM_ANSWERS} interim answers")
        elif self._wire_bytes > MAX_WIRE_BYTES:
            self._give_up(f"more than {MAX_WIRE_BYTES} bytes for one answer")

    def _give_up(self, why: str) -> None:
        if self.transport is None:
            return
        payload = self._payload
        self.abort()
        self.set_exception(HttpProcessingError(code=400, message=why))
        if payload is not None and not payload.is_eof():
            set_exception(payload, ClientPayloadError(why))


def bounded_connector(context: ssl.SSLContext | None = None) -> TCPConnector:
    """A connector of such connections, as many as are asked for; to be called in the event loop.

    `context`: for https; without it the authorities of the system are trusted.
    """
    connector = TCPConnector(limit=0, socket_factory=_socket, ssl=True if context is None else context)
    connector._factory = partial(BoundedResponse, loop=asyncio.get_running_loop())  # type: ignore[assignment]  # noqa: SLF001
    return connector


def _socket(address: Any) -> socket.socket:  # noqa: ANN401 - aiohttp's AddrInfoType
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    made.setblocking(False)
    return made
