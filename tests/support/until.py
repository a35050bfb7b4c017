"""Waiting in a test for what tells nobody that it happened."""

import asyncio
from collections.abc import Callable

MOST_SECONDS = 30


async def until(condition: Callable[[], bool]) -> None:
    """Return when it holds, with turns for everybody else meanwhile. Raises TimeoutError after 30 s."""
    async with asyncio.timeout(MOST_SECONDS):
        while not condition():  # noqa: ASYNC110 - threads and loaders tell nobody
            await asyncio.sleep(0)
