"""Wait until every worker reports a version of the rules or the merchants, by its heartbeat in Redis."""

import asyncio
import time
from collections.abc import Callable

from saving_alerts.adapters.redis_connection import connect
from saving_alerts.adapters.redis_heartbeats import RedisHeartbeats
from saving_alerts.commands.exits import BadNewsError, CommandRefusedError
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.ports.heartbeats import Heartbeats, WorkerRow
from saving_alerts.settings import Settings

LOOK_SECONDS = 0.2
WAIT_MARGIN_SECONDS = 30.0  # beside the poll interval: S3's own attempts and timeouts, and a heartbeat

VersionOf = Callable[[WorkerRow], str | None]


async def until_live(settings: Settings, version: str, version_of: VersionOf, done: str = "published") -> str:
    """`done` is what the command has done so far, for the errors."""
    most_seconds = settings.reload_seconds + settings.heartbeat_seconds + WAIT_MARGIN_SECONDS
    try:
        async with connect(
            settings.redis_address, settings.redis_timeout_seconds, settings.redis_max_connections
        ) as redis:
            heartbeats = RedisHeartbeats(redis, f"{settings.key_prefix}workers:")
            return await wait_until_live(heartbeats, version, version_of, most_seconds, done)
    except UnavailableError as error:
        raise CommandRefusedError(f"{done}, but nobody can say which worker has it: {error}") from error


async def wait_until_live(
    heartbeats: Heartbeats, version: str, version_of: VersionOf, most_seconds: float, done: str = "published"
) -> str:
    """Who has it after how long. Raises CommandRefusedError naming those who have not in time."""
    began = time.monotonic()
    while True:
        rows = await heartbeats.workers()
        behind = [f"{row.name} (has {version_of(row) or 'none'})" for row in rows if version_of(row) != version]
        if not rows:
            return "no worker is running"
        if not behind:
            return f"all {len(rows)} workers report it after {time.monotonic() - began:.1f} s"
        if time.monotonic() - began > most_seconds:
            raise BadNewsError(f"{done}, but not reported after {most_seconds:g} s by {', '.join(behind)}")
        await asyncio.sleep(LOOK_SECONDS)
