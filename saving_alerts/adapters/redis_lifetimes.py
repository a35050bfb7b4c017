"""How long keys of Redis still live."""

from collections.abc import Sequence
from datetime import timedelta

from redis import asyncio as aioredis

from saving_alerts.adapters.redis_connection import translated_errors

NOT_THERE, FOR_EVER = -2, -1  # Redis' own words


async def lifetimes(client: aioredis.Redis, keys: Sequence[str]) -> list[timedelta | None]:
    """Of each key: zero where there is none, None where it has no end. Raises UnavailableError."""
    with translated_errors():
        left = [int(await client.pttl(key)) for key in keys]
    return [None if each == FOR_EVER else timedelta(milliseconds=max(each, 0)) for each in left]
