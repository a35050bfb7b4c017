"""One push, never two, never late, nobody silenced: the rules of claims, each with what happens without it."""

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec
import pytest

from saving_alerts.domain.alerts import Alert
from saving_alerts.domain.caps import MOST_SENDS, Cap, CapPer
from saving_alerts.domain.kill_switches import KillScope, KillSwitch
from saving_alerts.domain.push_sends import PushSend
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules.rule_set import RuleSet
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.pipeline.dispatch import Dispatcher
from saving_alerts.pipeline.outcomes import Decided
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.ports.push_sender import Refused, Throttled, TooLate, Unclear
from saving_alerts.ports.throttle import Claim, Granted, Reservation, View
from tests.support.fakes.charged_users import Entry, User
from tests.support.fakes.clock import START, FakeClock
from tests.support.fakes.kill_switches import FakeKillSwitches
from tests.support.fakes.push_sender import FakePushSender, Lost
from tests.support.fakes.push_sends import FakePushSends
from tests.support.fakes.throttle import FakeThrottle
from tests.support.sample_events import DEADLINE, alert

pytestmark = pytest.mark.asyncio

LEASE = timedelta(seconds=20)
LEASE_LEFT = timedelta(seconds=7)
DAILY = (Cap(CapPer.USER, 1, 24),)
UNCAPPED: tuple[Cap, ...] = ()
NO_ANSWER = Unclear("no answer")
BAD_REQUEST = Refused(400, "bad request")
HOUR = timedelta(hours=1)


class WatchedThrottle(FakeThrottle):
    """Remembers the calls, and loses the answers it is told to lose. `before_renew` runs before a renewal."""

    def __init__(self, clock: FakeClock, users: dict[str, User]) -> None:
        super().__init__(clock, LEASE.total_seconds(), users)
        self.calls: list[tuple[str, int]] = []
        self.looks = 0
        self.loses_answers_of_reserve = 0
        self.after_reserve: Callable[[], None] = lambda: None
        self.before_renew: Callable[[], None] = lambda: None
        self.before_release: Callable[[], None] = lambda: None

    async def look(self, claim: Claim, caps: tuple[Cap, ...]) -> View:
        self.looks += 1
        return await super().look(claim, caps)

    async def reserve(self, claim: Claim, caps: tuple[Cap, ...]) -> Reservation:
        self.calls.append(("reserve", claim.number))
        reservation = await super().reserve(claim, caps)
        self.after_reserve()
        if self.loses_answers_of_reserve:
            self.loses_answers_of_reserve -= 1
            raise UnavailableError("the fake lost the answer")
        return reservation

    async def renew(self, claim: Claim) -> datetime | None:
        self.calls.append(("renew", claim.number))
        self.before_renew()
        return await super().renew(claim)

    async def confirm(self, claim: Claim, *, uncertain: bool) -> None:
        self.calls.append(("confirm", claim.number))
        await super().confirm(claim, uncertain=uncertain)

    async def release(self, claim: Claim) -> bool:
        self.calls.append(("release", claim.number))
        self.before_release()
        return await super().release(claim)


class World:
    """One Redis, one push API, and workers on them."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.users: dict[str, User] = {}
        self.sender = FakePushSender(self.clock)
        self.kill_switches = FakeKillSwitches()
        self.table: defaultdict[str, tuple[PushSend, ...]] = defaultdict(tuple)
        self.throttle = WatchedThrottle(self.clock, self.users)
        self.worker = self.another_worker("worker-a", self.throttle)

    def another_worker(self, incarnation: str, throttle: FakeThrottle | None = None) -> Dispatcher:
        return Dispatcher(
            throttle=throttle or FakeThrottle(self.clock, LEASE.total_seconds(), self.users),
            sender=self.sender,
            push_sends=FakePushSends(self.clock, self.table),
            kill_switches=self.kill_switches,
            clock=self.clock,
            incarnation=incarnation,
            lease_left=LEASE_LEFT,
            claim_numbers=itertools.count(1),
        )

    async def dispatch(self, value: Alert | None = None, caps: tuple[Cap, ...] = DAILY) -> Decided:
        return await self.worker.dispatch_push(value or alert(), rules(caps))

    async def left_behind(self, offset: int, event_id: str | None = None) -> Granted:
        """Another worker claims for the position and is never heard of again."""
        claim = Claim("u-1", "m-1", event_id or f"event-{offset}", position(offset), "worker-b", 1)
        reservation = await FakeThrottle(self.clock, LEASE.total_seconds(), self.users).reserve(claim, UNCAPPED)
        assert isinstance(reservation, Granted)
        return reservation

    @property
    def sends(self) -> list[tuple[SourcePosition, bool]]:
        return self.throttle.sends("u-1")


def rules(caps: tuple[Cap, ...]) -> RuleSet:
    return RuleSet("rules-2", caps, {}, ())


def position(offset: int) -> SourcePosition:
    return SourcePosition("saving-events", 3, offset)


CERTAIN = [(position(7), False)]
UNCERTAIN = [(position(7), True)]


@pytest.fixture
def world() -> World:
    return World()


async def test_an_alert_is_pushed_once_and_charged(world: World) -> None:
    decided = await world.dispatch()

    assert (decided.reason, decided.details["status"]) == (Reason.PUSHED, 201)
    assert (len(world.sender.accepted), world.sends) == (1, CERTAIN)


async def test_the_push_says_what_the_alert_says(world: World) -> None:
    await world.dispatch()

    push = world.sender.accepted[0].push
    assert (push.user_id, push.title, push.body) == ("u-1", "20% at Shop", "Coffee")
    assert (push.category, push.collapse_key) == ("saving_alert", "saving_alert:m-1")
    assert (push.ttl_seconds, push.not_after) == (600, "2026-11-23T10:25:00.000Z")
    assert (push.trace.event_id, push.trace.rule_id) == ("event-7", "at-the-store")


async def test_decision_and_push_name_the_text_and_the_decision_the_store(world: World) -> None:
    decided = await world.dispatch(msgspec.structs.replace(alert(), variant="friendly", store_id="s-7"))

    body = msgspec.json.decode(msgspec.json.encode(world.sender.accepted[0].push))
    assert (decided.details["variant"], decided.details["store_id"]) == ("friendly", "s-7")
    assert body["trace"]["variant"] == "friendly"


async def test_an_alert_of_an_older_release_is_pushed_in_the_same_bytes_as_before(world: World) -> None:
    older = msgspec.structs.replace(alert(), store_id=None)

    decided = await world.dispatch(older)

    body = msgspec.json.decode(msgspec.json.encode(world.sender.accepted[0].push))
    assert not decided.details.keys() & {"variant", "store_id"}
    assert body["trace"].keys() == {"event_id", "decision_id", "rule_id", "rules_version"}


async def test_a_decision_names_the_versions_it_was_made_with(world: World) -> None:
    decided = await world.dispatch()

    versions = decided.versions
    assert (versions.rules, versions.merchants, versions.caps) == ("rules-1", "merchants-1", "rules-2")


async def test_a_decision_says_among_how_many_coupons_this_one_was_chosen_and_by_what(world: World) -> None:
    chosen = msgspec.structs.replace(alert(), ranked_by="discount", fitting_coupons=3, failed_asks={"HTTP 500": 2})

    decided = await world.dispatch(chosen)

    assert (decided.details["ranked_by"], decided.details["fitting_coupons"]) == ("discount", 3)
    assert decided.details["coupon_api_failures"] == {"HTTP 500": 2}


# docs/claims.md, rule 1: every wait comes first.


async def test_what_can_be_waited_for_is_waited_for_before_the_claim(world: World) -> None:
    world.sender.goes_down(START + timedelta(minutes=1))

    await world.dispatch()

    assert world.sender.accepted[0].not_after == START + timedelta(minutes=1) + LEASE


async def test_a_deadline_that_passes_while_waiting_ends_it_unsent_and_uncharged(world: World) -> None:
    world.sender.goes_down(DEADLINE + HOUR)

    decided = await world.dispatch()

    assert decided.reason is Reason.EXPIRED
    assert (world.sender.attempts, world.sends) == ([], [])
    assert world.users["u-1"].entries == {}


async def test_a_late_alert_is_never_sent(world: World) -> None:
    world.clock.set(DEADLINE)

    decided = await world.dispatch()

    assert (decided.reason, decided.details["late_seconds"]) == (Reason.EXPIRED, 0)
    assert world.sender.attempts == []


# docs/claims.md, rule 2: what reserve answers.


async def test_a_position_that_was_pushed_is_pushed_again_in_words_only(world: World) -> None:
    await world.dispatch()

    again = await world.dispatch()

    assert (again.reason, again.details["again"]) == (Reason.PUSHED, True)
    assert len(world.sender.attempts) == 1


async def test_an_alert_that_ended_with_its_store_hours_says_so(world: World) -> None:
    over = msgspec.structs.replace(alert(deadline=START), deadline_by="open_for_minutes")

    decided = await world.dispatch(over)

    assert (decided.reason, decided.details["deadline_by"]) == (Reason.EXPIRED, "open_for_minutes")


async def test_the_own_entry_is_found_after_the_deadline_too(world: World) -> None:
    await world.dispatch()
    world.clock.set(DEADLINE + HOUR)

    again = await world.dispatch()

    assert again.reason is Reason.PUSHED


async def test_a_position_that_ended_uncertain_stays_uncertain(world: World) -> None:
    world.sender.ends(NO_ANSWER, BAD_REQUEST)
    await world.dispatch()

    again = await world.dispatch()

    assert (again.reason, len(world.sender.attempts)) == (Reason.PUSH_UNCERTAIN, 2)


async def test_an_event_that_comes_twice_on_the_source_is_a_duplicate(world: World) -> None:
    await world.dispatch(alert(7, "event-same"), UNCAPPED)

    decided = await world.dispatch(alert(8, "event-same"), UNCAPPED)

    assert (decided.reason, decided.details["of"]) == (Reason.DUPLICATE, "saving-events/3/7")
    assert len(world.sender.attempts) == 1


async def test_a_cap_that_is_reached_ends_it_and_says_until_when(world: World) -> None:
    await world.dispatch(alert(7))

    decided = await world.dispatch(alert(8))

    assert (decided.reason, len(world.sender.attempts)) == (Reason.CAPPED, 1)
    assert (decided.details["cap"], decided.details["until"]) == ("1 per user in 24 h", "2026-11-24T10:15:00.000Z")


async def test_one_users_cap_does_not_silence_another(world: World) -> None:
    await world.dispatch(alert(7, user_id="u-1"))

    decided = await world.dispatch(alert(8, user_id="u-2"))

    assert decided.reason is Reason.PUSHED


async def test_another_event_of_the_user_waits_until_the_claim_is_settled(world: World) -> None:
    lease = await world.left_behind(6)

    decided = await world.dispatch(caps=UNCAPPED)

    assert decided.reason is Reason.PUSHED
    assert world.sender.accepted[0].at >= lease.lease_until


async def test_a_claim_whose_lease_has_ended_charges_other_events(world: World) -> None:
    await world.left_behind(6)

    decided = await world.dispatch(caps=DAILY)

    assert (decided.reason, world.sender.attempts) == (Reason.CAPPED, [])


async def test_who_is_busy_at_the_deadline_is_expired_and_says_until_when(world: World) -> None:
    lease = await world.left_behind(6)

    decided = await world.dispatch(alert(deadline=lease.lease_until - timedelta(seconds=5)))

    assert decided.reason is Reason.EXPIRED
    assert decided.details["busy_until"] == "2026-11-23T10:15:20.000Z"
    assert world.sender.attempts == []


async def test_a_living_worker_with_the_same_event_is_waited_for_beyond_the_deadline(world: World) -> None:
    await world.left_behind(7)

    decided = await world.dispatch(alert(deadline=START + timedelta(seconds=5)))

    assert (decided.reason, world.sends) == (Reason.PUSH_UNCERTAIN, UNCERTAIN)
    assert world.sender.attempts == []


async def test_a_worker_that_had_the_event_when_redis_fell_silent_may_have_sent_it(world: World) -> None:
    """`expired` would deny a push that was accepted: universe 449 of the simulation."""
    world.clock.set(DEADLINE - timedelta(seconds=5))
    await world.left_behind(7)
    world.throttle.after_reserve = lambda: setattr(world.throttle, "down", True)

    decided = await world.dispatch()

    assert (decided.reason, world.sender.attempts) == (Reason.PUSH_UNCERTAIN, [])


async def test_a_claim_of_a_crashed_worker_is_taken_over_in_time_and_sent_with_the_same_key(world: World) -> None:
    await world.left_behind(7)

    decided = await world.dispatch()
    other = World()
    await other.dispatch()

    assert (decided.reason, world.sends) == (Reason.PUSHED, CERTAIN)
    assert world.sender.accepted[0].key == other.sender.accepted[0].key


async def test_two_workers_with_the_same_event_push_once(world: World) -> None:
    second = world.another_worker("worker-b")

    both = await asyncio.gather(world.dispatch(), second.dispatch_push(alert(), rules(DAILY)))

    assert [decided.reason for decided in both] == [Reason.PUSHED, Reason.PUSHED]
    assert len(world.sender.attempts) == 1


async def test_two_events_of_one_user_at_the_same_time_break_no_cap(world: World) -> None:
    both = await asyncio.gather(world.dispatch(alert(7)), world.dispatch(alert(8)))

    assert sorted(decided.reason for decided in both) == [Reason.CAPPED, Reason.PUSHED]
    assert len(world.sender.accepted) == 1


# docs/claims.md, rule 3: an attempt starts only with enough lease.


async def test_every_further_attempt_renews_the_lease_first(world: World) -> None:
    world.sender.ends(NO_ANSWER, NO_ANSWER)

    await world.dispatch()

    assert world.throttle.calls == [("reserve", 1), ("renew", 1), ("renew", 1), ("confirm", 1)]
    assert all(sent.not_after == sent.at + LEASE for sent in world.sender.attempts)


async def test_a_lease_too_short_for_an_attempt_starts_none(world: World) -> None:
    """The answer is heard 13.1 s after the claim, when 6.9 s of its lease are left."""
    world.throttle.loses_answers_of_reserve = 10

    decided = await world.dispatch()

    assert decided.reason is Reason.PUSHED
    sent = world.sender.attempts[0]
    assert sent.not_after - sent.at >= LEASE_LEFT


# docs/claims.md, rule 4: nothing of ours is accepted after the lease or the deadline.


@pytest.mark.parametrize(
    ("left", "not_after"),
    [
        pytest.param(timedelta(minutes=10), START + LEASE, id="the-lease-ends-first"),
        pytest.param(timedelta(seconds=3), START + timedelta(seconds=3), id="the-deadline-comes-first"),
    ],
)
async def test_an_attempt_carries_the_earlier_of_lease_and_deadline(
    world: World, left: timedelta, not_after: datetime
) -> None:
    await world.dispatch(alert(deadline=START + left))

    assert world.sender.attempts[0].not_after == not_after


async def test_two_users_with_one_event_id_have_two_keys(world: World) -> None:
    await world.dispatch(alert(7, "event-same", "u-1"))
    await world.dispatch(alert(8, "event-same", "u-2"))

    first, second = world.sender.accepted
    assert first.key != second.key


# docs/claims.md, rule 5: after an unclear attempt, and on a claim taken over, only "accepted" ends well.


async def test_unclear_and_then_409_is_pushed(world: World) -> None:
    world.sender.ends(Lost.ACCEPTED)

    decided = await world.dispatch()

    assert (decided.reason, decided.details["status"]) == (Reason.PUSHED, 409)
    assert (len(world.sender.accepted), world.sends) == (1, CERTAIN)


async def test_unclear_and_then_201_is_pushed(world: World) -> None:
    world.sender.ends(Lost.DROPPED)

    decided = await world.dispatch()

    assert (decided.reason, decided.details["attempts"]) == (
        Reason.PUSHED,
        ["unclear: the fake lost the answer", "accepted 201"],
    )


async def test_unclear_and_then_refused_is_uncertain_and_charged(world: World) -> None:
    world.sender.ends(NO_ANSWER, BAD_REQUEST)

    decided = await world.dispatch()

    assert (decided.reason, world.sends) == (Reason.PUSH_UNCERTAIN, UNCERTAIN)


async def test_unclear_and_then_the_deadline_is_uncertain_and_charged(world: World) -> None:
    world.sender.ends(NO_ANSWER, Throttled(HOUR))

    decided = await world.dispatch()

    assert (decided.reason, world.sends) == (Reason.PUSH_UNCERTAIN, UNCERTAIN)


async def test_unclear_and_then_throttled_tries_again_without_giving_the_claim_back(world: World) -> None:
    world.sender.ends(NO_ANSWER, Throttled(timedelta(seconds=1)))

    decided = await world.dispatch()

    assert decided.reason is Reason.PUSHED
    assert "release" not in {call for call, _ in world.throttle.calls}


async def test_taken_over_and_then_refused_is_uncertain_and_charged(world: World) -> None:
    await world.left_behind(7)
    world.sender.ends(BAD_REQUEST)

    decided = await world.dispatch()

    assert (decided.reason, world.sends) == (Reason.PUSH_UNCERTAIN, UNCERTAIN)


async def test_taken_over_after_the_deadline_is_uncertain_and_charged(world: World) -> None:
    await world.left_behind(7)
    world.clock.set(DEADLINE + HOUR)

    decided = await world.dispatch()

    assert (decided.reason, world.sends) == (Reason.PUSH_UNCERTAIN, UNCERTAIN)
    assert world.sender.attempts == []


async def test_unclear_and_then_no_redis_until_the_deadline_is_uncertain(world: World) -> None:
    world.sender.ends(NO_ANSWER)
    world.throttle.before_renew = lambda: setattr(world.throttle, "down", True)

    decided = await world.dispatch()

    assert (decided.reason, len(world.sender.attempts)) == (Reason.PUSH_UNCERTAIN, 1)


# docs/claims.md, rule 6: a claim goes back when nothing can have been sent under it.


async def test_a_clear_refusal_gives_the_charge_back(world: World) -> None:
    world.sender.ends(BAD_REQUEST)

    refused = await world.dispatch(alert(7))
    after = await world.dispatch(alert(8))

    assert (refused.reason, refused.details["status"], refused.details["answer"]) == (
        Reason.PUSH_REFUSED,
        400,
        "bad request",
    )
    assert after.reason is Reason.PUSHED


async def test_throttled_gives_the_claim_back_and_claims_again_after_the_wait(world: World) -> None:
    world.sender.ends(Throttled(timedelta(minutes=1)))

    decided = await world.dispatch()

    assert decided.reason is Reason.PUSHED
    assert world.throttle.calls == [("reserve", 1), ("release", 1), ("reserve", 2), ("confirm", 2)]
    assert world.sender.accepted[0].at >= START + timedelta(minutes=1)


# docs/claims.md, rule 7: 412 says nothing about earlier attempts.


async def test_too_late_for_its_lease_claims_again(world: World) -> None:
    world.sender.ends(TooLate())

    decided = await world.dispatch()

    assert decided.reason is Reason.PUSHED
    assert world.throttle.calls == [("reserve", 1), ("release", 1), ("reserve", 2), ("confirm", 2)]


async def test_too_late_after_an_unclear_attempt_stays_unclear(world: World) -> None:
    world.sender.ends(NO_ANSWER, TooLate(), BAD_REQUEST)

    decided = await world.dispatch()

    assert (decided.reason, world.sends) == (Reason.PUSH_UNCERTAIN, UNCERTAIN)


# docs/claims.md, rule 8: the task remembers its own unclear attempt, whatever Redis says afterwards.


async def test_a_wiped_redis_does_not_forget_an_unclear_attempt(world: World) -> None:
    world.sender.ends(NO_ANSWER, BAD_REQUEST)
    world.throttle.before_renew = world.users.clear

    decided = await world.dispatch()

    assert (decided.reason, world.sends) == (Reason.PUSH_UNCERTAIN, UNCERTAIN)


@pytest.mark.parametrize(
    ("event_id", "caps"),
    [
        pytest.param("event-6", DAILY, id="capped-by-another-event"),
        pytest.param("event-7", UNCAPPED, id="the-same-event-at-another-position"),
    ],
)
async def test_what_was_sent_after_a_wipe_does_not_hide_an_unclear_attempt(
    world: World, event_id: str, caps: tuple[Cap, ...]
) -> None:
    world.sender.ends(NO_ANSWER)
    foreign = Claim("u-1", "m-1", event_id, position(6), "worker-b", 1)
    entry = Entry(foreign, START, sent_at=START)
    world.throttle.before_renew = lambda: world.users.update({"u-1": User({(position(6), event_id): entry})})

    decided = await world.dispatch(caps=caps)

    assert (decided.reason, len(world.sender.attempts)) == (Reason.PUSH_UNCERTAIN, 1)
    assert world.sends == [(position(6), False), (position(7), True)]


# Without Redis nothing is sent, and what was asked is given back.


async def test_without_redis_until_the_deadline_nothing_is_sent(world: World) -> None:
    world.throttle.down = True

    decided = await world.dispatch()

    assert (decided.reason, world.sender.attempts) == (Reason.EXPIRED, [])
    assert decided.details["throttle"] == "Redis cannot be reached: this fake is down"


async def test_a_lost_answer_of_reserve_is_asked_for_again_and_is_no_takeover(world: World) -> None:
    world.throttle.loses_answers_of_reserve = 1
    world.sender.ends(BAD_REQUEST)

    decided = await world.dispatch()

    assert (decided.reason, world.users["u-1"].entries) == (Reason.PUSH_REFUSED, {})


async def test_a_claim_that_was_granted_unheard_is_given_back_at_the_deadline(world: World) -> None:
    world.throttle.loses_answers_of_reserve = 1_000

    decided = await world.dispatch(alert(deadline=START + timedelta(seconds=5)))

    assert (decided.reason, world.users["u-1"].entries) == (Reason.EXPIRED, {})


async def test_a_push_stays_pushed_when_redis_is_lost_before_it_could_be_confirmed(world: World) -> None:
    class GoesDownAtConfirm(WatchedThrottle):
        async def confirm(self, claim: Claim, *, uncertain: bool) -> None:
            raise UnavailableError("down")

    worker = world.another_worker("worker-a", GoesDownAtConfirm(world.clock, world.users))

    decided = await worker.dispatch_push(alert(), rules(DAILY))

    assert decided.reason is Reason.PUSHED


async def test_pauses_double_up_to_two_seconds(world: World) -> None:
    await world.left_behind(6)

    await world.dispatch(caps=UNCAPPED)

    assert [pause.total_seconds() for pause in world.clock.slept[:6]] == [0.1, 0.2, 0.4, 0.8, 1.6, 2]


# The second fence: what the throttle forgot, the Table still refuses.


def recorded(world: World) -> list[tuple[SourcePosition, bool]]:
    return [(send.position, send.uncertain) for send in world.table["u-1"]]


async def test_a_push_is_recorded_in_the_table(world: World) -> None:
    await world.dispatch()

    assert recorded(world) == CERTAIN


async def test_an_uncertain_push_is_recorded_as_such(world: World) -> None:
    world.sender.ends(NO_ANSWER, BAD_REQUEST)

    await world.dispatch()

    assert recorded(world) == UNCERTAIN


async def test_an_uncertain_push_is_charged_from_the_end_of_its_lease(world: World) -> None:
    """Until then the request that is under way may be accepted: a charge from now would end too early."""
    world.sender.ends(NO_ANSWER, BAD_REQUEST)

    await world.dispatch()

    (send,) = world.table["u-1"]
    assert send.sent_at == world.clock.now() + LEASE


async def test_a_push_that_only_the_throttle_knows_is_charged_from_when_it_was_sent(world: World) -> None:
    await world.dispatch()
    (sent,) = world.table.pop("u-1")
    world.clock.advance(HOUR)

    await world.dispatch()

    assert world.table["u-1"] == (sent,)


async def test_a_throttle_that_forgot_everything_does_not_free_the_user(world: World) -> None:
    await world.dispatch()
    world.users.clear()

    decided = await world.dispatch(alert(8))

    assert decided.reason is Reason.CAPPED
    assert decided.details["cap"] == "1 per user in 24 h"
    assert len(world.sender.accepted) == 1
    assert world.users["u-1"].entries == {}


async def test_a_throttle_that_forgot_everything_does_not_send_an_event_again(world: World) -> None:
    await world.dispatch()
    world.users.clear()

    decided = await world.dispatch()

    assert (decided.reason, decided.details["again"]) == (Reason.PUSHED, True)
    assert len(world.sender.accepted) == 1


@pytest.mark.parametrize("knows", ["throttle and Table", "throttle", "Table"])
async def test_another_event_at_the_position_of_one_that_was_pushed_is_pushed_too(world: World, knows: str) -> None:
    """The source was deleted and made again, so its positions come a second time."""
    await world.dispatch(caps=UNCAPPED)
    if knows == "throttle":
        world.table.clear()
    if knows == "Table":
        world.users.clear()

    decided = await world.dispatch(alert(7, event_id="event-of-the-new-topic"), UNCAPPED)

    assert decided.reason is Reason.PUSHED
    assert "again" not in decided.details
    assert len(world.sender.accepted) == 2


@pytest.mark.parametrize("knows", ["throttle and Table", "throttle", "Table"])
async def test_another_event_at_the_position_of_one_that_was_pushed_is_capped_by_it(world: World, knows: str) -> None:
    await world.dispatch()
    if knows == "throttle":
        world.table.clear()
    if knows == "Table":
        world.users.clear()

    decided = await world.dispatch(alert(7, event_id="event-of-the-new-topic"))

    assert decided.reason is Reason.CAPPED
    assert len(world.sender.accepted) == 1


async def test_the_same_event_at_another_position_is_a_duplicate_for_the_table_too(world: World) -> None:
    await world.dispatch(caps=UNCAPPED)
    world.users.clear()

    decided = await world.dispatch(alert(8, event_id="event-7"), UNCAPPED)

    assert (decided.reason, decided.details["of"]) == (Reason.DUPLICATE, "saving-events/3/7")


async def test_a_claim_taken_over_that_the_table_caps_stays_charged_and_sends_nothing(world: World) -> None:
    await world.dispatch(alert(8))
    world.users.clear()
    lease = await world.left_behind(7)
    world.clock.set(lease.lease_until)

    decided = await world.dispatch()

    assert decided.reason is Reason.PUSH_UNCERTAIN
    assert len(world.sender.accepted) == 1
    assert (position(7), True) in recorded(world)


async def test_a_send_that_only_the_throttle_knows_is_recorded_when_it_comes_again(world: World) -> None:
    await world.dispatch()
    world.table.clear()

    decided = await world.dispatch()

    assert decided.reason is Reason.PUSHED
    assert recorded(world) == CERTAIN


async def test_a_send_the_table_knows_is_answered_without_the_throttle(world: World) -> None:
    await world.dispatch()
    world.throttle.down = True

    decided = await world.dispatch()

    assert (decided.reason, decided.details["again"]) == (Reason.PUSHED, True)


async def test_sends_of_another_merchant_do_not_fill_a_cap_per_merchant(world: World) -> None:
    elsewhere = PushSend(merchant_id="m-2", sent_at=START, position=position(3), event_id="event-3")
    world.table["u-1"] = (elsewhere,)

    decided = await world.dispatch(caps=(Cap(CapPer.USER_AND_MERCHANT, 1, 24),))

    assert decided.reason is Reason.PUSHED


# What is said to be unsent must not stay charged.


async def test_a_refusal_whose_claim_has_ended_before_it_went_back_is_uncertain(world: World) -> None:
    world.sender.ends(BAD_REQUEST)
    world.throttle.before_release = lambda: world.clock.advance(LEASE)

    decided = await world.dispatch()

    assert (decided.reason, recorded(world)) == (Reason.PUSH_UNCERTAIN, UNCERTAIN)


async def test_a_refusal_whose_claim_cannot_go_back_is_uncertain(world: World) -> None:
    world.sender.ends(BAD_REQUEST)
    world.throttle.before_release = lambda: setattr(world.throttle, "down", True)

    decided = await world.dispatch()

    assert (decided.reason, recorded(world)) == (Reason.PUSH_UNCERTAIN, UNCERTAIN)


async def test_a_throttle_that_never_answered_leaves_nothing_charged(world: World) -> None:
    world.throttle.down = True

    decided = await world.dispatch()

    assert (decided.reason, recorded(world)) == (Reason.EXPIRED, [])


# Kill switches.


def switch(scope: KillScope, identifier: str = "") -> KillSwitch:
    return KillSwitch(scope=scope, id=identifier, reason="wrong prices", by="ines", since=START)


@pytest.mark.parametrize(
    "on",
    [
        switch(KillScope.ALL),
        switch(KillScope.MERCHANT, "m-1"),
        switch(KillScope.RULE, "at-the-store"),
        switch(KillScope.VERSION, "rules-1"),
    ],
    ids=["all", "merchant", "rule", "version"],
)
async def test_a_switch_that_is_on_stops_the_push_and_leaves_no_charge(world: World, on: KillSwitch) -> None:
    world.kill_switches.turn_on(on)

    decided = await world.dispatch()

    assert decided.reason is Reason.KILLED
    assert decided.details["switch"] == str(on)
    assert (world.sender.attempts, world.users["u-1"].entries) == ([], {})


@pytest.mark.parametrize(
    "on",
    [switch(KillScope.MERCHANT, "m-2"), switch(KillScope.RULE, "another"), switch(KillScope.VERSION, "rules-2")],
    ids=["merchant", "rule", "version"],
)
async def test_a_switch_for_others_stops_nothing(world: World, on: KillSwitch) -> None:
    world.kill_switches.turn_on(on)

    assert (await world.dispatch()).reason is Reason.PUSHED


async def test_what_a_canary_has_made_ends_killed_and_names_it_when_that_is_taken_back(world: World) -> None:
    on = switch(KillScope.CANARY, "0123456789ab-a1b2c3")
    world.kill_switches.turn_on(on)
    tried = msgspec.structs.replace(alert(), canary="0123456789ab-a1b2c3")

    killed, other = await world.dispatch(tried), await world.dispatch()

    assert (killed.reason, killed.details["switch"]) == (Reason.KILLED, str(on))
    assert killed.versions.canary == "0123456789ab-a1b2c3"
    assert str(on).startswith("canary:0123456789ab-a1b2c3 since ")
    assert (other.reason, other.versions.canary) == (Reason.PUSHED, None)


async def test_a_switch_turned_on_after_an_unclear_attempt_leaves_it_uncertain(world: World) -> None:
    world.sender.ends(NO_ANSWER)
    world.throttle.before_renew = lambda: world.kill_switches.turn_on(switch(KillScope.ALL))

    decided = await world.dispatch()

    assert (decided.reason, len(world.sender.attempts)) == (Reason.PUSH_UNCERTAIN, 1)


async def test_a_switch_is_looked_at_before_every_attempt(world: World) -> None:
    world.sender.ends(Throttled(timedelta(minutes=1)))
    world.throttle.before_release = lambda: world.kill_switches.turn_on(switch(KillScope.ALL))

    decided = await world.dispatch()

    assert (decided.reason, len(world.sender.attempts)) == (Reason.KILLED, 1)


async def test_what_was_pushed_stays_pushed_when_it_comes_again_under_a_switch(world: World) -> None:
    await world.dispatch()
    world.table.clear()
    world.kill_switches.turn_on(switch(KillScope.ALL))

    assert (await world.dispatch()).reason is Reason.PUSHED


# What ends without an attempt takes no claim: a look that writes nothing is enough.


def switched_on(world: World) -> None:
    world.kill_switches.turn_on(switch(KillScope.ALL))


def too_late(world: World) -> None:
    world.clock.set(DEADLINE)


def too_large(world: World) -> None:
    world.sender.refuses = Refused(None, "too large")


ENDS = pytest.mark.parametrize(
    ("ends", "reason"),
    [(switched_on, Reason.KILLED), (too_late, Reason.EXPIRED), (too_large, Reason.PUSH_REFUSED)],
)
Ends = Callable[[World], None]


@ENDS
async def test_an_end_that_is_known_before_the_claim_writes_nothing(world: World, ends: Ends, reason: Reason) -> None:
    ends(world)

    decided = await world.dispatch()

    assert decided.reason is reason
    assert (world.throttle.looks, world.throttle.calls) == (1, [])
    assert (world.users["u-1"].entries, world.users["u-1"].released) == ({}, {})


async def test_an_attempt_is_looked_at_once_for_what_the_sender_refuses(world: World) -> None:
    decided = await world.dispatch()

    assert (decided.reason, world.sender.looked_at) == (Reason.PUSHED, 1)


async def test_what_the_sender_refuses_only_under_the_claim_ends_it_without_a_charge(world: World) -> None:
    """Between the look and the attempt a push can grow by some bytes."""
    world.throttle.after_reserve = lambda: too_large(world)

    decided = await world.dispatch()

    assert (decided.reason, decided.details["answer"]) == (Reason.PUSH_REFUSED, "too large")
    assert (world.sender.attempts, world.users["u-1"].entries) == ([], {})


async def test_a_push_too_large_to_be_sent_is_told_as_an_attempt(world: World) -> None:
    too_large(world)

    decided = await world.dispatch()

    details = decided.details
    assert (details["attempts"], details["status"], details["answer"]) == (["refused None"], None, "too large")


@ENDS
async def test_a_claim_at_the_own_position_is_not_overlooked(world: World, ends: Ends, reason: Reason) -> None:
    """A worker died with it: it may have sent the push."""
    left_behind = await world.left_behind(7)
    world.clock.set(left_behind.lease_until)
    ends(world)

    decided = await world.dispatch()

    assert decided.reason is Reason.PUSH_UNCERTAIN
    assert reason is not decided.reason
    assert world.sends == UNCERTAIN


@ENDS
async def test_a_duplicate_and_a_full_cap_are_told_as_with_a_claim(world: World, ends: Ends, reason: Reason) -> None:
    await world.dispatch()
    ends(world)

    decided = [await world.dispatch(alert(8)), await world.dispatch(alert(9, "event-7"))]

    assert [each.reason for each in decided] == [Reason.CAPPED, Reason.DUPLICATE]
    assert reason not in [each.reason for each in decided]


@ENDS
async def test_what_only_the_table_knows_is_told_as_with_a_claim(world: World, ends: Ends, reason: Reason) -> None:
    await world.dispatch()
    world.users.clear()
    ends(world)

    decided = [await world.dispatch(alert(8)), await world.dispatch(alert(9, "event-7"))]

    assert [each.reason for each in decided] == [Reason.CAPPED, Reason.DUPLICATE]
    assert reason not in [each.reason for each in decided]


async def test_an_unclear_attempt_is_not_forgotten_by_a_look(world: World) -> None:
    world.sender.ends(NO_ANSWER)
    world.throttle.before_renew = lambda: switched_on(world)

    decided = await world.dispatch()

    assert decided.reason is Reason.PUSH_UNCERTAIN
    assert world.throttle.looks == 0


async def test_a_claim_that_was_asked_for_is_given_back_and_not_only_looked_at(world: World) -> None:
    """The first answer is lost, and meanwhile a switch is turned on: the claim stands in the throttle."""
    world.throttle.loses_answers_of_reserve = 1
    world.throttle.after_reserve = lambda: switched_on(world)

    decided = await world.dispatch()

    assert decided.reason is Reason.KILLED
    assert [name for name, _ in world.throttle.calls] == ["reserve", "reserve", "release"]
    assert world.users["u-1"].entries == {}


async def test_a_claim_with_a_higher_number_that_was_released_meanwhile_is_made_anew(world: World) -> None:
    """The first call never arrived, and is not lost for good: it must not be granted any more."""
    world.throttle.loses_answers_of_reserve = 1

    def released_meanwhile() -> None:
        world.users["u-1"] = User(released={"worker-a": (1, world.clock.now())})
        world.throttle.after_reserve = lambda: None

    world.throttle.after_reserve = released_meanwhile

    decided = await world.dispatch()

    assert decided.reason is Reason.PUSHED
    assert [number for name, number in world.throttle.calls if name == "reserve"] == [1, 1, 2]


async def test_a_thousand_refused_events_leave_one_number_behind(world: World) -> None:
    world.sender.ends(*[BAD_REQUEST] * 1_000)

    for offset in range(1_000):
        await world.dispatch(alert(offset=offset))

    assert len(world.users["u-1"].released) == 1
    assert world.users["u-1"].entries == {}


async def test_no_rules_let_what_is_remembered_of_a_user_grow_beyond_a_push_an_hour(world: World) -> None:
    """Caps may count in minutes, or per merchant: here there are none."""
    decided = [await world.dispatch(alert(offset), UNCAPPED) for offset in range(MOST_SENDS.pushes + 1)]

    assert [each.reason for each in decided[-2:]] == [Reason.PUSHED, Reason.CAPPED]
    assert decided[-1].details["cap"] == "168 per user in 168 h"
    assert len(world.sends) == MOST_SENDS.pushes


async def test_a_claim_that_has_not_arrived_yet_is_given_back_and_not_only_looked_at(world: World) -> None:
    """The call is still under way, and a switch is turned on: a look would find nothing, and the claim comes later."""
    world.throttle.loses_answers_of_reserve = 1

    def not_arrived() -> None:
        world.users.clear()
        switched_on(world)
        world.throttle.after_reserve = lambda: None

    world.throttle.after_reserve = not_arrived

    decided = await world.dispatch()

    assert (decided.reason, world.throttle.looks) == (Reason.KILLED, 0)
    assert [number for number, _ in world.users["u-1"].released.values()] == [1]
