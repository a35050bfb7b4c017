"""Wait until every worker has seen a kill switch, by its heartbeat in Redis."""

import asyncio
import time
from collections.abc import Callable

from saving_alerts.adapters.redis_connection import connect
from saving_alerts.adapters.redis_heartbeats import RedisHeartbeats
from saving_alerts.commands.exits import BadNewsError, CommandRefusedError
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.ports.heartbeats import WorkerRow
from saving_alerts.settings import Settings

WAIT_SECONDS = 30.0
LOOK_SECONDS = 0.2


async def until_confirmed(settings: Settings, offset: int) -> None:
    try:
        async with connect(settings.redis_url, settings.redis_timeout_seconds, settings.redis_max_connections) as redis:
            heartbeats = RedisHeartbeats(redis, f"{settings.key_prefix}workers:")
            await _wait(lambda rows: [row.name for row in rows if (row.kill_switches or 0) <= offset], heartbeats)
    except UnavailableError as error:
        raise CommandRefusedError(f"the switch is written, but nobody can say who has seen it: {error}") from error


async def _wait(behind: Callable[[tuple[WorkerRow, ...]], list[str]], heartbeats: RedisHeartbeats) -> None:
    give_up_at = time.monotonic() + WAIT_SECONDS
    while waiting := behind(await heartbeats.workers()):
        if time.monotonic() > give_up_at:
            raise BadNewsError(f"the switch is written, but not confirmed by {', '.join(waiting)}")
        await asyncio.sleep(LOOK_SECONDS)
