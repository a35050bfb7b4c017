"""Budgets of a day in dispatch: what takes a part, what gives it back, and how an event ends where there is none."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import msgspec
import pytest

from saving_alerts.domain.budgets import Budget
from saving_alerts.domain.merchants import Merchant, Store
from saving_alerts.domain.opening_hours import Opening
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules.rule_set import RuleSet
from saving_alerts.pipeline.gathering import ALONE
from saving_alerts.pipeline.outcomes import Decided
from saving_alerts.ports.push_sender import Accepted, Refused, Throttled, Unclear
from tests.support.fakes.clock import START
from tests.support.fakes.push_sender import Lost
from tests.support.fakes.throttle import FakeThrottle
from tests.support.sample_events import alert
from tests.unit.pipeline.test_dispatch_push import BAD_REQUEST, LEASE, NO_ANSWER, World, rules

pytestmark = pytest.mark.asyncio

OUT = "Mo-Su 09:00-10:00"  # all of it is out at START
DAY, FRESHNESS = timedelta(days=1), timedelta(minutes=9)
TODAY = START.replace(hour=0, minute=0)


def with_budget(pushes: int, name: str = "merchant:m-1", hours: str | None = OUT) -> RuleSet:
    return replace(rules(()), budgets={name: Budget(pushes, hours=hours)})


class BudgetWorld(World):
    """Redis has known of budgets since yesterday. Each event is of a user of its own."""

    @classmethod
    async def made(cls) -> "BudgetWorld":
        world = cls()
        world.clock.set(START - DAY)
        await world.throttle.check()
        world.clock.set(START)
        return world

    async def come(self, offset: int, rule_set: RuleSet, deadline: datetime | None = None) -> Decided:
        value = alert(offset, user_id=f"u-{offset}", deadline=deadline or self.clock.now() + FRESHNESS)
        return await self.worker.dispatch_push(value, rule_set)

    async def ends(self, rule_set: RuleSet, *offsets: int) -> list[Reason]:
        return [(await self.come(offset, rule_set)).reason for offset in offsets]


async def test_a_budget_is_spent_by_all_users_and_the_decision_says_until_when() -> None:
    world, budget = await BudgetWorld.made(), with_budget(2)

    decided = [await world.come(offset, budget) for offset in (1, 2, 3)]

    assert [each.reason for each in decided] == [Reason.PUSHED, Reason.PUSHED, Reason.BUDGET_SPENT]
    told = {"budget": "merchant:m-1", "pushes_per_day": 2, "taken": 2, "until": "2026-11-24T00:00:00.000Z"}
    assert told.items() <= decided[2].details.items()
    assert len(world.sender.attempts) == 2
    assert world.throttle.sends("u-3") == []


async def test_what_is_not_out_yet_waits_for_its_time_of_the_day() -> None:
    """A quarter past ten: of 24 there is one more each half an hour."""
    world, budget = await BudgetWorld.made(), with_budget(24, hours="Mo-Su 10:00-22:00")

    assert await world.ends(budget, 1, 2, 3, 4) == [Reason.PUSHED] * 3 + [Reason.BUDGET_SPENT]
    decided = await world.come(5, budget)
    assert decided.details["until"] == "2026-11-23T10:30:00.001Z"
    world.clock.set(START + timedelta(minutes=16))
    assert await world.ends(budget, 6, 7) == [Reason.PUSHED, Reason.BUDGET_SPENT]


async def test_of_a_rule_and_a_merchant_both_must_have_a_part() -> None:
    world = await BudgetWorld.made()
    both = replace(rules(()), budgets={"rule:at-the-store": Budget(1, hours=OUT), "merchant:m-1": Budget(9, hours=OUT)})

    assert await world.ends(both, 1, 2) == [Reason.PUSHED, Reason.BUDGET_SPENT]
    assert await world.ends(with_budget(9, "rule:another"), 3, 4) == [Reason.PUSHED, Reason.PUSHED]


@pytest.mark.parametrize(
    ("endings", "first", "second"),
    [
        ((BAD_REQUEST,), Reason.PUSH_REFUSED, Reason.PUSHED),
        ((Throttled(timedelta(seconds=1)), Accepted(201)), Reason.PUSHED, Reason.BUDGET_SPENT),
        ((NO_ANSWER, Accepted(409)), Reason.PUSHED, Reason.BUDGET_SPENT),
        ((Lost.ACCEPTED, BAD_REQUEST), Reason.PUSH_UNCERTAIN, Reason.BUDGET_SPENT),
        ((Lost.DROPPED, Refused(410, "gone")), Reason.PUSH_UNCERTAIN, Reason.BUDGET_SPENT),
    ],
    ids=["refused", "throttled", "unclear, then accepted", "arrived unheard", "unclear, then refused"],
)
async def test_a_clear_no_costs_nothing_and_what_is_unclear_costs_one(
    endings: tuple[Accepted | Refused | Throttled | Unclear | Lost, ...], first: Reason, second: Reason
) -> None:
    world, budget = await BudgetWorld.made(), with_budget(1)
    world.sender.ends(*endings)

    assert await world.ends(budget, 1, 2) == [first, second]


async def test_what_ends_for_another_reason_takes_nothing() -> None:
    world, budget = await BudgetWorld.made(), with_budget(1)

    assert (await world.come(1, budget, deadline=START)).reason is Reason.EXPIRED
    assert await world.ends(budget, 2) == [Reason.PUSHED]


async def test_where_it_is_spent_an_event_that_is_too_late_is_told_so() -> None:
    world, budget = await BudgetWorld.made(), with_budget(1)

    assert await world.ends(budget, 1) == [Reason.PUSHED]
    assert (await world.come(2, budget, deadline=START)).reason is Reason.BUDGET_SPENT


async def test_a_charge_as_control_takes_nothing_and_is_refused_where_a_push_would_be() -> None:
    world, budget = await BudgetWorld.made(), with_budget(1)
    kept_back = [
        msgspec.structs.replace(alert(offset, user_id=f"u-{offset}"), control=True, control_percent=5.0)
        for offset in (1, 3)
    ]

    first = await world.worker.dispatch_push(kept_back[0], budget)
    assert await world.ends(budget, 2) == [Reason.PUSHED]
    second = await world.worker.dispatch_push(kept_back[1], budget)

    assert [first.reason, second.reason] == [Reason.CONTROL, Reason.BUDGET_SPENT]


async def test_a_worker_that_died_keeps_its_part_and_its_event_finds_it() -> None:
    world, budget = await BudgetWorld.made(), with_budget(1)
    world.clock.set(START)
    dead = world.another_worker("worker-b")
    first = dead.claim_of(alert(1, user_id="u-1"), budget, ALONE)
    await first.hold(unclear=False)
    assert await world.ends(budget, 2) == [Reason.BUDGET_SPENT]
    world.clock.advance(LEASE)

    assert await world.ends(budget, 1, 3) == [Reason.PUSHED, Reason.BUDGET_SPENT]


async def test_by_another_clock_it_is_another_day_until_the_clocks_agree() -> None:
    """The worker's clock is behind the throttle's, over midnight."""
    world, budget = await BudgetWorld.made(), with_budget(1)
    world.clock.set(TODAY + DAY - timedelta(minutes=1))
    ahead = type(world.clock)(TODAY + DAY + timedelta(minutes=1))
    worker = replace(world.worker, throttle=FakeThrottle(ahead, LEASE.total_seconds(), world.users))

    decided = await worker.dispatch_push(alert(1, deadline=TODAY + DAY + timedelta(hours=1)), budget)

    assert decided.reason is Reason.PUSHED
    assert world.clock.now() >= TODAY + DAY


async def test_where_the_clocks_do_not_agree_in_time_the_event_is_expired() -> None:
    world, budget = await BudgetWorld.made(), with_budget(1)
    world.clock.set(TODAY + DAY - timedelta(minutes=9))
    ahead = type(world.clock)(TODAY + DAY + timedelta(minutes=1))
    worker = replace(world.worker, throttle=FakeThrottle(ahead, LEASE.total_seconds(), world.users))

    decided = await worker.dispatch_push(alert(1, deadline=world.clock.now() + timedelta(minutes=2)), budget)

    assert (decided.reason, world.sender.attempts) == (Reason.EXPIRED, [])


async def test_the_day_and_the_hours_are_those_of_the_merchant() -> None:
    """Half past five in the morning in New York: its shop opens at nine, and a twelfth is out."""
    world = await BudgetWorld.made()
    opening = Opening(timezone="America/New_York", hours="Mo-Su 09:00-21:00")
    shop = Merchant(merchant_id="m-1", names={}, stores=(Store("s-1", 0, 0, opening),))
    world.worker = replace(world.worker, merchant={"m-1": shop}.get)

    assert await world.ends(with_budget(24, hours=None), 1, 2, 3) == [Reason.PUSHED, Reason.PUSHED, Reason.BUDGET_SPENT]


async def test_a_budget_that_changes_on_a_day_goes_on_from_what_was_taken() -> None:
    world = await BudgetWorld.made()

    assert await world.ends(with_budget(2), 1, 2) == [Reason.PUSHED] * 2
    assert await world.ends(with_budget(1), 3) == [Reason.BUDGET_SPENT]
    assert await world.ends(with_budget(3), 4, 5) == [Reason.PUSHED, Reason.BUDGET_SPENT]
    assert await world.ends(rules(()), 6) == [Reason.PUSHED]


async def test_where_redis_was_emptied_what_was_out_is_taken_and_the_table_is_not_asked() -> None:
    world, budget = await BudgetWorld.made(), with_budget(24, hours="Mo-Su 10:00-22:00")
    assert await world.ends(budget, 1) == [Reason.PUSHED]
    world.users.clear()

    assert await world.ends(budget, 2) == [Reason.BUDGET_SPENT]
    world.clock.advance(timedelta(minutes=16))
    assert await world.ends(budget, 3, 4) == [Reason.PUSHED, Reason.BUDGET_SPENT]


async def test_many_at_once_are_never_above() -> None:
    world, budget = await BudgetWorld.made(), with_budget(20)
    found = await asyncio.gather(*(world.come(offset, budget) for offset in range(60)))

    assert [each.reason for each in found].count(Reason.PUSHED) == 20
    assert len(world.sender.accepted) == 20
