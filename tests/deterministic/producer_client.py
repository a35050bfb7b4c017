"""The driver of the real output producer: slow and failing writes, and answers that get lost."""

import asyncio
from collections.abc import Sequence
from typing import cast

from aiokafka import AIOKafkaProducer
from aiokafka.errors import NotEnoughReplicasError, RequestTimedOutError

from tests.deterministic.plan import PARTITIONS
from tests.deterministic.world import Actor, World, refuse, settle

RECORDS_PER_BATCH = 3
Record = tuple[bytes | None, bytes, Sequence[tuple[str, bytes]]]


class SimulatedBatch:
    def __init__(self) -> None:
        self.records: list[Record] = []

    def append(
        self, *, key: bytes | None, value: bytes, timestamp: int | None, headers: Sequence[tuple[str, bytes]]
    ) -> object | None:
        if len(self.records) == RECORDS_PER_BATCH:
            return None
        self.records.append((key, value, headers))
        return self


class SimulatedProducer:
    """An `AIOKafkaProducer`, as far as `OutputProducer` uses it."""

    def __init__(self, world: World, worker: Actor) -> None:
        self._world, self._worker = world, worker

    @classmethod
    def create(cls, world: World, worker: Actor) -> AIOKafkaProducer:
        return cast("AIOKafkaProducer", cls(world, worker))

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def partitions_for(self, topic: str) -> set[int]:
        return set(range(PARTITIONS))

    def create_batch(self) -> SimulatedBatch:
        return SimulatedBatch()

    async def send_batch(self, batch: SimulatedBatch, topic: str, *, partition: int) -> "asyncio.Future[None]":
        world, odds = self._world, self._world.odds
        world.did(self._worker, "writes", f"{len(batch.records)} to {topic}-{partition}")
        answer: asyncio.Future[None] = world.loop.create_future()
        if world.kafka_is_away or world.chance(odds.kafka_fails):
            world.later(world.soon(1.0), refuse, answer, NotEnoughReplicasError())
        else:
            delay = world.soon(4.0 if world.chance(odds.kafka_slow) else 0.1)
            world.later(delay, self._arrive, (topic, partition), batch.records, answer)
        return answer

    def _arrive(self, place: tuple[str, int], records: list[Record], answer: "asyncio.Future[None]") -> None:
        world = self._world
        for record in records:
            world.kafka.append(place, *record)
        if world.chance(world.odds.kafka_answer_lost):
            world.trace.tell(self._worker.name, "does not hear that its write is done", place)
            world.kafka.repeats = True
            world.later(world.soon(0.1), refuse, answer, RequestTimedOutError())
        else:
            world.later(world.soon(0.1), settle, answer, None)
