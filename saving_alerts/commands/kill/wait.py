"""Wait until every worker that is not known to be gone has confirmed a kill switch.

A worker is known by its heartbeat in Redis, and for a minute after its last one; and by its membership of the consumer
group, where Kafka says who that is. So one that is silent, or that Redis forgot, is waited for as well.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from saving_alerts.adapters.redis_connection import connect
from saving_alerts.adapters.redis_heartbeats import RedisHeartbeats
from saving_alerts.commands.exits import BadNewsError, CommandRefusedError
from saving_alerts.kafka.client import members_of
from saving_alerts.kafka.connection import KafkaFailedError
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.ports.heartbeats import REMEMBERED_FOR, Heard, Heartbeats, WorkerRow
from saving_alerts.settings import Settings

log = logging.getLogger(__name__)

WAIT_SECONDS = 30.0
LOOK_SECONDS = 0.2
# Nobody is there only if nobody was heard of for so many heartbeats: Redis may just have lost them.
BEATS_OF_NOBODY = 2
NOBODY = "no worker is running: it is obeyed by those that start"

Members = Mapping[str, str]  # of the consumer group: their addresses by their member IDs


@dataclass(frozen=True, slots=True)
class Workers:
    """All that is known of the workers at one moment. `members` is None where Kafka does not say."""

    heard: Heard
    members: Members | None

    @property
    def is_nobody(self) -> bool:
        return not (self.heard.rows or self._silent or self.heard.unreadable or self.members)

    def unconfirmed(self, offset: int) -> list[str]:
        """Those that may not have read the record at the offset, each with what is known of it."""
        late = [row.name for row in self.heard.rows if _is_behind(row, offset)]
        silent = [
            f"{row.name} (silent since {row.beaten_at:%H:%M:%S} UTC)" for row in self._silent if _is_behind(row, offset)
        ]
        unreadable = [f"a worker whose heartbeat cannot be read ({each})" for each in self.heard.unreadable]
        return [*late, *silent, *unreadable, *self._unheard]

    @property
    def _silent(self) -> list[WorkerRow]:
        """Not those that have a successor of their name, or that the group has expelled."""
        return [row for row in self.heard.silent if not (self._is_replaced(row) or self._is_expelled(row))]

    def _is_replaced(self, row: WorkerRow) -> bool:
        return any(each.name == row.name and each.started_at > row.started_at for each in self.heard.rows)

    def _is_expelled(self, row: WorkerRow) -> bool:
        return self.members is not None and row.member is not None and row.member not in self.members

    @property
    def _unheard(self) -> list[str]:
        """Members of the group without a heartbeat. Rows of older releases do not say which member they are."""
        rows = (*self.heard.rows, *self._silent)
        known = {row.member for row in rows}
        unheard = [
            f"a member of the consumer group at {host}"
            for each, host in (self.members or {}).items()
            if each not in known
        ]
        return unheard[sum(row.member is None and bool(row.partitions) for row in rows) :]


def _is_behind(row: WorkerRow, offset: int) -> bool:
    return (row.kill_switches or 0) <= offset


async def until_confirmed(settings: Settings, offset: int) -> str:
    """Who has read the record at the offset, in words. Raises CommandRefusedError naming those who have not in time."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        async with connect(
            settings.redis_address, settings.redis_timeout_seconds, settings.redis_max_connections
        ) as redis:
            heartbeats = RedisHeartbeats(redis, f"{settings.key_prefix}workers:")
            return await wait(heartbeats, _asking(settings), offset, settings.heartbeat_seconds)
    except UnavailableError as error:
        raise CommandRefusedError(f"the switch is written, but nobody can say who has seen it: {error}") from error


async def wait(
    heartbeats: Heartbeats,
    ask_members: Callable[[], Awaitable[Members | None]],
    offset: int,
    beat_seconds: float,
    most_seconds: float = WAIT_SECONDS,
) -> str:
    """As `until_confirmed`, which says where to look."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while True:
        workers = Workers(await heartbeats.heard(), await ask_members())
        waiting, waited = workers.unconfirmed(offset), loop.time() - began
        is_settled = not workers.is_nobody or workers.members is not None or waited > BEATS_OF_NOBODY * beat_seconds
        if not waiting and is_settled:
            return _in_words(workers)
        if waiting and waited > most_seconds:
            names = ", ".join(waiting)
            raise BadNewsError(f"the switch is written, but within {most_seconds:g} s it was not confirmed by {names}")
        await asyncio.sleep(LOOK_SECONDS)


def _in_words(workers: Workers) -> str:
    who = NOBODY if workers.is_nobody else f"confirmed by {_names(workers.heard.rows)}"
    if workers.members is not None:
        return who
    return f"{who}; Kafka does not say who is in the group: silence of {REMEMBERED_FOR.seconds} s counts as being gone"


def _names(rows: Sequence[WorkerRow]) -> str:
    return ", ".join(row.name for row in rows)


def _asking(settings: Settings) -> Callable[[], Awaitable[Members | None]]:
    """Asks Kafka for the members of the group; not again where it cannot say."""
    cannot_say = False

    async def ask() -> Members | None:
        nonlocal cannot_say
        if cannot_say:
            return None
        try:
            return await members_of(settings.kafka, settings.app_id)
        except KafkaFailedError as error:
            cannot_say = True
            log.debug("%s", error)
            return None

    return ask
