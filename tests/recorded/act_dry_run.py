"""A dry run: what would have been pushed, remembered in a key space and on a changelog of its own."""

import asyncio

from demo.checks.decision_follower import LedgerWatch
from demo.world import World
from tests.end_to_end.shoppers import patient_rules, visit
from tests.recorded.stagehand import Stagehand
from tests.recorded.taking import Taken

ACT = "dry run"
SETTINGS = {"SAVING_ALERTS_DRY_RUN": "true"}


def play(taken: Taken) -> None:
    with World(settings=SETTINGS) as world, LedgerWatch(world.bootstrap_servers, world.topics.decisions.name) as watch:
        stagehand = Stagehand(world, watch)
        stagehand.prepare(patient_rules())
        worker = stagehand.start_worker()
        stagehand.play(*(visit(f"dry-{number}", f"u-dry-{number}") for number in range(3)))
        stagehand.play(visit("dry-capped", "u-dry-0"))
        asyncio.run(_take(world, taken))
        worker.stop()


async def _take(world: World, taken: Taken) -> None:
    await taken.take_records(world, ACT)
    await taken.take_claims(world, ACT)
    await taken.take_heartbeats(world, ACT)
