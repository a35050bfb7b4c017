"""In a year of days, zones and holidays nobody gets a push for a store that is closed by its own clock."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import msgspec
import pytest

from benchmarks.last_stages import live
from saving_alerts.domain.coupons import Candidate
from saving_alerts.domain.decisions import Decision
from saving_alerts.domain.events import EventType
from saving_alerts.domain.merchants import Merchant, Store
from saving_alerts.domain.opening_hours import Opening
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules.rule import Rule
from saving_alerts.domain.rules.rule_set import RuleSet
from saving_alerts.domain.rules.store_hours import open_until
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.reference_data.snapshot import Merchants, ReferenceData
from tests.support.fakes.clock import START
from tests.support.sample_events import FRESHNESS, MESSAGE, coupon, event, validated
from tests.support.store_clock import HOLIDAYS, is_open, random_opening

# Half-hour and midnight changes, zones without any, the first and the last clock of the day, and a Ramadan.
ZONES = (
    *("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Africa/Casablanca"),
    *("Asia/Kathmandu", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Africa/Cairo", "Asia/Beirut", "America/Havana"),
)
STORES = 330
YEAR = datetime(2026, 1, 1, tzinfo=UTC)
MINUTES = 365 * 24 * 60
GATHERED = timedelta(seconds=10)
ENTERED = EventType.GEOFENCE_ENTERED
ANY_TIME = Rule("any-time", frozenset({ENTERED}), ("*",), (), None, None, MESSAGE, open_for_minutes=0)


def moments(random: Random, openings: list[Opening], count: int) -> list[tuple[datetime, int]]:
    """Any of the year, and of half of them the last seconds before the store closes, or a holiday."""
    return sorted(_moment(random, openings) for _ in range(count))


def _moment(random: Random, openings: list[Opening]) -> tuple[datetime, int]:
    store = random.randrange(STORES)
    at = YEAR + timedelta(minutes=random.randrange(MINUTES))
    if random.random() < 0.2:
        at = datetime.fromisoformat(random.choice(HOLIDAYS)).replace(tzinfo=UTC) + timedelta(
            hours=random.uniform(-12, 36)
        )
    until = open_until(openings[store], at)
    is_at_the_end = until is not None and random.random() < 0.5
    return (until - timedelta(seconds=random.uniform(0.1, 30)) if until and is_at_the_end else at), store


def candidates(random: Random, openings: list[Opening], count: int) -> Iterator[Candidate]:
    for number, (at, store) in enumerate(moments(random, openings, count)):
        merchant_id = f"m-{store}"
        happened = msgspec.structs.replace(
            event(ENTERED, merchant_id=merchant_id, occurred_at=at, user_id=f"u-{number}"), event_id=f"e-{number}"
        )
        value = msgspec.structs.replace(
            validated(happened),
            deadline=at + FRESHNESS,
            read_at=at,
            position=SourcePosition("saving-events", 0, number),
        )
        lasting = msgspec.structs.replace(
            coupon(), merchant_id=merchant_id, valid_from=at, valid_until=at + timedelta(days=9)
        )
        yield Candidate(validated=value, coupons=(lasting,), looked_at=at)


def world(openings: list[Opening], gathered: timedelta) -> ReferenceData:
    shops = {
        f"m-{number}": Merchant(merchant_id=f"m-{number}", names={}, stores=(Store("s-1", 0, 0, opening),))
        for number, opening in enumerate(openings)
    }
    data = ReferenceData()
    rules = RuleSet("rules-1", (), {ENTERED: FRESHNESS}, (ANY_TIME,))
    data.replace_rules(replace(rules, choose_within=gathered), START)
    data.replace_merchants(Merchants("merchants-1", shops), START)
    return data


@pytest.mark.parametrize("gathered", [timedelta(0), GATHERED], ids=["at once", "gathered"])
@pytest.mark.parametrize("count", [1_000, pytest.param(100_000, marks=[pytest.mark.long, pytest.mark.timeout(900)])])
def test_no_push_is_for_a_store_that_is_closed_by_its_own_clock(count: int, gathered: timedelta) -> None:
    random = Random(20)
    openings = [random_opening(random, ZONES[number % len(ZONES)]) for number in range(STORES)]
    ended, closed = Counter[Reason](), list[str]()

    def decided(candidate: Candidate, decision: Decision) -> None:
        ended[decision.reason] += 1
        opening = openings[int((candidate.validated.event.merchant_id or "")[2:])]
        if decision.reason is Reason.PUSHED and not is_open(opening, decision.decided_at):
            closed.append(f"{opening}: pushed at {decision.decided_at}")

    live(world(openings, gathered), candidates(random, openings, count), decided)

    assert closed == []
    assert min(ended[Reason.PUSHED], ended[Reason.RULE_REFUSED]) > count / 10, ended
