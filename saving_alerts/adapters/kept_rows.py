"""What each worker keeps of itself in Redis: a row under a key of its own, which expires, and a set of these keys.

The set is there so that Redis is not scanned. Others can write to Redis: what is read is bounded in number and length.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import cast

from redis import asyncio as aioredis
from redis.asyncio.client import Pipeline

from saving_alerts.domain.decoding import printable

MAX_ROWS = 1_000
OTHER_TYPE = "WRONGTYPE"  # how Redis says that a key holds no text

Found = dict[str, bytes | Exception]  # by the name; an exception stands for a key that holds no text


class KeptRows:
    """A set of names, each of which has a key with a value that expires; the set lives as long as the last of them."""

    def __init__(self, client: aioredis.Redis, key_prefix: str, max_bytes: int) -> None:
        self._client = client
        self._key_prefix = key_prefix
        self._index = f"{key_prefix}index"
        self._max_bytes = max_bytes

    def put(self, pipe: Pipeline, name: str, body: bytes, lives_for: timedelta) -> None:
        milliseconds = int(lives_for.total_seconds() * 1000)
        key = f"{self._key_prefix}{name}"
        pipe.set(key, body, px=milliseconds)
        pipe.sadd(self._index, key)
        pipe.pexpire(self._index, milliseconds, nx=True)
        pipe.pexpire(self._index, milliseconds, gt=True)

    def remove(self, pipe: Pipeline, name: str) -> None:
        key = f"{self._key_prefix}{name}"
        pipe.delete(key)
        pipe.srem(self._index, key)

    async def read(self) -> Found:
        """By the name, without the prefix. Names whose value has expired leave the set."""
        keys = await self._keys()
        values = await self._values(keys)
        found = {key: value for key, value in zip(keys, values, strict=True) if value != b""}
        if gone := [key for key in keys if key not in found]:
            await self._client.srem(self._index, *gone)
        return {self._name(key): value for key, value in found.items()}

    async def _keys(self) -> list[bytes]:
        """At most so many, whatever was put into the set."""
        # Without repetition, and all where there are no more.
        drawn = await self._client.srandmember(self._index, MAX_ROWS)
        keys = cast("list[bytes]", drawn)  # a list, because a number was asked for
        return sorted(key for key in keys if key.startswith(self._key_prefix.encode()))

    async def _values(self, keys: Sequence[bytes]) -> list[bytes | Exception]:
        """Never more of each than a row can have; nothing of a key that is not there."""
        if not keys:
            return []
        async with self._client.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.getrange(key, 0, self._max_bytes)
            values: list[bytes | Exception] = await pipe.execute(raise_on_error=False)
        for value in values:
            if isinstance(value, Exception) and not str(value).startswith(OTHER_TYPE):
                raise value
        return values

    def _name(self, key: bytes) -> str:
        return printable(key.decode(errors="backslashreplace").removeprefix(self._key_prefix))
