"""The PushSends port of one worker: its own memory, and the changelog that all of them share."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from saving_alerts.domain.erasures import EventAt
from saving_alerts.domain.push_sends import PushSend
from saving_alerts.ports.clock import Clock
from tests.deterministic.world import Actor, World, at_once, settle
from tests.support.fakes.push_sends import FakePushSends

RETRY_SECONDS = 1.0


class TableClient:
    """What a worker has not read since its assignment it does not know; what it writes counts when Kafka has it."""

    def __init__(self, world: World, worker: Actor, clock: Clock) -> None:
        self._world, self._worker, self._clock = world, worker, clock
        self._memory = FakePushSends(clock)

    def recover(self) -> None:
        """From the changelog, as an assignment begins."""
        self._memory = FakePushSends(self._clock, defaultdict(tuple, self._world.sends))

    def of(self, user_id: str, event: EventAt | None = None) -> tuple[PushSend, ...]:
        return self._memory.of(user_id)

    async def record(self, user_id: str, send: PushSend) -> None:
        self._world.did(self._worker, "writes the Table", send.position, "uncertain" if send.uncertain else "")
        await self._memory.record(user_id, send)
        while not await self._written(user_id, send):  # noqa: ASYNC110 - as the Table does it
            await asyncio.sleep(RETRY_SECONDS)

    async def keep_under_token(self, user_id: str, partition: int) -> Sequence[bytes]:
        raise AssertionError(f"nobody orders it here, and it would be {user_id} of {partition}")

    async def remove(self, partition: int, keys: Sequence[bytes]) -> None:
        raise AssertionError(f"nobody orders it here, and it would be {keys} of {partition}")

    async def _written(self, user_id: str, send: PushSend) -> bool:
        world = self._world
        answer: asyncio.Future[bool] = world.loop.create_future()
        if world.kafka_is_away or world.chance(world.odds.kafka_fails):
            world.later(world.soon(1.0), settle, answer, False)
        else:
            delay = world.soon(4.0 if world.chance(world.odds.kafka_slow) else 0.1)
            world.later(delay, self._arrive, user_id, send, answer)
        return await answer

    def _arrive(self, user_id: str, send: PushSend, answer: "asyncio.Future[bool]") -> None:
        at_once(self._world.changelog.record(user_id, send))
        self._world.fact(send.position).is_durable = True
        self._world.arrives(self._worker, "has its send on the changelog", send.position)
        self._world.later(self._world.soon(0.1), settle, answer, True)
