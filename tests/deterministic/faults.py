"""What goes wrong, and when: as a worker does something for the so many-th time."""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any

from tests.deterministic.group import Group
from tests.deterministic.plan import Fault, FaultKind
from tests.deterministic.sources import Sources
from tests.deterministic.worker import Worker
from tests.deterministic.world import Actor, World


class Faults:
    """`under_way`: the tasks of those that have begun."""

    def __init__(self, world: World, group: Group, sources: Sources) -> None:
        self.under_way: list[asyncio.Task[None]] = []
        self._world, self._group, self._sources = world, group, sources
        self._waiting = list(world.plan.faults)
        self._seen: Counter[str] = Counter()
        world.notice = self.notice

    def notice(self, actor: Actor, moment: str) -> None:
        self._seen[moment] += 1
        due = [each for each in self._waiting if each.moment == moment and each.times == self._seen[moment]]
        for fault in () if self._world.is_calm else due:
            self._waiting.remove(fault)
            self._begin(fault, self._group.incarnations[actor.name])

    def _begin(self, fault: Fault, worker: Worker) -> None:
        self._world.trace.tell(worker.name, f"FAULT: {fault.kind}", f"{fault.seconds:g} s")
        if fault.kind is FaultKind.CRASH:
            worker.process.kill()
        elif fault.kind is FaultKind.PAUSE:
            self._pause(worker, fault.seconds)
        else:
            self._spawn(self._of_the_world(fault))

    def _pause(self, worker: Worker, seconds: float) -> None:
        if not (worker.process.is_dead or worker.process.is_paused or worker.is_expelled):
            worker.process.is_paused = True
            self._spawn(self._group.pause(worker, seconds))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.under_way.append(self._world.spawn(work))

    async def _of_the_world(self, fault: Fault) -> None:
        world = self._world
        match fault.kind:
            case FaultKind.REBALANCE:
                await self._group.rebalance()
            case FaultKind.REDIS_FORGETS:
                world.lose("wiped", lambda _: True)
                world.redis.users.clear()
                world.slots.wiped()
            case FaultKind.REDIS_IS_AWAY:
                world.redis_is_away = True
                await asyncio.sleep(fault.seconds)
                world.redis_is_away = False
            case FaultKind.KAFKA_IS_AWAY:
                world.kafka_is_away = True
                await asyncio.sleep(fault.seconds)
                world.kafka_is_away = False
            case FaultKind.KILL_SWITCH:
                self._sources.turn_on_all()
                await asyncio.sleep(fault.seconds)
                self._sources.turn_off_all()
            case FaultKind.RELOAD:
                self._sources.write_merchants("Shop, as it is called now")
                self._sources.keep_back_others()
