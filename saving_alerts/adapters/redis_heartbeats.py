"""Heartbeats in Redis: one key for each worker, which expires when the worker stops writing it.

Others can write to Redis, so what is read is bounded in number and length, and refused in words where it is no row.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import cast

import msgspec
from redis import asyncio as aioredis

from saving_alerts.adapters.redis_connection import translated_errors
from saving_alerts.domain.decoding import Decoder, Unreadable, printable
from saving_alerts.domain.moments import EPOCH
from saving_alerts.ports.heartbeats import REMEMBERED_FOR, Heard, WorkerRow

MAX_ROW_BYTES = 64 * 1024
MAX_ROWS = 1_000
MAX_NAMED = 10
OTHER_TYPE = "WRONGTYPE"  # how Redis says that a key holds no text

_rows = Decoder(WorkerRow, MAX_ROW_BYTES)

_Found = dict[str, WorkerRow | Unreadable]


class RedisHeartbeats:
    """The Heartbeats port on one Redis: a key for each worker, and a set of these keys, so that Redis is not scanned.

    What a worker said last is kept for longer, under an index of its own, which releases before 0.2.0 do not look at.
    """

    def __init__(self, client: aioredis.Redis, key_prefix: str) -> None:
        self._client = client
        self._index = _Index(client, key_prefix)
        self._last = _Index(client, f"{key_prefix}last:")

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
            return _ordered(await self._index.read())

    async def heard(self) -> Heard:
        with translated_errors():
            last = await self._last.read()
            alive = await self._index.read()
        silent = {key: row for key, row in last.items() if key not in alive}
        return Heard(_ordered(alive), _ordered(silent), (*_refusals(alive), *_refusals(silent)))


class _Index:
    """A set of names, each of which has a key with a value that expires; the set lives as long as the last of them."""

    def __init__(self, client: aioredis.Redis, key_prefix: str) -> None:
        self._client = client
        self._key_prefix = key_prefix
        self._index = f"{key_prefix}index"

    def put(self, pipe: "aioredis.client.Pipeline", name: str, body: bytes, lives_for: timedelta) -> None:
        milliseconds = int(lives_for.total_seconds() * 1000)
        key = f"{self._key_prefix}{name}"
        pipe.set(key, body, px=milliseconds)
        pipe.sadd(self._index, key)
        pipe.pexpire(self._index, milliseconds, nx=True)
        pipe.pexpire(self._index, milliseconds, gt=True)

    def remove(self, pipe: "aioredis.client.Pipeline", name: str) -> None:
        key = f"{self._key_prefix}{name}"
        pipe.delete(key)
        pipe.srem(self._index, key)

    async def read(self) -> _Found:
        """By the name, without the prefix. Names whose value has expired leave the set."""
        keys = await self._keys()
        values = await self._values(keys)
        found = {key: value for key, value in zip(keys, values, strict=True) if value != b""}
        if gone := [key for key in keys if key not in found]:
            await self._client.srem(self._index, *gone)
        return {self._name(key): _row(value) for key, value in found.items()}

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
                pipe.getrange(key, 0, MAX_ROW_BYTES)
            values: list[bytes | Exception] = await pipe.execute(raise_on_error=False)
        for value in values:
            if isinstance(value, Exception) and not str(value).startswith(OTHER_TYPE):
                raise value
        return values

    def _name(self, key: bytes) -> str:
        return printable(key.decode(errors="backslashreplace").removeprefix(self._key_prefix))


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
