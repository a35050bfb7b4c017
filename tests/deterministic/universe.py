"""One universe, from its seed to its end: workers, events and faults; then calm, until everything is decided."""

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta

import msgspec

from saving_alerts.delivery.poison_pills.commit_metadata import PartitionMemo
from saving_alerts.domain.canary.order import CanaryOrder
from saving_alerts.domain.events import EventType
from saving_alerts.domain.rules.rule_set import RuleSet
from saving_alerts.kafka.client import partition_of
from tests.deterministic.budgets import budgeted, with_budget
from tests.deterministic.facts import EventFacts
from tests.deterministic.faults import Faults
from tests.deterministic.group import SLOTS, Group
from tests.deterministic.kafka import TOPICS, position_of
from tests.deterministic.plan import (
    CAP_SECONDS,
    FRESHNESS_SECONDS,
    LEASE_SECONDS,
    MARGIN_SECONDS,
    PARTITIONS,
    Plan,
    PlannedEvent,
    plan_of,
)
from tests.deterministic.promises import look_at_the_end
from tests.deterministic.seeded_loop import DeadlockError, EndlessError, SeededLoop
from tests.deterministic.slots import gathering
from tests.deterministic.sources import FRESHNESS, RULES, Sources, gathering_rules, kept_back, of_two_arms, with_control
from tests.deterministic.trace import Trace
from tests.deterministic.tried import broken, order_of, taken_back_after
from tests.deterministic.world import World
from tests.support.sample_events import event

SUSPICIOUS_MEMO = PartitionMemo(deaths=4).text()
# After the last fault: the deadlines pass, then the leases of who died, then what is retried and redelivered.
PATIENCE_SECONDS = FRESHNESS_SECONDS + 2 * LEASE_SECONDS + 40
LOOK_SECONDS = 0.5
CONTROL_EVERY = 4  # so many universes to one with control users
WITH_EVENTS_SECONDS = 21.0
PIPELINE_SECONDS = 4.0  # until an event has passed the stages, while nothing goes wrong


@dataclass(frozen=True, slots=True)
class Outcome:
    """`broken`: the promises that did not hold; empty, and all is well."""

    seed: int
    broken: list[str]
    trace: Trace
    families: tuple[str, ...] = ()

    def __str__(self) -> str:
        found = "\n".join(f"  {promise}" for promise in self.broken) or "  every promise holds"
        family = "".join(f" --{each}" for each in self.families)
        return f"universe {self.seed}:\n{found}\nreplay: python -m tests.deterministic --seed {self.seed}{family}"


def _rules_of(plan: Plan, seed: int) -> RuleSet:
    rules = gathering_rules(plan.choose_within_seconds) if plan.choose_within_seconds else RULES
    rules = with_budget(rules, plan.budget) if plan.budget else rules
    if not plan.control:
        return rules
    is_of_two_arms = plan.choose_within_seconds and seed % (2 * CONTROL_EVERY)
    return of_two_arms(rules) if is_of_two_arms else kept_back(rules, seed)


class Universe:
    def __init__(self, seed: int, *, gathers: bool = False, tries: bool = False, budgets: bool = False) -> None:
        self.seed = seed
        self.loop = SeededLoop(seed)
        plan = plan_of(self.loop.random)
        plan = gathering(plan, seed) if gathers else plan
        plan = budgeted(plan, seed) if budgets else plan
        self.world = World(self.loop, with_control(plan) if seed % CONTROL_EVERY == 0 else plan)
        rules = _rules_of(self.world.plan, seed)
        self._sources = Sources(rules, order=order_of(seed, rules.version) if tries else None)
        self.world.keeps_back = self._sources.keeps_back
        self._group = Group(self.world, self._sources)
        self._faults = Faults(self.world, self._group, self._sources)
        self.world.kafka.on_decision = lambda decision: self._group.incarnations[decision.worker].rules.published(
            decision
        )

    def run(self) -> Outcome:
        trace = self.world.trace
        try:
            self.loop.run(self._live())
        except (DeadlockError, EndlessError) as error:
            trace.broken.append(str(error))
        return Outcome(self.seed, trace.broken, trace, self._families)

    @property
    def _families(self) -> tuple[str, ...]:
        plan, tries = self.world.plan, self._sources.order is not None
        of = {"gathers": plan.choose_within_seconds, "tries": tries, "budgets": plan.budget}
        return tuple(name for name, is_one in of.items() if is_one)

    async def _live(self) -> None:
        for place in self.world.kafka.inputs if self.world.plan.suspicious else ():
            self.world.kafka.committed[place] = 0, SUSPICIOUS_MEMO
        for slot in range(SLOTS):
            await self._group.start(slot)
        # Only what stands behind a commit when a worker gets its partitions can have killed anybody.
        self.world.spawn(self._join(WITH_EVENTS_SECONDS if self.world.plan.suspicious else 0.0))
        self.world.spawn(self._watch())
        if self._sources.order is not None:
            self.world.spawn(self._take_back(self._sources.order))
        for planned in self.world.plan.events:
            await asyncio.sleep(max(0.0, planned.at_seconds - self.loop.time()))
            self._write(planned)
        await self._until_calm()
        for user_id, at in self.world.late_pushes:
            await self._come_again(user_id, at)
        if not self.world.trace.broken:
            look_at_the_end(self.world)
            self._look_at_the_sets()

    def _look_at_the_sets(self) -> None:
        order = self._sources.order
        for promise in broken([*self.world.facts.values()], order) if order is not None else ():
            self.world.trace.breaks(promise)

    async def _take_back(self, order: CanaryOrder) -> None:
        seconds = taken_back_after(self.seed)
        if seconds is not None and not self.world.plan.is_faultless:
            await asyncio.sleep(seconds)
            self.world.trace.tell("world", "takes back", order.id)
            self._sources.take_back(order)

    async def _join(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._group.rebalance()

    async def _watch(self) -> None:
        """Whoever dies is replaced."""
        replaced = set()
        while True:
            for worker in list(self._group.workers.values()):
                if worker.process.is_dead and worker.name not in replaced:
                    replaced.add(worker.name)
                    self.world.spawn(self._group.replace(worker))
            await asyncio.sleep(LOOK_SECONDS)

    def _write(self, planned: PlannedEvent) -> None:
        world, kind = self.world, EventType.GEOFENCE_ENTERED if planned.is_trigger else EventType.OFFER_VIEWED
        kind = EventType.GEOFENCE_EXITED if planned.is_departure else kind
        written_at = world.clock.now() - timedelta(seconds=planned.age_seconds)
        saving = event(kind, occurred_at=written_at, user_id=planned.user_id)
        saving = msgspec.structs.replace(saving, event_id=planned.event_id)
        key = planned.user_id.encode()
        partition = partition_of(key, PARTITIONS)
        record = world.kafka.append((TOPICS.source.name, partition), key, msgspec.json.encode(saving))
        position, deadline = position_of(record), saving.received_at + FRESHNESS
        world.facts[position] = EventFacts(
            position, planned.event_id, planned.user_id, deadline, planned.is_trigger, partition
        )
        world.trace.tell("world", "writes the event", planned.event_id, "of", planned.user_id, "at", position)

    async def _come_again(self, user_id: str, pushed_at: float) -> None:
        """Just before the cap's window is over; with a Redis that knows nothing, so that the Table must."""
        comes_at = pushed_at + CAP_SECONDS - MARGIN_SECONDS - PIPELINE_SECONDS
        if comes_at < self.loop.time() or self.world.trace.broken:
            return
        await asyncio.sleep(comes_at - self.loop.time())
        self.world.redis.users.clear()
        self._write(PlannedEvent(comes_at, user_id, f"event-at-{comes_at:.0f}"))
        await self._until_done()

    async def _until_calm(self) -> None:
        """The faults have their time; then none is left, and everything must come to its end."""
        world, began = self.world, self.loop.time()
        while not world.trace.broken and self.loop.time() - began < FRESHNESS_SECONDS and self._is_open():  # noqa: ASYNC110
            await asyncio.sleep(LOOK_SECONDS)
        world.is_calm = True
        world.trace.tell("world", "is calm from here on")
        await self._until_done()

    async def _until_done(self) -> None:
        world, ends_at = self.world, self.loop.time() + PATIENCE_SECONDS
        while not world.trace.broken and self._is_open():
            if self.loop.time() > ends_at:
                world.trace.breaks(f"not done in time: {'; '.join(world.kafka.uncommitted)}")
                return
            await asyncio.sleep(LOOK_SECONDS)

    def _is_open(self) -> bool:
        return bool(self.world.kafka.uncommitted) or any(not task.done() for task in self._faults.under_way)


def run_universe(seed: int, *, gathers: bool = False, tries: bool = False, budgets: bool = False) -> Outcome:
    """The same for the same seed.

    `gathers`: its rules do. `tries`: other rules are tried on half of the users. `budgets`: its merchant has one.
    """
    logging.disable(logging.CRITICAL)
    try:
        return Universe(seed, gathers=gathers, tries=tries, budgets=budgets).run()
    finally:
        logging.disable(logging.NOTSET)
