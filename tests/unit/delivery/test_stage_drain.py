"""How long a drain takes: as long as a claim or an attempt needs, and a moment for everything else."""

import asyncio

import pytest

from saving_alerts.delivery.stage_runner import GRACE_SECONDS
from saving_alerts.pipeline.drain import Drain
from tests.support.simulated_time import run_simulated
from tests.unit.delivery.test_stage_runner import World, until

LIMIT_SECONDS = 6.0


async def drained(world: World, *texts: str, answered: str = "") -> float:
    """How long the drain takes with these records in work. One may be answered after what is let go has gone."""
    world.steps.holds(*texts)
    world.take(*texts)
    await until(lambda: world.steps.begun == list(texts))
    began = asyncio.get_running_loop().time()
    drain = asyncio.create_task(world.stage.drain(LIMIT_SECONDS))
    if answered:
        asyncio.get_running_loop().call_later(2 * GRACE_SECONDS, world.steps.gates[answered].set)
    await drain
    return asyncio.get_running_loop().time() - began


def test_work_that_holds_no_claim_is_let_go_after_a_moment() -> None:
    world = World(waiting=True)

    seconds = run_simulated(drained(world, "slow-u1", "slow-u2"))

    assert seconds == pytest.approx(GRACE_SECONDS)
    assert world.acks == []


def test_an_attempt_is_waited_for_and_acknowledged_and_nothing_else_is() -> None:
    world = World(waiting=True)

    seconds = run_simulated(drained(world, "claims-u1", "slow-u2", answered="claims-u1"))

    assert seconds == pytest.approx(2 * GRACE_SECONDS)
    assert world.forwarded() == ["claims-u1"]


def test_an_attempt_that_does_not_end_is_waited_for_up_to_the_limit() -> None:
    world = World(waiting=True)

    seconds = run_simulated(drained(world, "claims-u1"))

    assert seconds == pytest.approx(LIMIT_SECONDS)
    assert world.acks == []


def test_what_kafka_does_not_take_is_let_go_after_a_moment() -> None:
    world = World(waiting=False)
    world.outputs.is_open.clear()

    seconds = run_simulated(drained(world, "yes-u1"))

    assert seconds == pytest.approx(GRACE_SECONDS)
    assert world.acks == []


def test_a_stage_without_work_does_not_take_the_moment_from_another() -> None:
    """After an unclear attempt there is time for another one."""

    async def story() -> float:
        drain = Drain()
        idle, busy = World(waiting=True, drain=drain), World(waiting=True, drain=drain)
        busy.steps.holds("slow-u1")
        busy.take("slow-u1")
        await until(lambda: busy.steps.begun == ["slow-u1"])
        draining = asyncio.gather(idle.stage.drain(LIMIT_SECONDS), busy.stage.drain(LIMIT_SECONDS))
        await asyncio.sleep(GRACE_SECONDS / 2)
        left = drain.start(LIMIT_SECONDS)
        await draining
        return left

    assert run_simulated(story()) == pytest.approx(GRACE_SECONDS / 2)
