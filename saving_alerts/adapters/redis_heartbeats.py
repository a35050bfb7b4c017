"""Heartbeats in Redis: one key a worker, gone by itself when the worker is."""

from datetime import timedelta

import msgspec
from redis import asyncio as aioredis

from saving_alerts.adapters.redis_connection import translated_errors
from saving_alerts.domain.workers import WorkerRow

SCAN_COUNT = 500

_decoder = msgspec.json.Decoder(WorkerRow)


class RedisHeartbeats:
    """The `Heartbeats` port on one Redis. Rows that this release cannot read are left out."""

    def __init__(self, client: aioredis.Redis, key_prefix: str) -> None:
        self._client = client
        self._key_prefix = key_prefix

    async def beat(self, row: WorkerRow, lives_for: timedelta) -> None:
        milliseconds = int(lives_for.total_seconds() * 1000)
        with translated_errors():
            await self._client.set(f"{self._key_prefix}{row.incarnation}", msgspec.json.encode(row), px=milliseconds)

    async def workers(self) -> tuple[WorkerRow, ...]:
        with translated_errors():
            keys = [key async for key in self._client.scan_iter(f"{self._key_prefix}*", count=SCAN_COUNT)]
            values = await self._client.mget(keys) if keys else []
        rows = [row for value in values if value and (row := _row(value))]
        return tuple(sorted(rows, key=lambda row: (row.name, row.started_at)))


def _row(value: bytes | str) -> WorkerRow | None:
    try:
        return _decoder.decode(value)
    except msgspec.DecodeError:
        return None
