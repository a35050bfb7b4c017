"""Recorded claims, read from a real server, put back on one, and asked about."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

from redis import asyncio as aioredis

from saving_alerts.adapters.redis_throttle import RedisThrottle, ThrottlePolicy
from tests.recorded.claim_asks import ASKS
from tests.recorded.lines import Line, Raw
from tests.support.fakes.metrics import RecordingMetrics

LEASE_SECONDS = 20.0
_MILLISECOND = timedelta(milliseconds=1)
_MOMENT = re.compile(rb"(?<![\w.-])\d{13}(?![\w.-])")  # milliseconds since 1970


async def claims_in(client: aioredis.Redis, about: str) -> list[Line]:
    """Every user that the server knows, as it stands now."""
    return [await _at(client, about, key) for key in await keys_of(client, "*claims:*") if b"%budget" not in key]


async def _at(client: aioredis.Redis, about: str, key: bytes) -> Line:
    value, kind = as_bytes(await client.get(key)), as_bytes(await client.type(key))
    return Line(
        about=about,
        user_id=unquote(key.decode().rpartition(":")[2]),
        key=Raw.of(key),
        value=Raw.of(value),
        redis_type=kind.decode(),
        taken_at=await milliseconds_now(client),
    )


def throttle_for(client: aioredis.Redis, line: Line) -> RedisThrottle:
    """One whose keys begin as the recorded one."""
    prefix, colon, _ = (line.key_bytes or b"").decode().rpartition(":")
    return RedisThrottle(client, ThrottlePolicy(LEASE_SECONDS, prefix + colon), RecordingMetrics())


async def answers(client: aioredis.Redis, line: Line) -> dict[str, str]:
    """The answer to every question, each asked anew of the state as it was recorded."""
    found: dict[str, str] = {}
    for named in ASKS:
        now = await restore(client, line)
        found[named.name] = await named.ask(throttle_for(client, line), line.user_id or "", now)
    return found


async def restore(client: aioredis.Redis, line: Line) -> datetime:
    """Put a recorded state where it stood, every time in it moved alike, so that it was recorded now. Returns now.

    A server's clock cannot be set back, and what is a week old is forgotten.
    """
    assert line.taken_at is not None
    now = await milliseconds_now(client)
    later = (now - line.taken_at) // _MILLISECOND
    value = _MOMENT.sub(lambda found: str(int(found[0]) + later).encode(), line.value_bytes or b"")
    await client.set(line.key_bytes or b"", value)
    return now


async def keys_of(client: aioredis.Redis, pattern: str) -> list[bytes]:
    return sorted(map(as_bytes, await client.keys(pattern)))


def as_bytes(answer: bytes | str | None) -> bytes:
    """What our clients answer, which decode nothing."""
    assert isinstance(answer, bytes)
    return answer


async def milliseconds_now(client: aioredis.Redis) -> datetime:
    seconds, microseconds = await client.time()
    return datetime.fromtimestamp(seconds, UTC) + timedelta(milliseconds=microseconds // 1000)
