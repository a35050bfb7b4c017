"""A replay decides about hours, days and dwell what a worker decided, and counts who won."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random

import msgspec

from saving_alerts.domain.coupons import Candidate
from saving_alerts.domain.events import EventType
from saving_alerts.domain.merchants import Merchant, Store
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules.expressions import compile_when
from saving_alerts.domain.rules.rule import Rule
from saving_alerts.domain.rules.rule_set import RuleSet
from saving_alerts.pipeline.canary_counts import CanaryCounts
from saving_alerts.pipeline.outcomes import Forward
from saving_alerts.pipeline.rule_decisions import when_errors
from saving_alerts.pipeline.steps import evaluate_rules
from saving_alerts.reference_data.snapshot import Merchants, Snapshot
from saving_alerts.simulation import totals as totalling
from saving_alerts.simulation.recorded_decisions import Evaluated
from saving_alerts.simulation.replay import Replay
from saving_alerts.simulation.totals import Totals
from tests.support.fakes.clock import START, FakeClock
from tests.support.sample_canary import an_order
from tests.support.sample_events import MERCHANT, MESSAGE, coupon, event, validated
from tests.support.store_clock import random_opening

COUNT = 2_000
ZONES = ("Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Kiritimati", "Mars/Base")
BOTH = frozenset({EventType.GEOFENCE_ENTERED, EventType.GEOFENCE_DWELLED})
PLAIN = Rule("open", BOTH, ("*",), (), None, None, MESSAGE, open_for_minutes=30)
RULES = (
    replace(PLAIN, id="advent", active_from=date(2026, 11, 29), active_until=date(2026, 12, 24)),
    replace(PLAIN, id="stays", event_types=frozenset({EventType.GEOFENCE_DWELLED}), min_dwell_seconds=120),
    replace(PLAIN, id="unknown-too", open_for_minutes=0, unknown_hours_pass=True, active_until=date(2026, 6, 30)),
    PLAIN,
)


def directory(random: Random) -> Merchants:
    openings = [None, *(random_opening(random, random.choice(ZONES[:-1])) for _ in range(30))]
    shops = [
        Merchant(merchant_id=f"m-{number}", names={}, stores=(Store("s-1", 0, 0, opening),))
        for number, opening in enumerate(openings)
    ]
    return Merchants("merchants-1", {shop.merchant_id: shop for shop in shops})


def candidates(random: Random, merchants: Merchants, count: int) -> Iterator[Candidate]:
    for number in range(count):
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=random.randrange(365 * 24 * 60))
        merchant_id = random.choice(sorted(merchants.by_id))
        happened = msgspec.structs.replace(
            event(random.choice(sorted(BOTH)), merchant_id=merchant_id, occurred_at=at, user_id=f"u-{number}"),
            event_id=f"e-{number}",
            timezone=random.choice(ZONES),
            dwell_seconds=random.choice((None, 30.0, 300.0)),
        )
        late = at + timedelta(minutes=30)
        value = msgspec.structs.replace(validated(happened), deadline=late, read_at=at)
        lasting = msgspec.structs.replace(
            coupon(), merchant_id=merchant_id, valid_from=at, valid_until=at + timedelta(days=9)
        )
        yield Candidate(validated=value, coupons=(lasting,), looked_at=at + timedelta(seconds=random.randrange(60)))


def agreeing(count: int) -> Counter[str]:
    """By what was decided, each time by both."""
    random = Random(20)
    merchants = directory(random)
    rules = RuleSet("rules-1", (), dict.fromkeys(BOTH, timedelta(minutes=30)), RULES)
    data, totals, seen = Snapshot(rules, merchants), Totals(), Counter[str]()
    replay = Replay(data, totals, lambda _user: (), lambda _name: {})
    order = an_order()  # which is tried: what a worker counts of it is what is foretold of it
    counted = CanaryCounts(FakeClock(), lambda: order)
    for candidate in candidates(random, merchants, count):
        asked_at = candidate.looked_at or candidate.validated.read_at
        outcome = evaluate_rules(candidate, data, asked_at + timedelta(seconds=random.randrange(300)))
        replayed = replay.take(candidate)
        counted.evaluated(order.id, outcome)
        if isinstance(outcome, Forward):
            decided = Evaluated("rules-1", "merchants-1", None, outcome.value.rule_id, outcome.value.coupon_id)
        else:
            decided = Evaluated("rules-1", "merchants-1", outcome.reason)
        assert decided.agrees(replayed)
        seen[decided.rule_id or str(decided.reason)] += 1
    assert totals.wins == Counter({name: number for name, number in seen.items() if name != Reason.RULE_REFUSED})
    told, found = counted.evidence, totals.evaluated
    assert (told.evaluated, told.wanted, told.when_errors) == (found.events, found.wanted, found.when_errors)
    return seen


def test_it_decides_what_the_worker_decided() -> None:
    seen = agreeing(COUNT)

    assert set(seen) == {rule.id for rule in RULES} | {Reason.RULE_REFUSED}
    assert min(seen.values()) > COUNT // 100


def test_a_when_that_fails_is_foretold_as_often_as_workers_count_it() -> None:
    fails = compile_when("event.locale != 'en' || 1 / (local.hour - 11) > 1", PLAIN.event_types)
    rule = replace(PLAIN, open_for_minutes=None, when=fails)
    rules = RuleSet("rules-1", (), dict.fromkeys(BOTH, timedelta(minutes=30)), (rule,))
    data, totals = Snapshot(rules, Merchants("m", {"m-1": MERCHANT})), Totals()
    found = Candidate(validated=validated(event()), coupons=(coupon(),), looked_at=START)

    outcome = evaluate_rules(found, data, START)
    Replay(data, totals, lambda _user: (), lambda _name: {}).take(found)

    assert not isinstance(outcome, Forward)
    assert totals.evaluated == totalling.Evaluated(events=1, wanted=0, when_errors=len(when_errors(outcome)))
    assert when_errors(outcome) == ["open"]
