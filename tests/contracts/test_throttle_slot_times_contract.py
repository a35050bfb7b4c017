"""What `reserve` promises of events of one slot that were never gathered together: by the times of the events alone."""

from datetime import timedelta

import msgspec
import pytest
from msgspec.structs import replace
from redis import asyncio as aioredis

from saving_alerts.domain.caps import Cap, CapPer
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.ports.throttle import AlreadySent, CapReached, Charged, Claim, Free, Granted, Outbid, Throttle
from tests.contracts.test_throttle_slots_contract import CAPS, KEY, client, harness, servers, stored, throttle
from tests.contracts.throttle_harness import (
    DAILY,
    EVENTS_BEGAN,
    Harness,
    RealHarness,
    claim_of,
    ended,
    granted,
    slot_times,
)

__all__ = ["client", "harness", "servers", "throttle"]  # fixtures

AT = 9  # seconds at which the winner's event was received, of a slot that begins at 0 and ends at 10
WINNER = claim_of(1, slot_times=slot_times(AT, 0))
WIDE = (Cap(CapPer.USER, 9, 24),)
BY_WINNER = Outbid("event-1", WINNER.position)


def later(offset: int, at: float) -> Claim:
    """Of an event that was gathered alone."""
    return claim_of(offset, slot_times=slot_times(at))


async def send(throttle: Throttle, claim: Claim, *, uncertain: bool = False) -> None:
    granted(await throttle.reserve(claim, CAPS))
    await throttle.confirm(claim, uncertain=uncertain)


@pytest.mark.asyncio
@pytest.mark.parametrize("uncertain", [False, True], ids=["sure", "uncertain"])
@pytest.mark.parametrize("at", [0, 5, 9.999, -9.999], ids=["its beginning", "within", "its end", "it began in the own"])
async def test_one_of_the_slot_that_was_gathered_elsewhere_is_outbid(
    throttle: Throttle, at: float, *, uncertain: bool
) -> None:
    await send(throttle, WINNER, uncertain=uncertain)

    assert await throttle.look(later(2, at), CAPS) == BY_WINNER
    assert await throttle.reserve(later(2, at), CAPS) == BY_WINNER
    assert await throttle.charge_control(later(2, at), CAPS) == BY_WINNER
    assert await throttle.reserve(later(2, at), (DAILY,)) == BY_WINNER


@pytest.mark.asyncio
@pytest.mark.parametrize("at", [10, 10.001, 18.999, -10, -60], ids=str)
async def test_one_of_the_slot_before_or_behind_it_is_not(throttle: Throttle, at: float) -> None:
    """The slot lasts from its first event, and not from the winner."""
    await send(throttle, WINNER)

    assert await throttle.look(later(2, at), CAPS) == Free()
    assert isinstance(await throttle.reserve(later(2, at), CAPS), Granted)


@pytest.mark.asyncio
async def test_a_slot_of_before_ends_when_the_rules_of_then_said(throttle: Throttle) -> None:
    await send(throttle, claim_of(1, slot_times=slot_times(0, lasts=30)))

    assert isinstance(await throttle.look(claim_of(2, slot_times=slot_times(29, lasts=1)), CAPS), Outbid)
    assert await throttle.look(claim_of(2, slot_times=slot_times(30, lasts=1)), CAPS) == Free()
    assert await throttle.look(claim_of(2, slot_times=slot_times(-1, lasts=1)), CAPS) == Free()


@pytest.mark.asyncio
async def test_what_lies_in_a_charged_slot_begins_none(throttle: Throttle) -> None:
    """It was gathered with the winner of the next one, too late for its own."""
    await send(throttle, WINNER)
    await send(throttle, claim_of(2, slot_times=slot_times(12, 9.5)))

    assert isinstance(await throttle.look(later(3, 21.999), WIDE), Outbid)
    assert await throttle.look(later(3, 22), WIDE) == Free()


@pytest.mark.asyncio
async def test_of_slots_that_were_gathered_together_the_winner_has_its_own(throttle: Throttle) -> None:
    await send(throttle, claim_of(1, slot_times=slot_times(42, 0)))

    assert await throttle.look(later(2, 5), CAPS) == Free()
    assert isinstance(await throttle.look(later(2, 51.999), CAPS), Outbid)
    assert await throttle.look(later(2, 52), CAPS) == Free()


@pytest.mark.asyncio
async def test_a_slot_ends_before_a_deadline_in_it(throttle: Throttle) -> None:
    at, limit = (EVENTS_BEGAN + timedelta(seconds=each) for each in (0, 3))
    times = slot_times(0, 2)
    short = replace(times, members=((at, limit), times.members[1]))
    await send(throttle, claim_of(1, slot_times=short))

    assert isinstance(await throttle.look(later(2, 2.999), CAPS), Outbid)
    assert await throttle.look(later(2, 3), CAPS) == Free()


@pytest.mark.asyncio
async def test_where_nothing_is_gathered_no_time_is_compared(throttle: Throttle) -> None:
    await send(throttle, WINNER)
    await send(throttle, claim_of(2))

    assert isinstance(await throttle.look(claim_of(3), CAPS), CapReached)
    assert isinstance(await throttle.look(later(4, 20), CAPS), CapReached)


@pytest.mark.asyncio
async def test_a_charge_that_does_not_say_when_its_slot_was_outbids_who_names_it_alone(throttle: Throttle) -> None:
    """As former releases write it, and a refill."""
    await send(throttle, claim_of(1))

    assert await throttle.look(later(2, 0), CAPS) == Free()
    named = claim_of(3, slot=("event-1",), slot_times=slot_times(0))
    assert isinstance(await throttle.look(named, CAPS), Outbid)


@pytest.mark.asyncio
async def test_a_claim_whose_worker_died_has_the_slot(harness: Harness) -> None:
    dead = claim_of(1, "a-dead-worker", slot_times=slot_times(3))
    await ended(harness, dead, CAPS)

    throttle = harness.throttle()
    assert await throttle.reserve(later(2, 5), CAPS) == Outbid("event-1", dead.position)
    granted(await throttle.reserve(claim_of(1, "worker-b", slot_times=slot_times(3)), CAPS))


@pytest.mark.asyncio
@pytest.mark.parametrize("first", [True, False], ids=["of the dead", "of the next"])
async def test_one_that_is_taken_over_has_the_slot_that_began_first(harness: Harness, *, first: bool) -> None:
    """Who gathered more knew better where the slot began."""
    alone, gathered = slot_times(AT), slot_times(AT, 0)
    await ended(harness, claim_of(1, "a-dead-worker", slot_times=gathered if first else alone), CAPS)
    again = claim_of(1, "worker-b", slot_times=alone if first else gathered)
    throttle = harness.throttle()
    await send(throttle, again)

    assert await throttle.look(later(2, 0), CAPS) == Outbid("event-1", again.position)
    assert await throttle.look(later(2, 12), CAPS) == Free()


@pytest.mark.asyncio
async def test_a_charge_as_control_has_the_slot_and_what_is_pushed_in_its_place_too(throttle: Throttle) -> None:
    assert isinstance(await throttle.charge_control(WINNER, CAPS), Charged)
    assert await throttle.reserve(later(2, 5), CAPS) == BY_WINNER

    await throttle.confirm(claim_of(1, "worker-b"), uncertain=True)

    assert await throttle.reserve(later(2, 5), CAPS) == BY_WINNER


@pytest.mark.asyncio
async def test_a_send_of_which_redis_knew_nothing_has_the_slot(throttle: Throttle) -> None:
    await throttle.confirm(WINNER, uncertain=True)

    assert await throttle.reserve(later(2, 5), CAPS) == BY_WINNER


@pytest.mark.asyncio
async def test_what_went_back_has_no_slot(throttle: Throttle) -> None:
    granted(await throttle.reserve(WINNER, CAPS))
    assert await throttle.release(WINNER)

    assert isinstance(await throttle.reserve(later(2, 5), CAPS), Granted)


@pytest.mark.asyncio
async def test_both_that_were_pushed_before_are_told_so(throttle: Throttle) -> None:
    """By a former release."""
    for offset in (1, 2):
        await throttle.confirm(later(offset, offset), uncertain=False)

    assert isinstance(await throttle.reserve(later(2, 2), CAPS), AlreadySent)


@pytest.mark.asyncio
async def test_an_erasure_keeps_the_slot(harness: Harness) -> None:
    throttle = harness.throttle()
    await ended(harness, WINNER, CAPS)
    assert await throttle.erase("u-1") is None

    assert await throttle.reserve(later(2, 5), CAPS) == Outbid(None, None)
    granted(await throttle.reserve(claim_of(1, "worker-b", slot_times=slot_times(AT)), CAPS))
    await throttle.confirm(claim_of(1, "worker-b"), uncertain=False)
    assert await throttle.reserve(later(2, 5), CAPS) == BY_WINNER
    assert await throttle.look(later(3, 12), CAPS) == Free()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "times",
    [{"slot_began": "1"}, {"slot_began": 1}, {"slot_ends": 1}, {"slot_began": 1, "slot_ends": None}, {"slot_ends": []}],
    ids=str,
)
async def test_times_that_nobody_of_us_wrote_stop_their_user_alone(
    client: aioredis.Redis,
    times: dict[str, object],
) -> None:
    throttle = RealHarness(client).throttle()
    await throttle.confirm(claim_of(1), uncertain=False)
    value = msgspec.json.decode(await stored(client, KEY))
    value["entries"][0] |= times
    await client.set(KEY, msgspec.json.encode(value))

    with pytest.raises(UnavailableError, match=KEY):
        await throttle.reserve(later(2, 0), CAPS)
    assert isinstance(await throttle.reserve(claim_of(2, user_id="u-2"), CAPS), Granted)


@pytest.mark.asyncio
async def test_a_value_says_when_the_slot_was_only_where_the_claim_does(client: aioredis.Redis) -> None:
    throttle = RealHarness(client).throttle()
    await throttle.confirm(claim_of(1), uncertain=False)
    await send(throttle, claim_of(2, slot_times=slot_times(AT, 0)))

    entries = msgspec.json.decode(await stored(client, KEY))["entries"]

    assert [entry.get("slot_ends", 0) - entry.get("slot_began", 0) for entry in entries] == [0, 10_000]
