"""The Coupon API is asked only when a push can come of it, and each of its endings is a decision."""

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from saving_alerts.domain.coupons import Candidate, Coupon
from saving_alerts.domain.events import Location, ValidatedEvent
from saving_alerts.domain.merchants import Store
from saving_alerts.domain.push_sends import PushSend
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.pipeline.outcomes import Decided, Forward
from saving_alerts.pipeline.steps import query_coupons
from saving_alerts.ports.errors import DeadlineError, PortError, RefusedError, UnavailableError
from saving_alerts.reference_data.snapshot import Snapshot
from tests.support.fakes.clock import START, FakeClock
from tests.support.fakes.consent import FakeConsent
from tests.support.fakes.coupon_source import FakeCouponSource
from tests.support.sample_events import ALWAYS_QUIET, DEADLINE, MERCHANT, POSITION, coupon, event, snapshot, validated

pytestmark = pytest.mark.asyncio


class World:
    """One Coupon API at one moment."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.source = FakeCouponSource(self.clock)
        self.sends: tuple[PushSend, ...] = ()
        self.consent = FakeConsent(self.clock)

    async def ask(
        self, value: ValidatedEvent | None = None, data: Snapshot | None = None
    ) -> Forward[Candidate] | Decided:
        value, data = value or validated(), data or snapshot()
        return await query_coupons(value, data, self.sends, self.source, self.clock, self.consent)

    async def decided(self, value: ValidatedEvent | None = None, data: Snapshot | None = None) -> Decided:
        outcome = await self.ask(value, data)
        assert isinstance(outcome, Decided)
        return outcome


def candidate(*coupons: Coupon) -> Candidate:
    """As of now, with all that the rules look at."""
    return Candidate(validated=validated(), coupons=coupons, looked_at=START, merchants_version="merchants-1")


@pytest.fixture
def world() -> World:
    return World()


async def test_usable_coupons_go_on(world: World) -> None:
    world.source.gives("u-1", "m-1", coupon())

    outcome = await world.ask()

    assert outcome == Forward(candidate(coupon()))


async def test_the_distance_to_the_store_goes_on_with_the_coupons(world: World) -> None:
    world.source.gives("u-1", "m-1", coupon())
    store = Store("s-1", 52.5209, 13.405)
    data = snapshot()
    merchants = replace(data.merchants, by_id={"m-1": msgspec.structs.replace(MERCHANT, stores=(store,))})
    here = msgspec.structs.replace(event(), location=Location(52.52, 13.405, 35))

    outcome = await world.ask(validated(here), replace(data, merchants=merchants))

    assert isinstance(outcome, Forward)
    assert outcome.value.distance_m == pytest.approx(100, rel=0.01)


async def test_only_usable_coupons_go_on(world: World) -> None:
    world.source.gives("u-1", "m-1", coupon(50, remaining=0), coupon(20))

    outcome = await world.ask()

    assert outcome == Forward(candidate(coupon(20)))


async def test_what_failed_at_the_api_goes_on_with_the_coupons_and_stands_in_a_decision(world: World) -> None:
    world.source.failed_asks = {"HTTP 500": 2}
    assert (await world.decided()).details == {"offered": 0, "coupon_api_failures": {"HTTP 500": 2}}

    world.source.gives("u-1", "m-1", coupon())
    outcome = await world.ask()

    assert isinstance(outcome, Forward)
    assert outcome.value.failed_asks == {"HTTP 500": 2}


async def test_what_failed_at_the_api_in_vain_stands_in_the_decision(world: World) -> None:
    error = UnavailableError("the Coupon API answered 500")
    error.failed_asks = {"HTTP 500": 3}
    world.source.fails("u-1", error)

    assert (await world.decided()).details["coupon_api_failures"] == {"HTTP 500": 3}


@pytest.mark.parametrize(
    "coupons",
    [
        pytest.param((), id="none-at-all"),
        pytest.param((coupon(remaining=0),), id="none-left"),
        pytest.param((coupon(valid_for=timedelta()),), id="ended"),
    ],
)
async def test_without_a_usable_coupon_it_ends_with_how_many_were_offered(
    world: World, coupons: tuple[Coupon, ...]
) -> None:
    world.source.gives("u-1", "m-1", *coupons)

    decided = await world.decided()

    assert (decided.reason, decided.details) == (Reason.NO_COUPON, {"offered": len(coupons)})


@pytest.mark.parametrize(
    ("error", "reason", "details"),
    [
        pytest.param(
            RefusedError("unknown", 404),
            Reason.COUPON_API_REFUSED,
            {"answer": "unknown", "status": 404},
            id="a-clear-no",
        ),
        pytest.param(UnavailableError("503"), Reason.COUPON_API_FAILED, {"answer": "503"}, id="in-vain"),
        pytest.param(DeadlineError("late"), Reason.EXPIRED, {"answer": "late"}, id="deadline"),
    ],
)
async def test_a_failure_of_the_api_is_a_decision_that_says_what_it_answered(
    world: World, error: PortError, reason: Reason, details: dict[str, object]
) -> None:
    world.source.fails("u-1", error)

    decided = await world.decided()

    assert (decided.reason, decided.details) == (reason, details)


async def test_an_outage_that_outlives_the_deadline_is_expired_and_no_failure(world: World) -> None:
    world.source.goes_down(DEADLINE + timedelta(hours=1))

    decided = await world.decided()

    assert decided.reason is Reason.EXPIRED


async def test_a_coupon_that_ended_while_the_api_was_down_is_not_used(world: World) -> None:
    world.source.gives("u-1", "m-1", coupon(valid_for=timedelta(minutes=1)))
    world.source.goes_down(START + timedelta(minutes=2))

    decided = await world.decided()

    assert decided.reason is Reason.NO_COUPON


@pytest.mark.parametrize(
    ("value", "data", "reason"),
    [
        pytest.param(validated(), snapshot(ALWAYS_QUIET), Reason.QUIET_HOURS, id="quiet-hours"),
        pytest.param(validated(event(merchant_id="m-2")), snapshot(), Reason.RULE_REFUSED, id="unknown-merchant"),
    ],
)
async def test_nobody_asks_when_no_coupon_could_help(
    world: World, value: ValidatedEvent, data: Snapshot, reason: Reason
) -> None:
    decided = await world.decided(value, data)

    assert (decided.reason, decided.details["asked"], world.source.asked) == (reason, False, [])


async def test_nobody_asks_for_a_late_event(world: World) -> None:
    world.clock.set(DEADLINE)

    decided = await world.decided()

    assert decided.reason is Reason.EXPIRED
    assert decided.details == {"late_seconds": 0, "asked": False}
    assert world.source.asked == []


@pytest.mark.parametrize("ending", ["no coupon", "refused", "in vain", "late"])
async def test_every_decision_names_the_versions_it_was_made_with(world: World, ending: str) -> None:
    if ending in {"refused", "in vain"}:
        world.source.fails("u-1", RefusedError("unknown", 404) if ending == "refused" else UnavailableError("503"))
    if ending == "late":
        world.clock.set(DEADLINE)

    decided = await world.decided()

    assert (decided.versions.rules, decided.versions.merchants) == ("rules-1", "merchants-1")


async def test_a_refusal_names_each_rule_with_its_clause_and_the_versions(world: World) -> None:
    decided = await world.decided(data=snapshot(ALWAYS_QUIET))

    assert decided.details["refusals"] == [{"rule_id": "at-the-store", "clause": "quiet_hours"}]
    assert (decided.versions.rules, decided.versions.merchants) == ("rules-1", "merchants-1")


def sent(offset: int, hours_ago: float = 1) -> PushSend:
    return PushSend(
        merchant_id="m-2",
        sent_at=START - timedelta(hours=hours_ago),
        position=SourcePosition("saving-events", 3, offset),
        event_id=f"event-{offset}",
    )


async def test_a_user_whom_the_table_knows_to_be_capped_is_not_asked_for(world: World) -> None:
    world.sends = (sent(3),)

    decided = await world.decided()

    assert (decided.reason, decided.details["asked"]) == (Reason.CAPPED, False)
    assert decided.details["cap"] == "1 per user in 24 h"
    assert (decided.versions.rules, decided.versions.caps) == ("rules-1", "rules-1")
    assert world.source.asked == []


async def test_a_send_of_another_event_at_the_same_position_caps_as_any_other(world: World) -> None:
    """The source was deleted and made again."""
    world.sends = (msgspec.structs.replace(sent(POSITION.offset), event_id="event-of-the-former-topic"),)

    assert (await world.decided()).reason is Reason.CAPPED


@pytest.mark.parametrize(
    "send",
    [
        pytest.param(sent(3, hours_ago=25), id="too long ago"),
        pytest.param(sent(POSITION.offset), id="of this very event"),
    ],
)
async def test_a_send_that_does_not_cap_is_no_reason_not_to_ask(world: World, send: PushSend) -> None:
    world.source.gives("u-1", "m-1", coupon())
    world.sends = (send,)

    assert isinstance(await world.ask(), Forward)


async def test_who_has_opted_out_is_not_asked_about(world: World) -> None:
    """Whatever the event says: it said yes."""
    world.source.gives("u-1", "m-1", coupon())
    world.consent.opted_out.add("u-1")

    decided = await world.decided()

    assert (decided.reason, decided.details) == (
        Reason.NO_CONSENT,
        {"consent": "opted out, says the fake", "asked": False},
    )
    assert world.source.asked == []


async def test_until_it_is_known_nobody_is_asked_about(world: World) -> None:
    world.source.gives("u-1", "m-1", coupon())
    world.consent.known_from = START + timedelta(minutes=1)

    outcome = await world.ask()

    assert isinstance(outcome, Forward)
    assert world.clock.now() >= START + timedelta(minutes=1)


async def test_what_is_not_known_until_the_deadline_is_expired_unasked(world: World) -> None:
    world.consent.known_from = DEADLINE + timedelta(minutes=1)

    decided = await world.decided()

    assert (decided.reason, decided.details["consent"]) == (Reason.EXPIRED, "the fake has not read it yet")
    assert world.source.asked == []
