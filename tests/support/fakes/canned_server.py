"""A TCP server that answers every request with the same bytes, however little they are HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def canned_server(answer: bytes | None, heads: list[str] | None = None) -> AsyncIterator[str]:
    """Its address. It closes a connection after one answer; with None it reads and never answers.

    The head of each request, as it came, is added to `heads`.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while answer is None and await reader.read(1024):
                pass
            head = await _read_request(reader)
            if heads is not None:
                heads.append(head)
            writer.write(answer or b"")
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    try:
        yield f"{host}:{port}"
    finally:
        server.close()


async def _read_request(reader: asyncio.StreamReader) -> str:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    lengths = [line.partition(":")[2] for line in head.splitlines() if line.lower().startswith("content-length:")]
    await reader.readexactly(int(lengths[0]) if lengths else 0)
    return head
