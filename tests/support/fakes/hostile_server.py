"""A raw TCP server that answers every request with bytes of its choice, for ever if it likes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress

Answer = Callable[[], Iterable[bytes]]


@asynccontextmanager
async def hostile_server(answer: Answer) -> AsyncIterator[str]:
    """Its address. The parts of an answer are written as fast as they are read; then it closes the connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            for part in answer():
                writer.write(part)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        yield f"{host}:{port}"
