"""What is remembered of a dependency: since when it is ill, how often, why, and what it has held up."""

import logging
from datetime import timedelta

import pytest

from saving_alerts.dependencies import CALM, COUPON_API, PUSH_API, Dependencies, DependencyState, State
from saving_alerts.domain.decisions import Stage
from saving_alerts.domain.holds import HeldBy
from tests.support.fakes.clock import START, FakeClock

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def dependencies(clock: FakeClock) -> Dependencies:
    return Dependencies(clock.now)


@pytest.fixture
def api(dependencies: Dependencies) -> DependencyState:
    state = dependencies.of(COUPON_API, "coupons.example:8081")
    state.answered()
    return state


def goes_down(api: DependencyState, why: str = "HTTP 500", status: int | None = 500) -> None:
    api.failed(why, status)
    api.ill()


def comes_back(api: DependencyState, clock: FakeClock) -> None:
    clock.advance(CALM)
    api.answered()


def milliseconds_ago(clock: FakeClock, ago: timedelta) -> int:
    return int((clock.now() - ago).timestamp() * 1000)


def test_one_failure_is_remembered_and_is_no_outage(api: DependencyState, clock: FakeClock) -> None:
    api.failed("HTTP 500", 500)

    assert api.state is State.OK
    assert api.error is not None
    assert (api.error.text, api.error.status, api.error.at) == ("HTTP 500", 500, clock.now())
    assert api.error.address == "coupons.example:8081"


def test_an_outage_has_a_beginning_and_is_counted(api: DependencyState, clock: FakeClock) -> None:
    for _ in range(2):
        clock.advance(MINUTE)
        goes_down(api)
        began = clock.now()
        clock.advance(MINUTE)
        goes_down(api)
        assert (api.state, api.since) == (State.DEGRADED, began)
        comes_back(api, clock)

    assert (api.state, api.since, api.times) == (State.OK, clock.now(), 2)


def test_who_answers_between_failures_is_not_well_again_at_once(api: DependencyState, clock: FakeClock) -> None:
    """A rate limit of one a second would change the state every second."""
    for _ in range(10):
        goes_down(api, "HTTP 429", 429)
        clock.advance(SECOND)
        api.answered()

    assert (api.state, api.times) == (State.DEGRADED, 1)


def test_who_answered_and_is_asked_nothing_more_becomes_well(
    dependencies: Dependencies, api: DependencyState, clock: FakeClock
) -> None:
    goes_down(api)
    clock.advance(SECOND)
    api.answered()
    clock.advance(CALM)
    dependencies.settle()

    assert api.state is State.OK


def test_who_is_silent_after_a_failure_stays_ill(
    dependencies: Dependencies, api: DependencyState, clock: FakeClock
) -> None:
    goes_down(api)
    clock.advance(10 * MINUTE)
    dependencies.settle()

    assert api.state is State.DEGRADED


def test_each_change_is_one_line_which_says_why_and_how_long(
    api: DependencyState, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        for _ in range(5):
            goes_down(api)
            clock.advance(MINUTE)
        api.expired = 3
        comes_back(api, clock)

    assert caplog.messages == [
        "coupon_api is degraded after 0 s ok: HTTP 500 (coupons.example:8081)",
        "coupon_api is ok after 5 min 5 s degraded; 3 events expired for it meanwhile",
    ]


def test_an_event_was_held_for_as_long_as_it_waited_during_an_outage(
    dependencies: Dependencies, api: DependencyState, clock: FakeClock
) -> None:
    arrived = milliseconds_ago(clock, timedelta(0))
    clock.advance(MINUTE)
    goes_down(api)
    began = clock.now()
    clock.advance(9 * MINUTE)

    (held,) = dependencies.held(Stage.QUERY_COUPONS, arrived)

    assert held == HeldBy("the Coupon API", 540.0, began, "HTTP 500")
    assert str(held) == "held 9 min by the Coupon API: HTTP 500"


def test_what_was_over_before_the_event_came_did_not_hold_it(
    dependencies: Dependencies, api: DependencyState, clock: FakeClock
) -> None:
    goes_down(api)
    comes_back(api, clock)
    clock.advance(MINUTE)

    assert dependencies.held(Stage.QUERY_COUPONS, milliseconds_ago(clock, 30 * SECOND)) == ()
    assert dependencies.held(Stage.QUERY_COUPONS, -1) == ()  # a record without a time


def test_several_outages_add_up_and_the_last_error_counts(
    dependencies: Dependencies, api: DependencyState, clock: FakeClock
) -> None:
    arrived = milliseconds_ago(clock, timedelta(0))
    for why in ("HTTP 500", "no answer within 4 s"):
        goes_down(api, why, None)
        clock.advance(MINUTE)
        comes_back(api, clock)

    (held,) = dependencies.held(Stage.QUERY_COUPONS, arrived)

    assert (held.seconds, held.since, held.error) == (130.0, START, "no answer within 4 s")


def test_a_stage_is_held_by_what_it_waits_for_only(
    dependencies: Dependencies, api: DependencyState, clock: FakeClock
) -> None:
    goes_down(api)
    clock.advance(MINUTE)
    arrived = milliseconds_ago(clock, MINUTE)

    assert dependencies.held(Stage.DISPATCH_PUSH, arrived) == ()
    assert dependencies.held(Stage.VALIDATE, arrived) == ()
    assert [each.name for each in dependencies.holding(Stage.QUERY_COUPONS)] == [COUPON_API]


def test_what_expired_is_counted_for_the_outage_that_held_it(
    dependencies: Dependencies, api: DependencyState, clock: FakeClock
) -> None:
    pushes = dependencies.of(PUSH_API)
    goes_down(api)
    clock.advance(MINUTE)
    dependencies.expired(dependencies.held(Stage.QUERY_COUPONS, milliseconds_ago(clock, MINUTE)))
    assert (api.expired, pushes.expired) == (1, 0)

    comes_back(api, clock)
    goes_down(api)

    assert api.expired == 0


def test_what_a_look_finds_is_one_error_while_only_its_numbers_change(
    dependencies: Dependencies, clock: FakeClock
) -> None:
    consent = dependencies.of("consent")
    consent.note(State.OK, "")
    for seconds in range(3):
        clock.advance(SECOND)
        consent.note(State.NOT_READY, f"not known for {seconds} s")

    assert consent.error is not None
    assert (consent.error.at, consent.times) == (START + SECOND, 1)


def test_a_worker_that_starts_is_not_ready_and_that_is_no_outage(dependencies: Dependencies, clock: FakeClock) -> None:
    consent = dependencies.of("consent")
    for text in ("not read yet", "read in part"):
        consent.note(State.NOT_READY, text)
        clock.advance(MINUTE)
    assert dependencies.held(Stage.DISPATCH_PUSH, milliseconds_ago(clock, MINUTE)) == ()
    consent.note(State.OK, "")
    assert (consent.times, consent.error, consent.since) == (0, None, clock.now())

    consent.note(State.NOT_READY, "not known")
    clock.advance(MINUTE)
    assert consent.times == 1
    assert len(dependencies.held(Stage.DISPATCH_PUSH, milliseconds_ago(clock, MINUTE))) == 1


def test_what_is_ill_from_the_start_holds_events_all_the_same(dependencies: Dependencies, clock: FakeClock) -> None:
    dependencies.of("redis").note(State.DEGRADED, "cannot be reached")
    clock.advance(MINUTE)

    (held,) = dependencies.held(Stage.DISPATCH_PUSH, milliseconds_ago(clock, MINUTE))
    assert str(held) == "held 1 min by Redis: cannot be reached"


def test_what_is_off_by_choice_holds_nobody(dependencies: Dependencies, clock: FakeClock) -> None:
    dependencies.of("consent").note(State.OFF, "as wanted")
    clock.advance(MINUTE)

    assert dependencies.ill() == []
    assert dependencies.held(Stage.DISPATCH_PUSH, milliseconds_ago(clock, MINUTE)) == ()
