"""The source was deleted and made again: another event of a user stands where one was pushed before."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

import msgspec
import pytest

from demo.checks.decision_consumer import DecisionConsumer
from demo.traffic.paced_producer import PacedProducer, Record
from demo.world import World
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.codecs import Envelope, encode
from tests.end_to_end.conditions import wait_until
from tests.end_to_end.shoppers import alert_of, long_freshness_rules

pytestmark = pytest.mark.timeout(120)

REACTION_SECONDS = 40
AT_ONCE = 1_000_000
OFFSET = 15


@pytest.fixture
def world() -> Iterator[World]:
    with World() as world:
        world.publish_reference_data()
        rules = msgspec.json.decode(long_freshness_rules())
        rules["caps"] = [{"per": "user", "pushes": 2, "hours": 24}]
        world.s3.put("rules.json", msgspec.json.encode(rules))
        yield world


def alert_at_the_offset(world: World, event_id: str) -> Record:
    """All of one user, and at one position."""
    position = SourcePosition(world.topics.source.name, 0, OFFSET)
    alert = msgspec.structs.replace(alert_of(event_id, position, datetime.now(UTC)), user_id="u-1")
    headers = Envelope(position, event_id, alert.deadline).headers()
    return Record(event_id, b"u-1", lambda: encode(alert), headers)


def has_decisions(decisions: DecisionConsumer, count: int) -> bool:
    return len(decisions.at((0, OFFSET))) == count


def test_each_event_at_a_position_has_a_push_or_a_refusal_of_its_own(world: World) -> None:
    world.start_worker().wait_until_ready()
    alerts = PacedProducer(world.bootstrap_servers, world.topics.alerts.name)

    with DecisionConsumer(world.bootstrap_servers, world.topics.decisions.name) as decisions:
        for number, name in enumerate(["former", "again", "over-the-cap"], 1):
            alerts.write([alert_at_the_offset(world, name)], AT_ONCE)
            is_decided = partial(has_decisions, decisions, number)
            wait_until(is_decided, REACTION_SECONDS, f"{name} is decided")
        decided = {each.event_id: each for each in decisions.at((0, OFFSET))}

    assert {name: each.reason for name, each in decided.items()} == {
        "former": Reason.PUSHED,
        "again": Reason.PUSHED,
        "over-the-cap": Reason.CAPPED,
    }
    assert [push.push.trace.event_id for push in world.push_api.accepted] == ["former", "again"]
