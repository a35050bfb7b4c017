"""A dry run: what would have been pushed, remembered in a key space and on a changelog of its own."""

import asyncio

from demo.checks.decision_consumer import DecisionConsumer
from demo.world import World
from tests.end_to_end.shoppers import long_freshness_rules, visit
from tests.recorded.driver import Driver
from tests.recorded.taking import Taken

ACT = "dry run"
SETTINGS = {"SAVING_ALERTS_DRY_RUN": "true"}


def play(taken: Taken) -> None:
    with (
        World(settings=SETTINGS) as world,
        DecisionConsumer(world.bootstrap_servers, world.topics.decisions.name) as decisions,
    ):
        driver = Driver(world, decisions)
        driver.prepare(long_freshness_rules())
        worker = driver.start_worker()
        driver.play(*(visit(f"dry-{number}", f"u-dry-{number}") for number in range(3)))
        driver.play(visit("dry-capped", "u-dry-0"))
        asyncio.run(_take(world, taken))
        worker.stop()


async def _take(world: World, taken: Taken) -> None:
    await taken.take_records(world, ACT)
    await taken.take_claims(world, ACT)
    await taken.take_heartbeats(world, ACT)
