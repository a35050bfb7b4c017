"""The first act: the demo's traffic on two workers, and a second delivery of all its alerts."""

import asyncio

from demo.checks.decision_consumer import DecisionConsumer
from demo.run import EVENTS_PER_SECOND, WORKERS
from demo.traffic import make_traffic
from demo.traffic.traffic_producer import TrafficProducer
from demo.workers.worker_process import wait_until_ready
from demo.world import World
from saving_alerts.kafka.codecs import alert_codec
from tests.end_to_end.conditions import wait_until
from tests.recorded.driver import ANSWER_SECONDS, Driver, position_of
from tests.recorded.lines import line_of
from tests.recorded.taking import Taken, records_on

ACT = "demo"
EVENTS = 2_000
SEED = 1
TIMEOUT_SECONDS = 150


def play(taken: Taken) -> None:
    with World() as world, DecisionConsumer(world.bootstrap_servers, world.topics.decisions.name) as decisions:
        world.publish_reference_data()
        workers = [world.start_worker() for _ in range(WORKERS)]
        wait_until_ready(workers)
        _play_traffic(world, decisions)
        _deliver_again(Driver(world, decisions))
        asyncio.run(_take(world, taken))
        for worker in workers:
            worker.stop()


def _play_traffic(world: World, decisions: DecisionConsumer) -> None:
    traffic = make_traffic(SEED, EVENTS)
    world.teach_apis(traffic)
    TrafficProducer(world.bootstrap_servers, world.topics.source.name, decisions).produce(
        traffic, EVENTS_PER_SECOND, lambda _: None
    )
    decisions.wait_for_answers(EVENTS, TIMEOUT_SECONDS)
    assert decisions.answered == EVENTS


def _deliver_again(driver: Driver) -> None:
    """As after a crash between a decision and its commit."""
    world = driver.world
    alerts = asyncio.run(records_on(world.bootstrap_servers, world.topics.alerts.name))
    positions = [position_of(alert_codec.decode(alert.value, alert.headers).position) for alert in alerts]
    for alert in alerts:
        driver.put(world.topics.alerts.name, line_of(ACT, alert))
    wait_until(lambda: all(driver.is_decided(each, 2) for each in positions), ANSWER_SECONDS, "second decisions")


async def _take(world: World, taken: Taken) -> None:
    await taken.take_records(world, ACT)
    await taken.take_claims(world, ACT)
    await taken.take_heartbeats(world, ACT)
    await taken.take_notes(world, "everything is done")
