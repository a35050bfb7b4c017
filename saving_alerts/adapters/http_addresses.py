"""The addresses of one server: looked up once for many connections, and not by more than one thread at a time."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

# How long they count. Many connections that break at once ask once.
RESOLVED_SECONDS = 10.0

LookUp = Callable[[str, int], Awaitable[list[Any]]]


async def look_up(host: str, port: int) -> list[Any]:
    """As getaddrinfo gives them. Raises OSError, or UnicodeError for what is no name."""
    return await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)


class Addresses:
    """A look-up goes on when those who wait for it are gone: a name server that hangs holds one thread, not all."""

    def __init__(self, host: str, port: int, look_up: LookUp = look_up) -> None:
        self._host, self._port = host, port
        self._look_up = look_up
        self._looking: asyncio.Task[list[Any]] | None = None
        self._known_until = 0.0

    async def now(self) -> list[Any]:
        """Raises what the look-up raises."""
        if self._looking is None or (self._looking.done() and not self._is_known()):
            self._looking = asyncio.create_task(self._looked_up())
            self._looking.add_done_callback(_heard)
        return await asyncio.shield(self._looking)

    def forget(self) -> None:
        """They may have changed."""
        self._known_until = 0.0

    def _is_known(self) -> bool:
        return asyncio.get_running_loop().time() < self._known_until

    async def _looked_up(self) -> list[Any]:
        found = await self._look_up(self._host, self._port)
        self._known_until = asyncio.get_running_loop().time() + RESOLVED_SECONDS
        return found


def _heard(task: asyncio.Task[list[Any]]) -> None:
    """Python would complain of an error that nobody was there to hear."""
    if not task.cancelled():
        task.exception()
