"""A record that kills its worker, until it is set aside untried."""

import asyncio

from demo.checks.decision_follower import LedgerWatch, Place
from demo.workers.worker_process import WorkerProcess
from demo.world import World
from tests.end_to_end.conditions import wait_until
from tests.end_to_end.shoppers import patient_rules, visit
from tests.recorded.stagehand import Stagehand
from tests.recorded.taking import Taken

ACT = "a record that kills its worker"
SETTINGS = {"SAVING_ALERTS_SESSION_TIMEOUT_SECONDS": "6", "SAVING_ALERTS_GROUP_HEARTBEAT_SECONDS": "1.5"}
# It stands for a record whose step takes the process down.
KILLING = {"SAVING_ALERTS_FAILPOINT": "before_step@query_coupons"}
DEATH_TIMEOUT_SECONDS = 60


def play(taken: Taken) -> None:
    with World(settings=SETTINGS) as world, LedgerWatch(world.bootstrap_servers, world.topics.decisions.name) as watch:
        stagehand = Stagehand(world, watch)
        stagehand.prepare(patient_rules())
        worker = world.start_worker(KILLING)
        worker.wait_until_ready()
        (place,) = stagehand.write(visit("killer", "u-killer"))
        _die(stagehand, worker, place, taken)
        worker.stop()
        asyncio.run(taken.take_records(world, ACT))


def _die(stagehand: Stagehand, worker: WorkerProcess, place: Place, taken: Taken) -> None:
    """Again and again, with a look at the notes after every death."""
    deaths = 0
    while not stagehand.is_decided(place):
        wait_until(lambda: _has_news(stagehand, worker, place), DEATH_TIMEOUT_SECONDS, "a death or a decision")
        if not worker.is_running():
            deaths += 1
            asyncio.run(taken.take_notes(stagehand.world, f"after death {deaths}"))
            worker.start()
    asyncio.run(taken.take_notes(stagehand.world, "the record is convicted"))


def _has_news(stagehand: Stagehand, worker: WorkerProcess, place: Place) -> bool:
    return not worker.is_running() or stagehand.is_decided(place)
