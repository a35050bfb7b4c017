"""A drain waits for claims and attempts, and for nothing else."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from saving_alerts.domain.reasons import Reason
from saving_alerts.pipeline.drain import Drain
from tests.support.fakes.push_sender import Lost
from tests.support.sample_events import alert
from tests.unit.pipeline.test_dispatch_push import CERTAIN, LEASE, World, rules

pytestmark = pytest.mark.asyncio

UNCAPPED = rules(())
LONG_SECONDS = 60


async def as_task(work: Callable[[], Awaitable[None]]) -> "asyncio.Task[None]":
    """The task, when it has come to its first wait or its end."""

    async def run() -> None:
        await work()

    task = asyncio.create_task(run())
    await asyncio.sleep(0)
    return task


async def ended(task: "asyncio.Task[None]") -> str:
    await asyncio.wait([task])
    return "cut off" if task.cancelled() else "ended"


async def test_a_task_is_waited_for_from_its_claim_to_its_end() -> None:
    drain, goes_on = Drain(), asyncio.Event()

    async def dispatch() -> None:
        await asyncio.sleep(0)
        drain.begin(anew=True)
        await goes_on.wait()
        drain.end()

    task = await as_task(dispatch)
    before = drain.waits_for(task)
    await asyncio.sleep(0)
    within = drain.waits_for(task)
    goes_on.set()

    assert (before, within, await ended(task), drain.waits_for(task)) == (False, True, "ended", False)


@pytest.mark.parametrize(("anew", "becomes"), [(True, "cut off"), (False, "ended")])
async def test_no_claim_is_taken_while_draining_and_one_that_is_kept_may_end_well(*, anew: bool, becomes: str) -> None:
    drain = Drain()
    drain.start(LONG_SECONDS)

    async def dispatch() -> None:
        drain.begin(anew=anew)

    assert await ended(await as_task(dispatch)) == becomes


@pytest.mark.parametrize("anew", [True, False])
async def test_nothing_is_begun_once_the_rest_was_let_go(*, anew: bool) -> None:
    drain = Drain()
    drain.start(0)

    async def dispatch() -> None:
        drain.begin(anew=anew)

    assert await ended(await as_task(dispatch)) == "cut off"


async def test_what_ends_its_attempt_after_the_rest_was_let_go_goes_too() -> None:
    drain, answered = Drain(), asyncio.Event()

    async def dispatch() -> None:
        drain.begin(anew=True)
        await answered.wait()
        drain.end()
        await asyncio.sleep(0)

    task = await as_task(dispatch)
    drain.start(0)
    answered.set()

    assert await ended(task) == "cut off"


async def test_what_has_its_answer_is_waited_for_to_its_end() -> None:
    drain, answered, recorded = Drain(), asyncio.Event(), asyncio.Event()

    async def dispatch() -> None:
        drain.begin(anew=True)
        await answered.wait()
        await recorded.wait()

    task = await as_task(dispatch)
    drain.start(0)
    answered.set()
    await asyncio.sleep(0)
    waits = drain.waits_for(task)
    recorded.set()

    assert (waits, await ended(task)) == (True, "ended")


@pytest.mark.parametrize(("answered", "becomes"), [(True, "ended"), (False, "cut off")])
async def test_what_a_task_starts_counts_as_it(*, answered: bool, becomes: str) -> None:
    """A record that is tried alone runs in a task of its own."""
    drain, ends = Drain(), asyncio.Event()

    async def dispatch() -> None:
        drain.begin(anew=True)
        await ends.wait()
        if not answered:
            drain.end()
        await asyncio.sleep(0)

    async def tried() -> None:
        drain.enter()
        await asyncio.wait([asyncio.create_task(dispatch())])

    task = await as_task(tried)
    await asyncio.sleep(0)
    drain.start(0)
    waits = drain.waits_for(task)
    ends.set()

    assert (waits, await ended(task)) == (True, becomes)


async def test_the_next_assignment_begins_claims_again() -> None:
    drain = Drain()
    drain.start(0)
    drain.resume()

    async def dispatch() -> None:
        drain.begin(anew=True)
        drain.end()

    assert await ended(await as_task(dispatch)) == "ended"


async def test_the_first_stage_that_drains_says_when_the_rest_is_let_go() -> None:
    drain = Drain()
    drain.start(0)
    drain.start(LONG_SECONDS)

    async def dispatch() -> None:
        drain.begin(anew=False)

    assert await ended(await as_task(dispatch)) == "cut off"


# In a dispatch.


class Drained:
    """A dispatch under a drain that begins, and lets go, while its `reserve` is answered."""

    def __init__(self) -> None:
        self.world, self.drain = World(), Drain()
        self.world.worker = replace(self.world.worker, drain=self.drain)
        self.was_waited_for: bool | None = None
        self.world.throttle.after_reserve = self._partitions_go

    def _partitions_go(self) -> None:
        task = asyncio.current_task()
        self.was_waited_for = task is not None and self.drain.waits_for(task)
        self.drain.start(0)

    async def dispatch(self) -> str:
        async def work() -> None:
            await self.world.worker.dispatch_push(alert(), UNCAPPED)

        return await ended(await as_task(work))


async def test_a_claim_that_is_being_taken_is_waited_for_and_so_is_its_attempt() -> None:
    drained = Drained()

    assert (await drained.dispatch(), drained.was_waited_for) == ("ended", True)
    assert drained.world.sends == CERTAIN


@pytest.mark.parametrize("lost", Lost)
async def test_a_claim_with_an_unclear_attempt_is_left_to_the_next_owner_who_repeats_the_same_key(lost: Lost) -> None:
    drained = Drained()
    world = drained.world
    world.sender.ends(lost)
    cut_off = await drained.dispatch()
    calls = [call for call, _ in world.throttle.calls]
    world.clock.advance(LEASE)

    decided = await world.another_worker("worker-b").dispatch_push(alert(), UNCAPPED)

    assert (cut_off, calls) == ("cut off", ["reserve"])  # neither released nor recorded
    assert (decided.reason, len(world.sender.accepted), world.sends) == (Reason.PUSHED, 1, CERTAIN)
    assert len({attempt.key for attempt in world.sender.attempts}) == 1


async def test_no_dispatch_takes_a_claim_while_partitions_go() -> None:
    drained = Drained()
    drained.drain.start(LONG_SECONDS)

    assert (await drained.dispatch(), drained.world.throttle.calls) == ("cut off", [])
