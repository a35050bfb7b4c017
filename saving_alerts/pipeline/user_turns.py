"""Who works on a user now: dispatches, or an erasure, never both.

What a dispatch knows of its user it writes at its end. With an erasure in between, it would be written again in the
clear.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager


class UserTurns:
    """Of one worker. Dispatches of one user do not exclude each other: the stage does that."""

    def __init__(self) -> None:
        self._dispatching: Counter[str] = Counter()
        self._erasing: dict[str, asyncio.Event] = {}

    @asynccontextmanager
    async def dispatching(self, user_id: str) -> AsyncIterator[None]:
        """Waits for the end of an erasure, which waits for Redis and Kafka only, as a dispatch would."""
        while erasing := self._erasing.get(user_id):
            await erasing.wait()
        self._dispatching[user_id] += 1
        try:
            yield
        finally:
            self._dispatching[user_id] -= 1
            if not self._dispatching[user_id]:
                del self._dispatching[user_id]

    @contextmanager
    def erasing(self, user_id: str) -> Iterator[bool]:
        """Whether it may begin: it does not wait for a dispatch."""
        if user_id in self._dispatching or user_id in self._erasing:
            yield False
            return
        ended = self._erasing[user_id] = asyncio.Event()
        try:
            yield True
        finally:
            del self._erasing[user_id]
            ended.set()
