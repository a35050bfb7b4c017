"""Alerts that are gathered for one push, users who are kept back, and a merchant's budget: one worker."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from demo.checks.decision_consumer import DecisionConsumer
from demo.traffic.directory import MERCHANTS
from demo.traffic.paced_producer import Record
from demo.traffic.templates import Template
from demo.world import World
from saving_alerts.domain.events import EventType
from tests.end_to_end.shoppers import long_freshness_rules
from tests.recorded.driver import Driver
from tests.recorded.taking import Taken

ACT = "chosen, kept back, beyond a budget"
# Half of them are kept back: of so many there is somebody on either side.
USERS = 20
HERE, THERE, SMALL_BUDGET = range(3)


def play(taken: Taken) -> None:
    with World() as world, DecisionConsumer(world.bootstrap_servers, world.topics.decisions.name) as decisions:
        driver = Driver(world, decisions)
        driver.prepare(choosing_rules())
        worker = driver.start_worker()
        driver.play(*_enter("one", HERE))
        driver.play(*_enter("two", HERE), *_enter("two", THERE))
        driver.play(*_enter("gone", HERE), *_leave("gone", HERE))
        driver.play(*_enter("many", SMALL_BUDGET))
        asyncio.run(_take(world, taken))
        worker.stop()


def choosing_rules() -> bytes:
    """One push for a user's alerts of three seconds, none for half of the users, and one a day for a merchant."""
    rules = msgspec.json.decode(long_freshness_rules())
    budgets = {MERCHANTS[SMALL_BUDGET].merchant_id: {"pushes_per_day": 1, "timezone": "UTC", "hours": "24/7"}}
    more = {"choose_within_seconds": 3, "control_percent": 50, "merchant_budgets": budgets}
    return msgspec.json.encode({**rules, **more})


def _enter(name: str, merchant_number: int) -> Iterator[Record]:
    return (_event(f"u-{name}-{number}", EventType.GEOFENCE_ENTERED, merchant_number) for number in range(USERS))


def _leave(name: str, merchant_number: int) -> Iterator[Record]:
    return (_event(f"u-{name}-{number}", EventType.GEOFENCE_EXITED, merchant_number) for number in range(USERS))


def _event(user_id: str, kind: EventType, merchant_number: int) -> Record:
    event_id, merchant_id = f"e-{user_id}-{kind}-{merchant_number}", MERCHANTS[merchant_number].merchant_id
    template = Template(event_id, user_id, kind, merchant_id, details=0)
    return Record(event_id, user_id.encode(), lambda: template.value(datetime.now(UTC)))


async def _take(world: World, taken: Taken) -> None:
    await taken.take_records(world, ACT)
    await taken.take_claims(world, ACT)
    await taken.take_heartbeats(world, ACT)
    await taken.take_notes(world, "alerts were gathered")
