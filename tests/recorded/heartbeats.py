"""Recorded rows of workers, put back on a real server and read as a worker's page reads them."""

from collections.abc import Sequence

import msgspec
from redis import asyncio as aioredis

from saving_alerts.adapters.redis_heartbeats import RedisHeartbeats
from tests.recorded.lines import Line, Raw
from tests.recorded.meaning import meaning


async def rows_of(client: aioredis.Redis, lines: Sequence[Line]) -> dict[Raw | None, object]:
    """By their keys, what each row says."""
    await client.flushdb()
    for line in lines:
        await _restore(client, line)
    prefixes = {(line.key_bytes or b"").decode().rpartition(":")[0] + ":" for line in lines}
    rows = {prefix: await RedisHeartbeats(client, prefix).workers() for prefix in prefixes}
    return {Raw(f"{prefix}{row.incarnation}"): meaning(row) for prefix, found in rows.items() for row in found}


async def _restore(client: aioredis.Redis, line: Line) -> None:
    key, value = line.key_bytes or b"", line.value_bytes or b""
    if line.redis_type == "set":
        await client.sadd(key, *msgspec.json.decode(value))
    else:
        await client.set(key, value)
