"""What Faust is to a worker for one assignment of partitions: it hands out batches, takes acknowledgements, commits."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import cast

from aiokafka import ConsumerRecord
from faust.types import TP

from saving_alerts.delivery.consumer_thread import ConsumerThread
from saving_alerts.delivery.flow_control import Message
from saving_alerts.delivery.memo_commits import MemoCommits
from saving_alerts.domain.decisions import Stage
from saving_alerts.kafka.unpacking import size_of
from tests.deterministic.kafka import STAGE_OF, Place, position_of
from tests.deterministic.members import Member
from tests.deterministic.seeded_loop import SeededTask
from tests.deterministic.world import World

MAX_BATCH = 2
COMMIT_SECONDS = 2.0
Texts = Mapping[TP, tuple[int, str]]
# Of which assignment a task is: what a stage starts inherits it.
current_assignment: ContextVar["Assignment"] = ContextVar("current_assignment")


@dataclass(slots=True)
class SimulatedMessage:
    tp: Hashable
    generation_id: int
    acked: bool = False


class SimulatedEvent:
    """One batch, as an agent gets it."""

    def __init__(self, assignment: "Assignment", place: Place, records: list[ConsumerRecord]) -> None:
        self.value = list(records)  # the stage empties it: nothing of a batch is kept that is finished
        self.records = records
        self.place = place
        self.message: Message = SimulatedMessage(place, assignment.generation)
        self._assignment = assignment

    def ack(self) -> bool:
        self._assignment.acknowledged(self)
        return True


class Assignment:
    """`done` is how far each place is acknowledged without a gap."""

    def __init__(self, world: World, member: Member, generation: int, partitions: tuple[int, ...]) -> None:
        self.generation = generation
        self.places = [place for place in world.kafka.inputs if place[1] in partitions]
        self.done = {place: world.kafka.next_offset(place) for place in self.places}
        self._world, self._member = world, member
        self._handed: dict[Place, deque[SimulatedEvent]] = {place: deque() for place in self.places}
        self._stopped: set[Place] = set()
        self._resumed = asyncio.Event()
        self._fetchers: list[asyncio.Task[None]] = []
        self._agents: list[asyncio.Task[None]] = []
        self._commit: asyncio.Task[None] | None = None
        self.memo_commits = MemoCommits(lambda: cast("ConsumerThread", self), lambda: member.detector)
        self._context = member.process.context.copy()
        self._context.run(current_assignment.set, self)

    def begin(self) -> None:
        handed_on: dict[Stage, asyncio.Queue[SimulatedEvent]] = {stage: asyncio.Queue() for stage in Stage}
        queues = {place: handed_on[STAGE_OF[place[0]]] for place in self.places}
        self._fetchers = [asyncio.create_task(self._fetch(*each), name="fetch") for each in queues.items()]
        self._agents = [asyncio.create_task(self._run_agent(queue), name="agent") for queue in handed_on.values()]

    def stop_fetching(self) -> None:
        for task in (*self._fetchers, *self._agents, *filter(None, [self._commit])):
            task.cancel()

    def stop(self, place: Place) -> None:
        self._stopped.add(place)

    def resume(self, place: Place) -> None:
        self._stopped.discard(place)
        self._resumed.set()
        self._resumed = asyncio.Event()

    async def _fetch(self, place: Place, handed_on: asyncio.Queue[SimulatedEvent]) -> None:
        """The next fetch does not wait until the agent has taken what this one brought."""
        kafka, position = self._world.kafka, self.done[place]
        while True:
            while len(kafka.logs[place]) <= position:
                await kafka.appended.wait()
            await asyncio.sleep(self._world.soon(0.3))
            while place in self._stopped:
                await self._resumed.wait()
            size = self._world.random.randint(1, MAX_BATCH)
            records = kafka.logs[place][position : position + size]
            self._member.expect(STAGE_OF[place[0]], place, len(records), sum(map(size_of, records)))
            handed_on.put_nowait(SimulatedEvent(self, place, records))
            position += len(records)

    async def _run_agent(self, handed_on: asyncio.Queue[SimulatedEvent]) -> None:
        while True:
            event = await handed_on.get()
            await asyncio.sleep(self._world.soon(0.3))
            self._context.run(self._hand_out, event)

    def _hand_out(self, event: SimulatedEvent) -> None:
        world, stage = self._world, STAGE_OF[event.place[0]]
        world.did(self._member, "takes", stage, [position_of(record) for record in event.value])
        for record in event.value:
            world.fact(position_of(record)).taken[stage] += 1
        self._handed[event.place].append(event)
        self._member.take(stage, event)
        self._member.look_at_what_is_in_flight(stage, event.place)

    def acknowledged(self, event: SimulatedEvent) -> None:
        world, handed = self._world, self._handed[event.place]
        world.did(self._member, "acknowledges", [position_of(record) for record in event.records])
        batches = [event]
        while handed and handed[0] is not event and handed[0].message.acked:
            batches.append(handed.popleft())
        if not handed or handed[0] is not event:
            world.trace.breaks(f"{event.place} is acknowledged out of order")
            return
        handed.popleft()
        for record in chain.from_iterable(batch.records for batch in batches):
            if not world.kafka.has_what_became_of(record):
                world.trace.breaks(f"{position_of(record)} is acknowledged, and nothing of it is on Kafka")
        self.done[event.place] = event.records[-1].offset + 1
        if self._commit is None or self._commit.done():
            in_no_assignment = self._member.process.context
            commit = self._commit_later()
            self._commit = world.loop.create_task(commit, name="commit", context=in_no_assignment)

    async def _commit_later(self) -> None:
        while any(offset > self._world.kafka.next_offset(place) for place, offset in self.done.items()):
            await asyncio.sleep(self._world.random.random() * COMMIT_SECONDS)
            await self.commit()

    async def commit(self) -> None:
        """What is acknowledged now. Who is no member of the generation any more commits nothing."""
        kafka = self._world.kafka
        news = {TP(*place): offset for place, offset in self.done.items() if offset > kafka.next_offset(place)}
        if news:
            await self.memo_commits.commit(news)
        await self.memo_commits.note(self._member.held_back())

    # As the thread of its commits.

    async def call_thread(self, call: Callable[[Texts], Awaitable[bool]], texts: Texts) -> bool:
        return await call(texts)

    async def commit_with_memos(self, texts: Texts) -> bool:
        return all([await self.committed((tp.topic, tp.partition), *commit) for tp, commit in texts.items()])

    async def committed(self, place: Place, offset: int, text: str) -> bool:
        """Tell Kafka. Returns when it has answered."""
        world = self._world
        answer: asyncio.Future[bool] = world.loop.create_future()
        arrive = partial(self._commit_arrives, place, offset, text, answer)
        world.later(world.soon(0.2), arrive)
        return await answer

    def _commit_arrives(self, place: Place, offset: int, text: str, answer: "asyncio.Future[bool]") -> None:
        world = self._world
        committed = world.kafka.commit(place, offset, text, self.generation)
        verb = "has committed" if committed else "commits in vain"
        world.trace.tell(self._member.name, verb, f"{place[0]}-{place[1]} up to {offset}", text)
        for record in world.kafka.logs[place][:offset] if committed and place[0] == "saving-alerts.alerts" else ():
            world.fact(position_of(record)).is_acked = True
        if not answer.done():
            answer.set_result(committed)


def acts_for(assignment: Assignment, task: SeededTask) -> bool:
    """Whether it handles records of this assignment still.

    What writes memos with committed offsets touches no record, and what `end_well` writes comes after it.
    """
    is_of_records = getattr(task.get_coro(), "__qualname__", "") != "PoisonPillDetector._open"
    is_its = task.context.get(current_assignment) is assignment and not task.get_name().startswith("queue ")
    return is_its and is_of_records and not task.done()
