"""A record that kills its worker, until it is set aside untried."""

import asyncio

from demo.checks.decision_consumer import DecisionConsumer, Position
from demo.workers.worker_process import WorkerProcess
from demo.world import World
from tests.end_to_end.conditions import wait_until
from tests.end_to_end.shoppers import long_freshness_rules, visit
from tests.recorded.driver import Driver
from tests.recorded.taking import Taken

ACT = "a record that kills its worker"
SETTINGS = {"SAVING_ALERTS_SESSION_TIMEOUT_SECONDS": "6", "SAVING_ALERTS_GROUP_HEARTBEAT_SECONDS": "1.5"}
# It stands for a record whose step takes the process down.
KILLING = {"SAVING_ALERTS_FAILPOINT": "before_step@query_coupons"}
DEATH_TIMEOUT_SECONDS = 60


def play(taken: Taken) -> None:
    with (
        World(settings=SETTINGS) as world,
        DecisionConsumer(world.bootstrap_servers, world.topics.decisions.name) as decisions,
    ):
        driver = Driver(world, decisions)
        driver.prepare(long_freshness_rules())
        worker = world.start_worker(KILLING)
        worker.wait_until_ready()
        (position,) = driver.write(visit("killer", "u-killer"))
        _die(driver, worker, position, taken)
        worker.stop()
        asyncio.run(taken.take_records(world, ACT))


def _die(driver: Driver, worker: WorkerProcess, position: Position, taken: Taken) -> None:
    """Again and again, with a look at the notes after every death."""
    deaths = 0
    while not driver.is_decided(position):
        wait_until(lambda: _has_news(driver, worker, position), DEATH_TIMEOUT_SECONDS, "a death or a decision")
        if not worker.is_running():
            deaths += 1
            asyncio.run(taken.take_notes(driver.world, f"after death {deaths}"))
            worker.start()
    asyncio.run(taken.take_notes(driver.world, "the record is convicted"))


def _has_news(driver: Driver, worker: WorkerProcess, position: Position) -> bool:
    return not worker.is_running() or driver.is_decided(position)
