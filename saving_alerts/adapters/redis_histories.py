"""The Histories port on one Redis: a row for each incarnation, which outlives it."""

import msgspec
from redis import asyncio as aioredis

from saving_alerts.adapters.kept_rows import KeptRows
from saving_alerts.adapters.redis_connection import translated_errors
from saving_alerts.domain.decoding import Decoder, Unreadable
from saving_alerts.domain.history import WorkerHistory
from saving_alerts.ports.histories import KEPT_FOR

MAX_HISTORY_BYTES = 256 * 1024  # ours have about 20 KiB

_histories = Decoder(WorkerHistory, MAX_HISTORY_BYTES)


class RedisHistories:
    """See `Histories`."""

    def __init__(self, client: aioredis.Redis, key_prefix: str) -> None:
        self._client = client
        self._rows = KeptRows(client, key_prefix, MAX_HISTORY_BYTES)

    async def write(self, history: WorkerHistory) -> None:
        with translated_errors():
            async with self._client.pipeline(transaction=True) as pipe:
                self._rows.put(pipe, history.incarnation, msgspec.json.encode(history), KEPT_FOR)
                await pipe.execute()

    async def read(self) -> tuple[WorkerHistory, ...]:
        with translated_errors():
            rows = await self._rows.read()
        found = [read_row(value) for value in rows.values() if isinstance(value, bytes)]
        return tuple(each for each in found if not isinstance(each, Unreadable))


def read_row(value: bytes) -> WorkerHistory | Unreadable:
    """One row, which others may have written."""
    return _histories.read(value)
