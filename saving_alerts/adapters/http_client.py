"""The HTTP client of both APIs: connections to one server that are kept and used again, and no request made twice.

It repeats nothing, follows nothing and unpacks nothing. How a request has ended says for certain whether it can have
arrived: `http_answer.py` has the errors.
"""

import asyncio
import base64
import ssl
from collections import deque
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Self

from aiohappyeyeballs import start_connection
from yarl import URL

from saving_alerts import __version__
from saving_alerts.adapters.http_addresses import Addresses
from saving_alerts.adapters.http_answer import Answer, BrokenAnswerError, NotConnectedInTimeError, NotSentError
from saving_alerts.adapters.http_connection import HttpConnection, bounded_socket
from saving_alerts.http_access import HttpAccess, TokenFile
from saving_alerts.ports.trace_context import TRACEPARENT, traceparent_now

# A connection that was not used for so long is closed: many servers and proxies close them without a word.
KEPT_SECONDS = 15.0
# How long one address may keep the next one waiting (RFC 8305).
NEXT_ADDRESS_SECONDS = 0.25
# What every request says of us. Bodies come uncompressed, so that their limit is also that of the memory they take.
HEADERS = {"User-Agent": f"saving-alerts/{__version__}", "Accept-Encoding": "identity"}


class HttpClient:
    """Asks the server of one base address. It has no limit of connections: `Admission` has one.

    Every request has `headers`, the token of now where there is one, and the trace of the event that its task works on.
    """

    def __init__(
        self,
        base_url: str,
        tls: ssl.SSLContext | None = None,
        new_connection: Callable[[], HttpConnection] = HttpConnection,
        headers: Mapping[str, str] = MappingProxyType({}),
        token: TokenFile | None = None,
    ) -> None:
        url = URL(base_url)
        self._host, self._port = url.raw_host or "", url.port or 0
        self._tls = (tls or ssl.create_default_context()) if url.scheme == "https" else None
        self._path = URL(base_url, encoded=True).raw_path.rstrip("/")
        self._token = token
        login = {} if token else _login_of(url)
        self._every_head = _lines({"Host": url.raw_authority.rpartition("@")[2], **HEADERS, **headers, **login})
        self._addresses = Addresses(self._host, self._port)
        self._new_connection = new_connection
        self._free: deque[HttpConnection] = deque()  # the one used last at the end
        self._busy: set[HttpConnection] = set()
        self._is_closed = False

    @classmethod
    def of(cls, base_url: str, access: HttpAccess) -> Self:
        """One that shows the server who it is.

        Raises OSError, ValueError or SecretFileError for files that cannot be used; the settings have looked at them.
        """
        if token := access.token():
            token.read()
        return cls(base_url, access.ssl_context(), headers=access.headers, token=token)

    async def close(self) -> None:
        """Close all connections; who waits for an answer hears that it broke off."""
        self._is_closed = True
        for connection in (*self._free, *self._busy):
            connection.give_up(BrokenAnswerError("the client was closed"))
        self._free.clear()

    def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
        """The bytes of a request. Raises ValueError for what cannot stand in a head."""
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        line = _printable(f"{method} {self._path}{path} HTTP/1.1")
        head = f"{line}\r\n{self._every_head}{_lines(self._headers_of_now())}{_lines(headers)}{length}\r\n"
        return head.encode("ascii") + body

    def _headers_of_now(self) -> dict[str, str]:
        token, traceparent = self._token, traceparent_now()
        return {
            **({"Authorization": f"Bearer {token.read()}"} if token else {}),
            **({TRACEPARENT: traceparent} if traceparent else {}),
        }

    async def ask(self, request: bytes, seconds: float, max_body_bytes: int, connect_seconds: float) -> Answer:
        """The answer, within `seconds` of which connecting may take `connect_seconds`.

        Raises NotSentError where no byte has left, NotConnectedInTimeError if that is because of the time; after
        BrokenAnswerError, TimeoutError and a cancellation the request may have arrived.
        """
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + seconds
        connection = self._free_connection(loop.time()) or await self._connected(min(connect_seconds, seconds))
        self._busy.add(connection)
        timer = loop.call_at(ends_at, connection.give_up, TimeoutError(f"no answer within {seconds:g} s"))
        try:
            return await connection.ask(request, max_body_bytes)
        except asyncio.CancelledError:
            connection.abort()
            raise
        finally:
            timer.cancel()
            self._busy.discard(connection)
            if connection.is_free:
                connection.free_since = loop.time()
                self._free.append(connection)

    def _free_connection(self, now: float) -> HttpConnection | None:
        if self._is_closed:
            raise RuntimeError("the HTTP client is used after close()")
        while self._free and now - self._free[0].free_since > KEPT_SECONDS:
            self._free.popleft().abort()
        while self._free:
            connection = self._free.pop()
            if connection.is_free:
                return connection
        return None

    async def _connected(self, seconds: float) -> HttpConnection:
        try:
            async with asyncio.timeout(seconds):
                connection = await self._connect()
        except TimeoutError as error:
            raise NotConnectedInTimeError(f"no connection to {self._place} within {seconds:g} s") from error
        except (OSError, RuntimeError, UnicodeError) as error:  # RuntimeError and UnicodeError: of names and uvloop
            self._addresses.forget()
            raise NotSentError(f"no connection to {self._place}: {error}") from error
        if not connection.is_free:
            raise NotSentError(f"{self._place} closed the connection at once")
        return connection

    async def _connect(self) -> HttpConnection:
        loop = asyncio.get_running_loop()
        addresses = await self._addresses.now()
        made = await start_connection(
            addresses, happy_eyeballs_delay=NEXT_ADDRESS_SECONDS, loop=loop, socket_factory=bounded_socket
        )
        name = self._host if self._tls else None
        _, connection = await loop.create_connection(
            self._new_connection, sock=made, ssl=self._tls, server_hostname=name
        )
        return connection

    @property
    def _place(self) -> str:
        return f"{self._host}:{self._port}"


def _login_of(url: URL) -> dict[str, str]:
    """User and password that stand in the address."""
    login = base64.b64encode(f"{url.user or ''}:{url.password or ''}".encode()).decode()
    return {"Authorization": f"Basic {login}"} if url.user or url.password else {}


def _lines(headers: Mapping[str, str]) -> str:
    return "".join([f"{_printable(name)}: {_printable(value)}\r\n" for name, value in headers.items()])


def _printable(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    raise ValueError(f"no part of an HTTP head: {text!r}")
