"""Heartbeats in Redis: one key for each worker, which expires when the worker stops writing it."""

from datetime import timedelta

import msgspec
from redis import asyncio as aioredis

from saving_alerts.adapters.redis_connection import translated_errors
from saving_alerts.ports.heartbeats import WorkerRow

_decoder = msgspec.json.Decoder(WorkerRow)


class RedisHeartbeats:
    """The Heartbeats port on one Redis: a key for each worker, and a set of these keys, so that Redis is not scanned.

    Rows that this release cannot read are left out.
    """

    def __init__(self, client: aioredis.Redis, key_prefix: str) -> None:
        self._client = client
        self._key_prefix = key_prefix
        self._index = f"{key_prefix}index"

    async def beat(self, row: WorkerRow, lives_for: timedelta) -> None:
        milliseconds = int(lives_for.total_seconds() * 1000)
        key = f"{self._key_prefix}{row.incarnation}"
        with translated_errors():
            async with self._client.pipeline(transaction=True) as pipe:
                pipe.set(key, msgspec.json.encode(row), px=milliseconds)
                pipe.sadd(self._index, key)
                pipe.pexpire(self._index, milliseconds, nx=True)
                pipe.pexpire(self._index, milliseconds, gt=True)  # the set lives as long as its longest-lived row
                await pipe.execute()

    async def workers(self) -> tuple[WorkerRow, ...]:
        with translated_errors():
            keys = sorted(await self._client.smembers(self._index))
            values = await self._client.mget(keys) if keys else []
            expired = [key for key, value in zip(keys, values, strict=True) if value is None]
            if expired:
                await self._client.srem(self._index, *expired)
        rows = [row for value in values if value and (row := _row(value))]
        return tuple(sorted(rows, key=lambda row: (row.name, row.started_at)))


def _row(value: bytes | str) -> WorkerRow | None:
    try:
        return _decoder.decode(value)
    except msgspec.DecodeError:
        return None
