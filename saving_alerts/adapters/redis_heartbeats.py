"""Heartbeats in Redis: one key for each worker, which expires when the worker stops writing it.

Others can write to Redis, so what is read is bounded in number and length, and refused in words where it is no row.
"""

from datetime import datetime, timedelta

import msgspec
from redis import asyncio as aioredis

from saving_alerts.adapters.kept_rows import Found, KeptRows
from saving_alerts.adapters.redis_connection import translated_errors
from saving_alerts.domain.decoding import Decoder, Unreadable, printable
from saving_alerts.domain.moments import EPOCH
from saving_alerts.ports.heartbeats import REMEMBERED_FOR, Heard, WorkerRow

MAX_ROW_BYTES = 64 * 1024
MAX_NAMED = 10

_rows = Decoder(WorkerRow, MAX_ROW_BYTES)

_Found = dict[str, WorkerRow | Unreadable]


class RedisHeartbeats:
    """The Heartbeats port on one Redis: a key for each worker, and a set of these keys, so that Redis is not scanned.

    What a worker said last is kept for longer, under an index of its own, which releases before 0.2.0 do not look at.
    """

    def __init__(self, client: aioredis.Redis, key_prefix: str) -> None:
        self._client = client
        self._index = KeptRows(client, key_prefix, MAX_ROW_BYTES)
        self._last = KeptRows(client, f"{key_prefix}last:", MAX_ROW_BYTES)

    async def time(self) -> datetime:
        with translated_errors():
            seconds, microseconds = await self._client.time()
        return EPOCH + timedelta(seconds=seconds, microseconds=microseconds)

    async def beat(self, row: WorkerRow, lives_for: timedelta) -> None:
        body = msgspec.json.encode(row)
        with translated_errors():
            async with self._client.pipeline(transaction=True) as pipe:
                self._index.put(pipe, row.incarnation, body, lives_for)
                self._last.put(pipe, row.incarnation, body, max(lives_for, REMEMBERED_FOR))
                await pipe.execute()

    async def leave(self, incarnation: str) -> None:
        with translated_errors():
            async with self._client.pipeline(transaction=True) as pipe:
                self._index.remove(pipe, incarnation)
                self._last.remove(pipe, incarnation)
                await pipe.execute()

    async def workers(self) -> tuple[WorkerRow, ...]:
        with translated_errors():
            return _ordered(_decoded(await self._index.read()))

    async def heard(self) -> Heard:
        with translated_errors():
            last = _decoded(await self._last.read())
            alive = _decoded(await self._index.read())
        silent = {key: row for key, row in last.items() if key not in alive}
        return Heard(_ordered(alive), _ordered(silent), (*_refusals(alive), *_refusals(silent)))


def _decoded(found: Found) -> _Found:
    return {name: _row(value) for name, value in found.items()}


def _row(value: bytes | Exception) -> WorkerRow | Unreadable:
    return Unreadable(printable(str(value))) if isinstance(value, Exception) else _rows.read(value)


def _ordered(found: _Found) -> tuple[WorkerRow, ...]:
    rows = [row for row in found.values() if isinstance(row, WorkerRow)]
    return tuple(sorted(rows, key=lambda row: (row.name, row.started_at)))


def _refusals(found: _Found) -> tuple[str, ...]:
    """Those that cannot be read, each in words; the first ones, and how many more there are."""
    refused = [f"{name}: {value}" for name, value in sorted(found.items()) if isinstance(value, Unreadable)]
    more = [f"and {len(refused) - MAX_NAMED} more"] if len(refused) > MAX_NAMED else []
    return (*refused[:MAX_NAMED], *more)
