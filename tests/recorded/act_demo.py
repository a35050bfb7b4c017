"""The first act: the demo's traffic on two workers, and a second delivery of all its alerts."""

import asyncio

from demo.checks.decision_follower import LedgerWatch
from demo.story import EVENTS_PER_SECOND, WORKERS
from demo.traffic import make_traffic
from demo.traffic.player import Player
from demo.world import World
from saving_alerts.kafka.codecs import alert_codec
from tests.end_to_end.conditions import wait_for_answers, wait_until
from tests.recorded.lines import line_of
from tests.recorded.stagehand import ANSWER_SECONDS, Stagehand, place_of
from tests.recorded.taking import Taken, records_on

ACT = "demo"
EVENTS = 2_000
SEED = 1
TIMEOUT_SECONDS = 150


def play(taken: Taken) -> None:
    with World() as world, LedgerWatch(world.bootstrap_servers, world.topics.decisions.name) as watch:
        world.publish_reference_data()
        workers = [world.start_worker() for _ in range(WORKERS)]
        for worker in workers:
            worker.wait_until_ready()
        _play_traffic(world, watch)
        _deliver_again(Stagehand(world, watch))
        asyncio.run(_take(world, taken))
        for worker in workers:
            worker.stop()


def _play_traffic(world: World, watch: LedgerWatch) -> None:
    traffic = make_traffic(SEED, EVENTS)
    world.teach_apis(traffic)
    Player(world.bootstrap_servers, world.topics.source.name, watch).play(traffic, EVENTS_PER_SECOND, lambda _: None)
    wait_for_answers(watch, EVENTS, TIMEOUT_SECONDS)
    assert watch.answered == EVENTS


def _deliver_again(stagehand: Stagehand) -> None:
    """As after a crash between a decision and its commit."""
    world = stagehand.world
    alerts = asyncio.run(records_on(world.bootstrap_servers, world.topics.alerts.name))
    places = [place_of(alert_codec.decode(alert.value, alert.headers).position) for alert in alerts]
    for alert in alerts:
        stagehand.put(world.topics.alerts.name, line_of(ACT, alert))
    wait_until(lambda: all(stagehand.is_decided(each, 2) for each in places), ANSWER_SECONDS, "second decisions")


async def _take(world: World, taken: Taken) -> None:
    await taken.take_records(world, ACT)
    await taken.take_claims(world, ACT)
    await taken.take_heartbeats(world, ACT)
    await taken.take_notes(world, "everything is done")
