"""The consumer group: who is a member, who has which partitions, and what becomes of who dies or sleeps."""

import asyncio

from tests.deterministic.facts import EventFacts
from tests.deterministic.plan import PARTITIONS
from tests.deterministic.sources import Sources
from tests.deterministic.worker import Worker
from tests.deterministic.world import World

SLOTS = 2
LOOK_SECONDS = 0.25
RESTART_SECONDS = 8.0
JOIN_SECONDS = 2.0
NOTICE_SECONDS = 3.0  # after it wakes, a worker does not know for so long that its partitions are another's


class Group:
    """`workers` are the present process of each slot, by slot."""

    def __init__(self, world: World, sources: Sources) -> None:
        self.workers: dict[int, Worker] = {}
        self.incarnations: dict[str, Worker] = {}
        self._world, self._sources = world, sources
        self._rebalancing = asyncio.Lock()
        self._starts = dict.fromkeys(range(SLOTS), 0)

    @property
    def members(self) -> list[Worker]:
        return [each for each in self.workers.values() if not each.process.is_dead and not each.is_expelled]

    async def start(self, slot: int) -> None:
        """A new process in this slot. Returns when it is ready to join."""
        self._starts[slot] += 1
        worker = Worker(self._world, self._sources, slot, self._starts[slot])
        crash = self._world.plan.crash
        if crash and slot == 0 and worker.name == "w0.1":
            failpoints = worker.failpoints
            failpoints.failpoint, failpoints.stage, failpoints.times = crash.failpoint, crash.stage, crash.times
        self.incarnations[worker.name] = worker
        await worker.spawn(worker.start())
        self.workers[slot] = worker

    async def rebalance(self) -> None:
        """Everybody gives back all partitions; then they are dealt out anew."""
        async with self._rebalancing:
            for worker in self.members:
                self.orphan(worker)
            await self._until_revoked()
            await asyncio.sleep(self._world.random.random() * JOIN_SECONDS)
            self._world.kafka.generation += 1
            members = self.members
            self._world.random.shuffle(members)
            for number, worker in enumerate(members):
                partitions = tuple(range(number, PARTITIONS, len(members)))
                worker.spawn(worker.assigned(self._world.kafka.generation, partitions))

    async def _until_revoked(self) -> None:
        revoking = [(worker, worker.spawn(worker.revoked())) for worker in self.members]
        while any(not task.done() and worker in self.members for worker, task in revoking):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_SECONDS)

    async def replace(self, worker: Worker) -> None:
        """It died: its session ends, others take over, and a new process comes up."""
        self.orphan(worker)
        await asyncio.sleep(self._world.plan.session_seconds)
        await self.rebalance()
        await asyncio.sleep(self._world.random.random() * RESTART_SECONDS)
        if self.workers[worker.slot] is worker:
            await self.start(worker.slot)
            await self.rebalance()

    async def pause(self, worker: Worker, seconds: float) -> None:
        """It sleeps, perhaps for longer than its session: then it does not know, when it wakes, that it is expelled."""
        worker.process.is_paused = True
        worker.pauses += 1
        self._hit(worker)
        session = self._world.plan.session_seconds
        await asyncio.sleep(min(seconds, session))
        if seconds > session and not worker.process.is_dead:
            worker.is_expelled = True
            self.orphan(worker, slept=True)
            rebalance = self._world.spawn(self.rebalance())
            await asyncio.sleep(seconds - session)
            worker.process.is_paused = False
            await rebalance
            await self._return(worker)
        worker.process.is_paused = False

    async def _return(self, worker: Worker) -> None:
        await asyncio.sleep(self._world.random.random() * NOTICE_SECONDS)
        revoking = worker.spawn(worker.revoked())
        while not revoking.done() and not worker.process.is_dead:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_SECONDS)
        worker.is_expelled = False
        await self.rebalance()

    def _hit(self, worker: Worker) -> None:
        """What it knew of time is void."""
        for fact in self._world.facts.values():
            fact.hit |= fact.partition in partitions_of(worker) and not fact.is_acked

    def orphan(self, worker: Worker, *, slept: bool = False) -> None:
        """Whoever has its partitions next does not know what it knows."""
        partitions = partitions_of(worker)

        def is_its(fact: EventFacts) -> bool:
            return fact.partition in partitions

        self._world.lose("orphaned", is_its)
        for fact in self._world.facts.values():
            if is_its(fact) and not fact.is_acked:
                fact.hit = True
                fact.slept_through |= slept


def partitions_of(worker: Worker) -> set[int]:
    return {place[1] for place in worker.assignment.places} if worker.assignment else set()
