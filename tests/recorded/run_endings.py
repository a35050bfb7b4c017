"""The endings that the demo does not reach, on one worker: by rules, by switches, too late, unreadable."""

import asyncio
from datetime import UTC, datetime, timedelta

from demo.checks.decision_consumer import DecisionConsumer
from demo.stub_apis.faults import Behaviour
from demo.traffic.directory import MERCHANTS
from demo.world import World
from saving_alerts.adapters.redis_connection import connect
from saving_alerts.domain.events import EventType
from saving_alerts.domain.push_sends import REMEMBERED, PushSend
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.codecs import encode
from tests.end_to_end.shoppers import visit
from tests.recorded.claim_states import User
from tests.recorded.driver import Driver, position_of
from tests.recorded.lines import Line, Raw
from tests.recorded.odd_rules import ENDED_BY_RULES, happening, odd_rules
from tests.recorded.skipping import skip_two
from tests.recorded.spoiling import Changed, first_value, put_unreadable
from tests.recorded.taking import FOR_OTHERS, FOR_STAGES, TIMEOUT_SECONDS, Taken

ACT = "other endings"
LATE = timedelta(minutes=-5)
SOON = timedelta(seconds=3)
LATER = timedelta(minutes=30)
VISITORS = 40
OLD_USERS = [f"u-old-{number}" for number in range(8)]
SWITCHES = (("all",), ("merchant", MERCHANTS[0].merchant_id), ("rule", "at-the-store"))


def play(taken: Taken) -> None:
    with World() as world, DecisionConsumer(world.bootstrap_servers, world.topics.decisions.name) as decisions:
        driver = Driver(world, decisions)
        driver.prepare(odd_rules())
        _leave_old_sends(driver)
        skipped = skip_two(driver, taken)
        worker = driver.start_worker()
        driver.wait_for(skipped)
        driver.play(*map(happening, ENDED_BY_RULES))
        _push_twice(driver)
        _turn_switches(driver)
        asyncio.run(taken.take_records(world, ACT, FOR_STAGES))  # before others than workers write there
        asyncio.run(_come_too_late(driver))
        put_unreadable(driver, _in(LATER))
        asyncio.run(taken.take_claims(world, ACT))
        asyncio.run(_without_redis(driver))
        asyncio.run(taken.take_records(world, ACT, FOR_OTHERS))
        worker.stop()
    taken.lines["push_sends"] = [line for line in taken.lines["push_sends"] if not _is_planted(line)]


def _in(duration: timedelta) -> datetime:
    return datetime.now(UTC) + duration


def _leave_old_sends(driver: Driver) -> None:
    """Of users whose entries a worker deletes, a few with every send."""
    for offset, user_id in enumerate(OLD_USERS):
        position = SourcePosition("saving-events", 0, offset)
        send = PushSend(merchant_id="m-1", sent_at=_in(-2 * REMEMBERED), position=position, event_id=f"e-{user_id}")
        line = Line(about="", key=Raw(user_id), value=Raw.of(encode((send,))))
        driver.put(driver.world.topics.push_sends.name, line)


def _is_planted(line: Line) -> bool:
    return line.value is not None and (line.key_bytes or b"").decode() in OLD_USERS


def _push_twice(driver: Driver) -> None:
    """Many users once, and one of them at two merchants, and once too often."""
    driver.play(*(visit(f"visit-{number}", f"u-visitor-{number}") for number in range(VISITORS)))
    for merchant_number in range(3):
        driver.play(happening(EventType.GEOFENCE_ENTERED, merchant_number))


def _turn_switches(driver: Driver) -> None:
    for switch in SWITCHES:
        driver.command("kill", "on", *switch, "--reason", "wrong prices, 20 % für alle", "--by", "ines", "--wait")
        name = f"killed-{switch[0]}"
        driver.play(visit(name, f"u-{name}"))
        driver.command("kill", "off", *switch, "--reason", "prices are right", "--by", "ines", "--wait")


async def _come_too_late(driver: Driver) -> None:
    """At every stage; while the Coupon API does not answer; and while another claim of the user lives."""
    topics = driver.world.topics
    driver.world.coupon_api.behave(Behaviour(fault="hang"), user_id="u-unanswered")
    async with connect(driver.world.redis.url, TIMEOUT_SECONDS, max_connections=1) as client:
        await User(client, "u-busy").claim()
    late = [
        (topics.validated.name, Changed("late-1", 1_000_001, _in(LATE))),
        (topics.candidates.name, Changed("late-2", 1_000_002, _in(LATE))),
        (topics.alerts.name, Changed("late-3", 1_000_003, _in(LATE))),
        (topics.validated.name, Changed("unanswered", 1_000_004, _in(SOON))),
        (topics.alerts.name, Changed("busy", 1_000_005, _in(LATE))),
    ]
    await _put(driver, late)


async def _without_redis(driver: Driver) -> None:
    driver.world.redis.pause()
    await _put(driver, [(driver.world.topics.alerts.name, Changed("no-throttle", 1_000_006, _in(SOON)))])
    driver.world.redis.resume()


async def _put(driver: Driver, changes: list[tuple[str, Changed]]) -> None:
    for topic, changed in changes:
        driver.put(topic, changed.line(await first_value(driver.world, topic)))
    await asyncio.to_thread(driver.wait_for, [position_of(changed.envelope.position) for _, changed in changes])
