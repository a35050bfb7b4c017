"""`simulate` gathers as workers do: the same alert is pushed, the same ones are outbid, and the same ones have left."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

import msgspec
import pytest

from saving_alerts.domain.coupons import Candidate
from saving_alerts.domain.events import EventType
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules.control import Control
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.pipeline import steps
from saving_alerts.pipeline.outcomes import Decided, Forward
from saving_alerts.reference_data.snapshot import Snapshot
from saving_alerts.simulation.replay import Replay
from saving_alerts.simulation.totals import Totals
from tests.support.fakes.clock import START
from tests.support.sample_events import FRESHNESS, coupon, event, snapshot, validated
from tests.support.simulated_time import run_simulated
from tests.unit.pipeline.test_gathered_dispatch import OFTEN, WITHIN, World

KEEPS_BACK_ALL = Control(100, "salt")


def rules_that_gather(control: Control | None = None) -> Snapshot:
    data = snapshot(min_discount_percent=None)
    freshness = dict.fromkeys((EventType.GEOFENCE_ENTERED, EventType.GEOFENCE_EXITED), FRESHNESS)
    rules = replace(data.rules, caps=OFTEN, freshness=freshness, choose_within=WITHIN, control=control)
    return replace(data, rules=rules)


def of_two_arms() -> Snapshot:
    """A rule for good coupons keeps back everybody, and another one has the rest."""
    data = rules_that_gather()
    (rule,) = data.rules.rules
    good = replace(rule, id="good", min_discount_percent=50, control=KEEPS_BACK_ALL)
    return replace(data, rules=replace(data.rules, rules=(good, rule)))


def candidate(number: int, at: datetime, percent: float | None) -> Candidate:
    """One that was made at its event. Without a percentage it is a departure."""
    kind = EventType.GEOFENCE_EXITED if percent is None else EventType.GEOFENCE_ENTERED
    happened = msgspec.structs.replace(event(kind, occurred_at=at), event_id=f"e-{number}")
    position = SourcePosition("saving-events", 0, number)
    value = msgspec.structs.replace(validated(happened), position=position, read_at=at, deadline=at + FRESHNESS)
    coupons = () if percent is None else (coupon(percent),)
    return Candidate(validated=value, coupons=coupons, looked_at=at)


def replayed(candidates: list[Candidate], data: Snapshot | None = None) -> Totals:
    totals = Totals()
    replay = Replay(data or rules_that_gather(), totals, lambda _: [], lambda _: {})
    for each in candidates:
        replay.take(each)
    replay.finish()
    return totals


async def lived(candidates: list[Candidate], data: Snapshot) -> Counter[str]:
    """How workers end them."""
    world = World()
    world.data.replace_rules(data.rules, START)

    async def live(each: Candidate) -> Decided:
        at = each.looked_at or START
        await asyncio.sleep((at - START).total_seconds())
        if departure := steps.departure(each, data, at):
            return await world.worker.dispatch_push(departure)
        outcome = steps.evaluate_rules(each, data, at)
        assert isinstance(outcome, Forward)
        return await world.worker.dispatch_push(outcome.value)

    decided = await asyncio.gather(*map(live, candidates))
    return Counter(str(each.reason) for each in decided)


def test_the_best_of_a_slot_is_pushed_at_its_end() -> None:
    totals = replayed([candidate(number, START + timedelta(seconds=number), 10 + number) for number in (0, 1, 2)])

    assert totals.reasons == Counter({Reason.PUSHED: 1, Reason.OUTBID: 2})
    assert totals.wins == Counter({"at-the-store": 3})
    assert totals.rules == Counter({"at-the-store": 1})


def test_of_a_user_who_is_kept_back_the_best_is_charged_and_the_others_are_outbid() -> None:
    candidates = [candidate(number, START + timedelta(seconds=number), 10 + number) for number in (0, 1, 2)]
    totals = replayed(candidates, rules_that_gather(KEEPS_BACK_ALL))

    assert totals.reasons == Counter({Reason.CONTROL: 1, Reason.OUTBID: 2})
    assert (totals.controls, totals.pushes, totals.users) == (Counter({"at-the-store": 1}), 0, 0)


def test_a_departure_ends_what_is_gathered() -> None:
    totals = replayed([candidate(0, START, 10), candidate(1, START + timedelta(seconds=3), None)])

    assert totals.reasons == Counter({Reason.LEFT: 1, Reason.NOT_A_TRIGGER: 1})
    assert totals.pushes == 0


@pytest.mark.parametrize("data", [rules_that_gather(), of_two_arms()], ids=["no control", "good coupons are"])
@pytest.mark.parametrize("seed", range(30))
def test_it_agrees_with_the_workers(seed: int, data: Snapshot) -> None:
    random, at, candidates = Random(seed), START, []
    for number in range(12):
        percent = None if random.random() < 0.15 else float(random.randrange(1, 90))
        candidates.append(candidate(number, at, percent))
        # No sum of these is the end of a gathering: which of two things at one moment comes first is nobody's promise.
        at += timedelta(seconds=random.choice((0.51, 1.53, 3.27, 12.78)))
    counted: list[Counter[str]] = []

    async def live() -> None:
        counted.append(await lived(candidates, data))

    run_simulated(live())

    reasons = replayed(candidates, data).reasons
    assert Counter({str(reason): count for reason, count in reasons.items() if count}) == counted[0]
