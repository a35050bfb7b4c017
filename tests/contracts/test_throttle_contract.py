"""What every Throttle promises: rule by rule, for the fake, for Valkey and for Redis 7."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest
import pytest_asyncio
from redis import asyncio as aioredis

from demo.servers.redis import EmbeddedRedis
from saving_alerts.adapters.redis_connection import connect
from saving_alerts.domain.caps import Cap
from saving_alerts.ports.throttle import (
    AlreadySent,
    Busy,
    CapReached,
    Charged,
    Claim,
    DuplicateOf,
    Free,
    Granted,
    Known,
    Outnumbered,
    Throttle,
)
from tests.contracts.throttle_harness import (
    BRIEF_CAP,
    BRIEF_LEASE_SECONDS,
    DAILY,
    DAILY_PER_MERCHANT,
    LEASE_SECONDS,
    TWICE_A_DAY,
    WAIT_SECONDS,
    WEEKLY,
    FakeHarness,
    Harness,
    RealHarness,
    claim_of,
    ended,
    granted,
    sent_at,
)
from tests.contracts.throttle_servers import named
from tests.support.fakes.throttle import MOST_RELEASED


@pytest.fixture(scope="module")
def valkey() -> Iterator[EmbeddedRedis]:
    with named("valkey") as server:
        yield server


@pytest.fixture(scope="module")
def redis_7() -> Iterator[EmbeddedRedis]:
    with named("redis 7") as server:
        yield server


@pytest_asyncio.fixture(scope="module")
async def valkey_client(valkey: EmbeddedRedis) -> AsyncIterator[aioredis.Redis]:
    async with connect(valkey.url, timeout_seconds=5, max_connections=16) as client:
        yield client


@pytest_asyncio.fixture(scope="module")
async def redis_7_client(redis_7: EmbeddedRedis) -> AsyncIterator[aioredis.Redis]:
    async with connect(redis_7.url, timeout_seconds=5, max_connections=16) as client:
        yield client


@pytest_asyncio.fixture
async def on_valkey(valkey_client: aioredis.Redis) -> RealHarness:
    return await emptied(RealHarness(valkey_client))


@pytest_asyncio.fixture
async def on_redis_7(redis_7_client: aioredis.Redis) -> RealHarness:
    return await emptied(RealHarness(redis_7_client))


async def emptied(harness: RealHarness) -> RealHarness:
    await harness.flush()
    return harness


@pytest.fixture(params=["fake", "on_valkey", "on_redis_7"])
def harness(request: pytest.FixtureRequest) -> Harness:
    if request.param == "fake":
        return FakeHarness()
    real: RealHarness = request.getfixturevalue(request.param)
    return real


@pytest.fixture
def throttle(harness: Harness) -> Throttle:
    return harness.throttle()


# release, beside another incarnation


@pytest.mark.asyncio
async def test_a_claim_of_another_incarnation_is_not_denied(harness: Harness) -> None:
    """This worker's `reserve` was never heard of. The other may have sent, live or ended."""
    throttle, dead = harness.throttle(), claim_of(1, "worker-a")
    await ended(harness, dead)
    unheard = claim_of(1, "worker-b", number=7)

    told = [await throttle.release(unheard) for _ in range(2)]

    assert told == [False, False]
    assert await throttle.reserve(unheard, ()) == Outnumbered()
    assert granted(await throttle.reserve(claim_of(1, "worker-b", number=8), ())).taken_over


# reserve, on a free user


@pytest.mark.asyncio
async def test_a_free_user_is_granted_for_one_lease(throttle: Throttle) -> None:
    first = granted(await throttle.reserve(claim_of(1), (DAILY,)))

    other = granted(await throttle.reserve(claim_of(2, user_id="u-2"), (DAILY,)))

    assert not first.taken_over
    assert timedelta(0) <= other.lease_until - first.lease_until < timedelta(seconds=WAIT_SECONDS)


@pytest.mark.asyncio
async def test_the_same_claim_again_is_the_same_grant(throttle: Throttle) -> None:
    claim = claim_of(1)
    first = await throttle.reserve(claim, (DAILY,))

    again = await throttle.reserve(claim, (DAILY,))

    assert again == first


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "user_id",
    ["", "a:b", "50%", "{tag}", "line\nbreak\0", "schöne Grüße", "🛒", "../*?[", "x" * 128],
    ids=["empty", "colon", "percent", "braces", "control", "umlauts", "astral", "glob", "long"],
)
async def test_any_text_is_a_user_of_its_own(throttle: Throttle, user_id: str) -> None:
    claim = claim_of(1, user_id=user_id, event_id=user_id + "e", merchant_id=user_id + "m", incarnation=user_id + "i")
    await throttle.confirm(claim, uncertain=False)

    answers = [
        await throttle.reserve(claim_of(2, user_id=user_id, event_id=user_id + "e"), ()),
        await throttle.reserve(claim_of(2, user_id=user_id + "%"), (DAILY,)),
    ]

    assert answers[0] == DuplicateOf(claim.position)
    assert isinstance(answers[1], Granted)


@pytest.mark.asyncio
async def test_positions_keep_every_digit(throttle: Throttle) -> None:
    claim = claim_of(2**63 - 1, number=2**63 - 1)
    await throttle.confirm(claim, uncertain=False)

    answer = await throttle.reserve(claim_of(2**63 - 2, event_id=claim.event_id), ())

    assert answer == DuplicateOf(claim.position)


# reserve, while a lease lives


@pytest.mark.asyncio
async def test_another_event_of_the_user_is_busy_while_a_lease_lives(throttle: Throttle) -> None:
    until = granted(await throttle.reserve(claim_of(1), ())).lease_until

    answer = await throttle.reserve(claim_of(2), ())

    assert answer == Busy(until)


@pytest.mark.asyncio
async def test_a_live_lease_is_busy_rather_than_capped(throttle: Throttle) -> None:
    until = granted(await throttle.reserve(claim_of(1), (DAILY,))).lease_until

    answer = await throttle.reserve(claim_of(2), (DAILY,))

    assert answer == Busy(until)


@pytest.mark.asyncio
async def test_another_incarnation_of_the_same_event_is_busy_while_the_lease_lives(throttle: Throttle) -> None:
    until = granted(await throttle.reserve(claim_of(1, "worker-a"), ())).lease_until

    answer = await throttle.reserve(claim_of(1, "worker-b"), ())

    assert answer == Busy(until, own_position=True)


@pytest.mark.asyncio
async def test_the_same_event_at_another_position_is_busy_while_the_lease_lives(throttle: Throttle) -> None:
    until = granted(await throttle.reserve(claim_of(1, event_id="e"), ())).lease_until

    answer = await throttle.reserve(claim_of(2, event_id="e"), ())

    assert answer == Busy(until)


@pytest.mark.asyncio
async def test_the_same_incarnation_takes_its_own_live_claim_over(throttle: Throttle) -> None:
    await throttle.reserve(claim_of(1, "worker-a", number=1), ())

    answer = granted(await throttle.reserve(claim_of(1, "worker-a", number=2), ()))

    assert answer.taken_over


@pytest.mark.asyncio
async def test_a_claim_taken_over_is_not_renewed_by_its_former_token(throttle: Throttle) -> None:
    former, present = claim_of(1, number=1), claim_of(1, number=2)
    await throttle.reserve(former, ())
    await throttle.reserve(present, ())

    answers = await throttle.renew(former), await throttle.renew(present)

    assert answers[0] is None
    assert answers[1] is not None


@pytest.mark.asyncio
@pytest.mark.parametrize("uncertain", [False, True], ids=["sure", "uncertain"])
async def test_a_position_hears_of_its_own_send_before_another_claim(throttle: Throttle, *, uncertain: bool) -> None:
    claim = claim_of(1)
    await throttle.reserve(claim, ())
    await throttle.confirm(claim, uncertain=uncertain)
    await throttle.reserve(claim_of(2), ())

    answer = await throttle.reserve(claim_of(1, "worker-b"), (DAILY,))

    assert isinstance(answer, AlreadySent)
    assert answer.uncertain is uncertain


@pytest.mark.asyncio
async def test_of_two_hundred_reserves_at_once_one_is_granted(throttle: Throttle) -> None:
    claims = [claim_of(offset % 40, f"worker-{offset}") for offset in range(200)]

    answers = await asyncio.gather(*(throttle.reserve(claim, (DAILY,)) for claim in claims))

    assert [type(answer) for answer in answers].count(Granted) == 1
    assert [type(answer) for answer in answers].count(Busy) == 199


# reserve, after a lease has ended


@pytest.mark.asyncio
async def test_another_incarnation_takes_over_when_the_lease_has_ended(harness: Harness) -> None:
    ended_at = await ended(harness, claim_of(1, "worker-a"))

    answer = granted(await harness.throttle().reserve(claim_of(1, "worker-b"), (DAILY,)))

    assert answer.taken_over
    assert answer.lease_until > ended_at


@pytest.mark.asyncio
async def test_the_same_token_takes_itself_over_when_its_lease_has_ended(harness: Harness) -> None:
    claim = claim_of(1)
    await ended(harness, claim)

    answer = granted(await harness.throttle().reserve(claim, (DAILY,)))

    assert answer.taken_over


@pytest.mark.asyncio
async def test_a_takeover_asked_twice_is_the_same_grant(harness: Harness) -> None:
    await ended(harness, claim_of(1, "worker-a"))
    claim = claim_of(1, "worker-b")
    first = await harness.throttle().reserve(claim, ())

    again = await harness.throttle().reserve(claim, ())

    assert again == first
    assert granted(again).taken_over


@pytest.mark.asyncio
async def test_an_ended_claim_charges_the_cap_of_other_events_from_its_last_moment(harness: Harness) -> None:
    ended_at = await ended(harness, claim_of(1))

    answer = await harness.throttle().reserve(claim_of(2), (DAILY,))

    assert answer == CapReached(DAILY, ended_at + timedelta(hours=24))


@pytest.mark.asyncio
async def test_other_events_may_go_on_beside_an_ended_claim_where_the_caps_allow(harness: Harness) -> None:
    await ended(harness, claim_of(1))

    answer = granted(await harness.throttle().reserve(claim_of(2), (TWICE_A_DAY,)))

    assert not answer.taken_over


@pytest.mark.asyncio
async def test_an_ended_claim_waits_for_its_own_position_past_other_claims(harness: Harness) -> None:
    await ended(harness, claim_of(1, "worker-a"))
    other = claim_of(2)
    await harness.throttle().reserve(other, ())
    await harness.throttle().confirm(other, uncertain=False)

    answer = granted(await harness.throttle().reserve(claim_of(1, "worker-b"), (DAILY,)))

    assert answer.taken_over


@pytest.mark.asyncio
async def test_an_ended_claim_is_taken_over_even_while_another_lives(harness: Harness) -> None:
    await ended(harness, claim_of(1, "worker-a"))
    await harness.throttle().reserve(claim_of(2), ())

    answer = granted(await harness.throttle().reserve(claim_of(1, "worker-b"), ()))

    assert answer.taken_over


@pytest.mark.asyncio
async def test_a_user_with_two_live_claims_is_busy_until_the_later_ends(harness: Harness) -> None:
    await ended(harness, claim_of(1, "worker-a"))
    long = granted(await harness.throttle(LEASE_SECONDS * 2).reserve(claim_of(2), ()))
    await harness.throttle().reserve(claim_of(1, "worker-b"), ())

    answer = await harness.throttle().reserve(claim_of(3), ())

    assert answer == Busy(long.lease_until)


@pytest.mark.asyncio
async def test_the_event_of_an_ended_claim_is_left_to_its_own_position(harness: Harness) -> None:
    abandoned = claim_of(1, event_id="e")
    await ended(harness, abandoned)

    answer = await harness.throttle().reserve(claim_of(2, event_id="e"), (TWICE_A_DAY,))

    assert answer == DuplicateOf(abandoned.position)


# duplicates


@pytest.mark.asyncio
@pytest.mark.parametrize("uncertain", [False, True], ids=["sure", "uncertain"])
async def test_an_event_sent_for_another_position_is_a_duplicate_of_it(throttle: Throttle, *, uncertain: bool) -> None:
    sent = claim_of(1, event_id="e")
    await throttle.confirm(sent, uncertain=uncertain)

    answer = await throttle.reserve(claim_of(2, event_id="e"), (DAILY,))

    assert answer == DuplicateOf(sent.position)


@pytest.mark.asyncio
async def test_a_duplicate_is_told_even_while_another_event_is_claimed(throttle: Throttle) -> None:
    sent = claim_of(1, event_id="e")
    await throttle.confirm(sent, uncertain=False)
    await throttle.reserve(claim_of(3), ())

    answer = await throttle.reserve(claim_of(2, event_id="e"), ())

    assert answer == DuplicateOf(sent.position)


@pytest.mark.asyncio
async def test_an_event_id_of_another_user_is_no_duplicate(throttle: Throttle) -> None:
    await throttle.confirm(claim_of(1, event_id="e", user_id="u-1"), uncertain=False)

    answer = await throttle.reserve(claim_of(2, event_id="e", user_id="u-2"), ())

    assert isinstance(answer, Granted)


# another event at the same position: the source was made again


@pytest.mark.asyncio
@pytest.mark.parametrize("uncertain", [False, True], ids=["sure", "uncertain"])
async def test_a_send_for_another_event_at_the_position_is_no_own_one(throttle: Throttle, *, uncertain: bool) -> None:
    await throttle.confirm(claim_of(1, event_id="e"), uncertain=uncertain)

    answers = [
        await throttle.reserve(claim_of(1, event_id="f"), (DAILY,)),
        await throttle.reserve(claim_of(1, event_id="f"), (TWICE_A_DAY,)),
        await throttle.reserve(claim_of(1, event_id="e"), (DAILY,)),
    ]

    assert [type(answer) for answer in answers] == [CapReached, Granted, AlreadySent]


@pytest.mark.asyncio
async def test_a_live_claim_for_another_event_at_the_position_is_another_events(throttle: Throttle) -> None:
    until = granted(await throttle.reserve(claim_of(1, event_id="e"), ())).lease_until

    answer = await throttle.reserve(claim_of(1, event_id="f"), ())

    assert answer == Busy(until)


@pytest.mark.asyncio
async def test_an_ended_claim_for_another_event_at_the_position_is_not_taken_over(harness: Harness) -> None:
    await ended(harness, claim_of(1, event_id="e"))

    answers = [
        await harness.throttle().reserve(claim_of(1, event_id="f"), (DAILY,)),
        await harness.throttle().reserve(claim_of(1, event_id="f"), (TWICE_A_DAY,)),
    ]

    assert isinstance(answers[0], CapReached)
    assert not granted(answers[1]).taken_over


@pytest.mark.asyncio
async def test_what_is_confirmed_renewed_or_released_leaves_another_event_at_the_position_alone(
    throttle: Throttle,
) -> None:
    live, other = claim_of(1, event_id="e"), claim_of(1, event_id="f")
    await throttle.reserve(live, ())

    assert await throttle.renew(other) is None
    assert await throttle.release(other)
    await throttle.confirm(claim_of(1, event_id="g"), uncertain=False)

    assert await throttle.renew(live) is not None
    assert await throttle.release(live)


# caps


@pytest.mark.asyncio
@pytest.mark.parametrize("uncertain", [False, True], ids=["sure", "uncertain"])
async def test_a_send_charges_the_cap(throttle: Throttle, *, uncertain: bool) -> None:
    sent = claim_of(1)
    await throttle.confirm(sent, uncertain=uncertain)

    answer = await throttle.reserve(claim_of(2), (DAILY,))

    assert answer == CapReached(DAILY, await sent_at(throttle, sent) + timedelta(hours=24))


@pytest.mark.asyncio
async def test_without_caps_nothing_is_capped(throttle: Throttle) -> None:
    for offset in range(5):
        await throttle.confirm(claim_of(offset), uncertain=False)

    answer = await throttle.reserve(claim_of(6), ())

    assert isinstance(answer, Granted)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "caps",
    [(DAILY, WEEKLY), (WEEKLY, DAILY), (DAILY_PER_MERCHANT, WEEKLY, DAILY)],
    ids=["longest last", "longest first", "longest between"],
)
async def test_the_cap_that_blocks_longest_is_named(throttle: Throttle, caps: tuple[Cap, ...]) -> None:
    await throttle.confirm(claim_of(1), uncertain=False)

    answer = await throttle.reserve(claim_of(2), caps)

    assert isinstance(answer, CapReached)
    assert answer.cap == WEEKLY


@pytest.mark.asyncio
async def test_of_caps_that_block_equally_long_the_first_is_named(throttle: Throttle) -> None:
    await throttle.confirm(claim_of(1), uncertain=False)

    answer = await throttle.reserve(claim_of(2), (DAILY_PER_MERCHANT, DAILY))

    assert isinstance(answer, CapReached)
    assert answer.cap == DAILY_PER_MERCHANT


@pytest.mark.asyncio
async def test_a_cap_per_merchant_leaves_other_merchants_free(throttle: Throttle) -> None:
    await throttle.confirm(claim_of(1, merchant_id="m-1"), uncertain=False)

    answers = [
        await throttle.reserve(claim_of(2, merchant_id="m-1"), (DAILY_PER_MERCHANT,)),
        await throttle.reserve(claim_of(3, merchant_id="m-2"), (DAILY_PER_MERCHANT,)),
    ]

    assert isinstance(answers[0], CapReached)
    assert isinstance(answers[1], Granted)


@pytest.mark.asyncio
async def test_a_cap_of_two_is_reached_with_the_second_send(throttle: Throttle) -> None:
    first = claim_of(1)
    await throttle.confirm(first, uncertain=False)
    before = claim_of(2)
    allowed = await throttle.reserve(before, (TWICE_A_DAY,))
    await throttle.confirm(before, uncertain=False)

    answer = await throttle.reserve(claim_of(3), (TWICE_A_DAY,))

    assert isinstance(allowed, Granted)
    assert answer == CapReached(TWICE_A_DAY, await sent_at(throttle, first) + timedelta(hours=24))


@pytest.mark.asyncio
async def test_a_cap_ends_with_its_window(harness: Harness) -> None:
    sent = claim_of(1)
    await harness.throttle().confirm(sent, uncertain=False)
    await harness.wait_until(await sent_at(harness.throttle(), sent) + timedelta(hours=BRIEF_CAP.hours))

    answer = await harness.throttle().reserve(claim_of(2), (BRIEF_CAP,))

    assert isinstance(answer, Granted)


# renew


@pytest.mark.asyncio
async def test_renewing_a_live_lease_extends_it(harness: Harness) -> None:
    claim = claim_of(1)
    first = granted(await harness.throttle().reserve(claim, ())).lease_until
    await harness.wait_until(first - timedelta(seconds=LEASE_SECONDS) + timedelta(milliseconds=5))

    until = await harness.throttle().renew(claim)

    assert until is not None
    assert until > first
    assert await harness.throttle().reserve(claim, ()) == Granted(until)


@pytest.mark.asyncio
async def test_a_lease_never_becomes_shorter(harness: Harness) -> None:
    claim = claim_of(1)
    first = granted(await harness.throttle().reserve(claim, ())).lease_until

    until = await harness.throttle(BRIEF_LEASE_SECONDS).renew(claim)

    assert until == first


@pytest.mark.asyncio
async def test_an_ended_lease_is_not_renewed(harness: Harness) -> None:
    claim = claim_of(1)
    await ended(harness, claim)

    assert await harness.throttle().renew(claim) is None


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "stranger",
    [claim_of(1, "worker-b", number=1), claim_of(1, "worker-a", number=2), claim_of(2, "worker-a", number=1)],
    ids=["another incarnation", "another number", "another position"],
)
async def test_a_strangers_lease_is_not_renewed(throttle: Throttle, stranger: Claim) -> None:
    await throttle.reserve(claim_of(1, "worker-a", number=1), ())

    assert await throttle.renew(stranger) is None


@pytest.mark.asyncio
async def test_a_confirmed_claim_is_not_renewed(throttle: Throttle) -> None:
    claim = claim_of(1)
    await throttle.reserve(claim, ())
    await throttle.confirm(claim, uncertain=False)

    assert await throttle.renew(claim) is None


@pytest.mark.asyncio
async def test_renewing_keeps_a_claim_taken_over(harness: Harness) -> None:
    await ended(harness, claim_of(1, "worker-a"))
    claim = claim_of(1, "worker-b")
    await harness.throttle().reserve(claim, ())

    await harness.throttle().renew(claim)

    assert granted(await harness.throttle().reserve(claim, ())).taken_over


# confirm


@pytest.mark.asyncio
async def test_confirming_frees_the_user_for_other_events(throttle: Throttle) -> None:
    claim = claim_of(1)
    await throttle.reserve(claim, (TWICE_A_DAY,))

    await throttle.confirm(claim, uncertain=False)

    assert isinstance(await throttle.reserve(claim_of(2), (TWICE_A_DAY,)), Granted)


@pytest.mark.asyncio
@pytest.mark.parametrize("uncertain", [False, True], ids=["sure", "uncertain"])
async def test_confirming_twice_charges_once_and_for_the_first_time(harness: Harness, *, uncertain: bool) -> None:
    claim, throttle = claim_of(1), harness.throttle()
    await throttle.confirm(claim, uncertain=uncertain)
    first = await sent_at(throttle, claim)
    await harness.wait_until(first + timedelta(milliseconds=2))

    await throttle.confirm(claim, uncertain=uncertain)

    assert await sent_at(throttle, claim) == first
    assert isinstance(await throttle.reserve(claim_of(2), (TWICE_A_DAY,)), Granted)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("first", "second", "uncertain"),
    [(True, False, False), (False, True, False), (True, True, True)],
    ids=["uncertain becomes sure", "sure stays sure", "uncertain stays uncertain"],
)
async def test_certainty_only_grows(throttle: Throttle, *, first: bool, second: bool, uncertain: bool) -> None:
    claim = claim_of(1)
    await throttle.confirm(claim, uncertain=first)

    await throttle.confirm(claim_of(1, "worker-b"), uncertain=second)

    answer = await throttle.reserve(claim, ())
    assert isinstance(answer, AlreadySent)
    assert answer.uncertain is uncertain


@pytest.mark.asyncio
async def test_an_uncertain_send_is_charged_from_the_end_of_its_lease(throttle: Throttle) -> None:
    """Until then a request that is still under way may be accepted: a cap counted from earlier would end too early."""
    claim = claim_of(1)
    until = granted(await throttle.reserve(claim, ())).lease_until

    await throttle.confirm(claim, uncertain=True)

    assert await sent_at(throttle, claim) == until


@pytest.mark.asyncio
async def test_a_certain_send_is_charged_from_when_it_is_known(throttle: Throttle) -> None:
    claim = claim_of(1)
    until = granted(await throttle.reserve(claim, ())).lease_until

    await throttle.confirm(claim, uncertain=False)

    assert await sent_at(throttle, claim) < until


@pytest.mark.asyncio
async def test_a_send_is_recorded_even_if_everything_was_forgotten(harness: Harness) -> None:
    claim = claim_of(1)
    await harness.throttle().reserve(claim, (DAILY,))
    await harness.flush()

    await harness.throttle().confirm(claim, uncertain=False)

    assert isinstance(await harness.throttle().reserve(claim_of(2), (DAILY,)), CapReached)
    assert isinstance(await harness.throttle().reserve(claim, (DAILY,)), AlreadySent)


@pytest.mark.asyncio
async def test_a_send_ends_anothers_claim_of_the_same_position(harness: Harness) -> None:
    sender, successor = claim_of(1, "worker-a"), claim_of(1, "worker-b")
    await ended(harness, sender)
    await harness.throttle().reserve(successor, ())

    await harness.throttle().confirm(sender, uncertain=False)

    assert await harness.throttle().renew(successor) is None
    assert isinstance(await harness.throttle().reserve(successor, ()), AlreadySent)


@pytest.mark.asyncio
async def test_a_send_leaves_the_claim_of_another_position_alone(harness: Harness) -> None:
    sender, other = claim_of(1), claim_of(2)
    await harness.throttle().reserve(sender, ())
    await harness.flush()
    await harness.throttle().reserve(other, ())

    await harness.throttle().confirm(sender, uncertain=False)

    assert await harness.throttle().renew(other) is not None


@pytest.mark.asyncio
async def test_a_send_after_the_lease_is_charged_once(harness: Harness) -> None:
    claim = claim_of(1)
    await ended(harness, claim)

    await harness.throttle().confirm(claim, uncertain=True)

    assert isinstance(await harness.throttle().reserve(claim_of(2), (TWICE_A_DAY,)), Granted)


# release


@pytest.mark.asyncio
async def test_releasing_takes_the_charge_back(throttle: Throttle) -> None:
    claim = claim_of(1)
    await throttle.reserve(claim, (DAILY,))

    assert await throttle.release(claim)

    assert isinstance(await throttle.reserve(claim_of(2), (DAILY,)), Granted)


@pytest.mark.asyncio
async def test_a_released_position_is_claimed_afresh_with_another_number(throttle: Throttle) -> None:
    claim = claim_of(1, number=1)
    await throttle.reserve(claim, (DAILY,))
    await throttle.release(claim)

    answer = granted(await throttle.reserve(claim_of(1, number=2), (DAILY,)))

    assert not answer.taken_over


@pytest.mark.asyncio
async def test_releasing_again_does_not_touch_the_next_claim(throttle: Throttle) -> None:
    former, present = claim_of(1, number=1), claim_of(1, number=2)
    await throttle.reserve(former, ())
    await throttle.release(former)
    await throttle.reserve(present, ())

    assert await throttle.release(former)

    assert await throttle.renew(present) is not None


@pytest.mark.asyncio
@pytest.mark.parametrize("reserved", [True, False], ids=["after its reserve", "overtaking its reserve"])
async def test_a_released_claim_never_holds_anything_again(throttle: Throttle, *, reserved: bool) -> None:
    claim = claim_of(1)
    if reserved:
        await throttle.reserve(claim, (DAILY,))
    await throttle.release(claim)

    assert await throttle.reserve(claim, (DAILY,)) == Outnumbered()

    assert isinstance(await throttle.reserve(claim_of(2), (DAILY,)), Granted)


@pytest.mark.asyncio
async def test_a_claim_released_before_it_came_never_takes_over(harness: Harness) -> None:
    late = claim_of(1, "worker-b")
    await ended(harness, claim_of(1, "worker-a"))
    await harness.throttle().release(late)

    assert await harness.throttle().reserve(late, (DAILY,)) == Outnumbered()

    assert granted(await harness.throttle().reserve(claim_of(1, "worker-c"), (DAILY,))).taken_over


@pytest.mark.asyncio
async def test_an_ended_lease_is_not_released(harness: Harness) -> None:
    claim = claim_of(1)
    await ended(harness, claim)

    assert not await harness.throttle().release(claim)

    assert isinstance(await harness.throttle().reserve(claim_of(2), (DAILY,)), CapReached)


@pytest.mark.asyncio
async def test_a_claim_taken_over_is_not_released(harness: Harness) -> None:
    await ended(harness, claim_of(1, "worker-a"))
    claim = claim_of(1, "worker-b")
    await harness.throttle().reserve(claim, ())

    assert not await harness.throttle().release(claim)

    assert await harness.throttle().renew(claim) is not None


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "stranger",
    [claim_of(1, "worker-b", number=1), claim_of(1, "worker-a", number=2), claim_of(2, "worker-a", number=1)],
    ids=["another incarnation", "another number", "another position"],
)
async def test_a_strangers_claim_is_not_released(throttle: Throttle, stranger: Claim) -> None:
    claim = claim_of(1, "worker-a", number=1)
    await throttle.reserve(claim, ())

    await throttle.release(stranger)

    assert await throttle.renew(claim) is not None


@pytest.mark.asyncio
async def test_a_send_is_not_released(throttle: Throttle) -> None:
    claim = claim_of(1)
    await throttle.reserve(claim, (DAILY,))
    await throttle.confirm(claim, uncertain=True)

    assert not await throttle.release(claim)

    assert isinstance(await throttle.reserve(claim_of(2), (DAILY,)), CapReached)


@pytest.mark.asyncio
async def test_a_lower_number_of_the_same_incarnation_is_outnumbered_and_no_other_one(throttle: Throttle) -> None:
    await throttle.release(claim_of(1, "worker-a", number=10))

    answers = [
        await throttle.reserve(claim_of(2, "worker-a", number=9), (DAILY,)),
        await throttle.reserve(claim_of(3, "worker-b", number=9), (DAILY,)),
    ]

    assert answers[0] == Outnumbered()
    assert isinstance(answers[1], Granted)


@pytest.mark.asyncio
async def test_a_higher_number_of_the_same_incarnation_is_granted(throttle: Throttle) -> None:
    await throttle.release(claim_of(1, "worker-a", number=9))

    assert isinstance(await throttle.reserve(claim_of(2, "worker-a", number=10), (DAILY,)), Granted)


@pytest.mark.asyncio
async def test_the_highest_number_stays_when_a_lower_one_is_released_later(throttle: Throttle) -> None:
    await throttle.release(claim_of(1, "worker-a", number=10))
    await throttle.release(claim_of(2, "worker-a", number=9))

    assert await throttle.reserve(claim_of(1, "worker-a", number=10), (DAILY,)) == Outnumbered()


@pytest.mark.asyncio
async def test_a_claim_that_is_held_stays_ours_when_a_higher_number_is_released(throttle: Throttle) -> None:
    """The answer to it was lost, and it is asked for again; another event was given back meanwhile."""
    held = claim_of(1, "worker-a", number=9)
    first = await throttle.reserve(held, (DAILY,))
    await throttle.release(claim_of(2, "worker-a", number=10))

    assert await throttle.reserve(held, (DAILY,)) == first
    assert await throttle.renew(held) is not None


@pytest.mark.asyncio
async def test_a_claim_is_given_back_after_a_higher_number(throttle: Throttle) -> None:
    held = claim_of(1, "worker-a", number=9)
    await throttle.reserve(held, (DAILY,))
    await throttle.release(claim_of(2, "worker-a", number=10))

    assert await throttle.release(held)

    assert isinstance(await throttle.reserve(claim_of(3, "worker-b"), (DAILY,)), Granted)


@pytest.mark.asyncio
async def test_an_ended_claim_stays_charged_after_a_higher_number_was_released(harness: Harness) -> None:
    claim = claim_of(1, "worker-a", number=9)
    await ended(harness, claim)
    await harness.throttle().release(claim_of(2, "worker-a", number=10))

    assert not await harness.throttle().release(claim)


@pytest.mark.asyncio
async def test_the_incarnations_of_an_hour_are_remembered_up_to_a_limit(throttle: Throttle) -> None:
    for start in range(MOST_RELEASED + 1):
        await throttle.release(claim_of(start, f"worker-{start}", number=1))

    answers = [
        await throttle.reserve(claim_of(50, "worker-1", number=1), (DAILY,)),
        await throttle.reserve(claim_of(51, f"worker-{MOST_RELEASED}", number=1), (DAILY,)),
        await throttle.reserve(claim_of(52, "worker-0", number=1), (DAILY,)),
    ]

    assert [type(answer) for answer in answers] == [Outnumbered, Outnumbered, Granted]


# look


@pytest.mark.asyncio
async def test_a_free_user_looks_free_and_stays_free(throttle: Throttle) -> None:
    assert await throttle.look(claim_of(1), (DAILY,)) == Free()

    assert isinstance(await throttle.reserve(claim_of(2), (DAILY,)), Granted)


@pytest.mark.asyncio
async def test_an_event_with_a_claim_or_a_send_at_its_position_is_known(harness: Harness) -> None:
    throttle, sent = harness.throttle(), claim_of(2)
    await ended(harness, claim_of(1))
    await throttle.confirm(sent, uncertain=True)
    await throttle.reserve(claim_of(3), ())

    views = [await throttle.look(claim_of(offset, "worker-b"), (DAILY,)) for offset in (1, 2, 3)]

    assert views == [Known()] * 3


@pytest.mark.asyncio
async def test_a_look_sees_what_reserve_would_meet(harness: Harness) -> None:
    throttle, sent = harness.throttle(), claim_of(1, event_id="e")
    await throttle.confirm(sent, uncertain=False)
    full_until = await sent_at(throttle, sent) + timedelta(hours=24)

    views = [await throttle.look(claim_of(2, event_id="e"), ()), await throttle.look(claim_of(2), (DAILY,))]
    until = granted(await throttle.reserve(claim_of(3), ())).lease_until

    assert views == [DuplicateOf(sent.position), CapReached(DAILY, full_until)]
    assert await throttle.look(claim_of(2), (DAILY,)) == Busy(until)


# charge_control: in place of a claim


@pytest.mark.asyncio
async def test_who_is_kept_back_is_charged_as_a_push_would_charge(throttle: Throttle) -> None:
    charged = await throttle.charge_control(claim_of(1), (DAILY,))

    assert isinstance(charged, Charged)
    until = charged.sent_at + timedelta(hours=24)
    assert await throttle.reserve(claim_of(2), (DAILY,)) == CapReached(DAILY, until)
    assert await throttle.charge_control(claim_of(2), (DAILY,)) == CapReached(DAILY, until)
    assert await throttle.look(claim_of(2), (DAILY,)) == CapReached(DAILY, until)


@pytest.mark.asyncio
async def test_a_charge_asked_twice_is_the_same_charge(throttle: Throttle) -> None:
    claim = claim_of(1)
    first = await throttle.charge_control(claim, (DAILY,))

    assert await throttle.charge_control(claim, (DAILY,)) == first


@pytest.mark.asyncio
async def test_its_event_hears_of_the_charge_as_control_whatever_it_asks_for(throttle: Throttle) -> None:
    charged = await throttle.charge_control(claim_of(1), ())
    assert isinstance(charged, Charged)
    told = AlreadySent(charged.sent_at, control=True)

    assert await throttle.look(claim_of(1, "worker-b"), (DAILY,)) == Known()
    assert await throttle.reserve(claim_of(1, "worker-b"), (DAILY,)) == told
    assert await throttle.charge_control(claim_of(1, "worker-b"), (DAILY,)) == told
    assert await throttle.release(claim_of(1, "worker-b")) is False
    assert await throttle.reserve(claim_of(2, event_id="event-1"), ()) == DuplicateOf(claim_of(1).position)


@pytest.mark.asyncio
async def test_a_full_cap_charges_nobody(throttle: Throttle) -> None:
    await throttle.confirm(claim_of(1), uncertain=False)

    assert isinstance(await throttle.charge_control(claim_of(2), (DAILY,)), CapReached)
    assert isinstance(await throttle.charge_control(claim_of(2), (TWICE_A_DAY,)), Charged)


@pytest.mark.asyncio
async def test_a_claim_at_the_position_stays_and_another_event_waits(throttle: Throttle) -> None:
    claim = claim_of(1)
    until = granted(await throttle.reserve(claim, ())).lease_until

    assert await throttle.charge_control(claim_of(1, "worker-b"), ()) == Known()
    assert await throttle.charge_control(claim_of(2), ()) == Busy(until)
    assert await throttle.renew(claim) is not None


@pytest.mark.asyncio
async def test_an_ended_claim_at_the_position_stays_its_owner_may_have_sent(harness: Harness) -> None:
    await ended(harness, claim_of(1, "worker-a"))
    throttle = harness.throttle()

    assert await throttle.charge_control(claim_of(1, "worker-b"), ()) == Known()
    assert granted(await throttle.reserve(claim_of(1, "worker-b"), ())).taken_over


@pytest.mark.asyncio
@pytest.mark.parametrize("uncertain", [False, True], ids=["sure", "uncertain"])
async def test_a_push_takes_the_place_of_a_charge_and_not_the_other_way_round(
    throttle: Throttle, *, uncertain: bool
) -> None:
    await throttle.charge_control(claim_of(1), ())
    await throttle.confirm(claim_of(1), uncertain=uncertain)

    answer = await throttle.charge_control(claim_of(1), ())

    assert isinstance(answer, AlreadySent)
    assert (answer.uncertain, answer.control) == (uncertain, False)


@pytest.mark.asyncio
async def test_a_user_who_is_erased_stays_charged_as_control(throttle: Throttle) -> None:
    charged = await throttle.charge_control(claim_of(1), ())
    assert isinstance(charged, Charged)

    assert await throttle.erase("u-1") is None

    assert isinstance(await throttle.reserve(claim_of(2), (DAILY,)), CapReached)
    assert await throttle.reserve(claim_of(1), (DAILY,)) == AlreadySent(charged.sent_at, control=True)
