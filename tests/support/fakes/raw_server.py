"""A TCP server whose every connection does what a test says, byte by byte; it tells what has reached it."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

MOST_SECONDS = 20
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER of no time


@dataclass(slots=True)
class Peer:
    """One connection, as the server has it. `number` counts from 1."""

    number: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    requests: list[bytes]

    async def request(self) -> bytes:
        """The next whole request: head and body. It is counted in `RawServer.requests`."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        request = head + await self.reader.readexactly(int(lengths[0]) if lengths else 0)
        self.requests.append(request)
        return request

    async def send(self, *parts: bytes) -> None:
        """Each part by itself, as far as TCP allows."""
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()
            await asyncio.sleep(0)

    def end(self) -> None:
        """Nothing more is sent, but everything is read."""
        self.writer.write_eof()

    def reset(self) -> None:
        """Close so that the other side gets a RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self.writer.transport.abort()

    @property
    def socket(self) -> socket.socket:
        found: socket.socket = self.writer.get_extra_info("socket")
        return found

    async def until_closed(self) -> None:
        """Returns when the other side has closed; what it still sends is counted as a request."""
        with suppress(ConnectionError):
            while rest := await self.reader.read(64 * 1024):
                self.requests.append(rest)


Script = Callable[[Peer], Awaitable[None]]


@dataclass(slots=True)
class RawServer:
    """`requests`: what has come over all connections, in order. `connections`: how many there were."""

    address: str = ""
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    closed: asyncio.Queue[int] = field(default_factory=asyncio.Queue)  # the numbers of connections that have ended

    async def next_closed(self) -> int:
        """Raises TimeoutError where none closes."""
        async with asyncio.timeout(MOST_SECONDS):
            return await self.closed.get()


@asynccontextmanager
async def raw_server(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[RawServer]:
    """Runs `script` for each connection, and closes it afterwards. It is not awaited at the end."""
    told = RawServer()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        told.connections += 1
        peer = Peer(told.connections, reader, writer, told.requests)
        with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            await script(peer)
        writer.close()
        told.closed.put_nowait(peer.number)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    host, port = server.sockets[0].getsockname()
    told.address = f"{host}:{port}"
    try:
        yield told
    finally:
        server.close()
