"""The Table after an erasure: every send counts as before and is found by its event, and nobody is named."""

from datetime import timedelta

import msgspec
import pytest
from aiokafka.errors import KafkaTimeoutError

from saving_alerts.domain.caps import Cap, CapPer, blocking_cap
from saving_alerts.domain.erasures import EventAt, Tokens
from saving_alerts.domain.push_sends import PushSend, of_event, of_position
from saving_alerts.kafka.push_send_rows import ROW_VALUE, user_and_row
from saving_alerts.worker.erased_sends import event_at
from saving_alerts.worker.push_sends_table import UnreadableSendsError
from tests.unit.worker.test_push_sends_table import SPOILED, Sent, World, _change, of_user, sent

pytestmark = pytest.mark.asyncio

TOKENS = Tokens("a secret of the tests, of 32 letters")
USER = "user-to-forget"
NUMBER = of_user(USER)
DAILY = Cap(CapPer.USER, 1, 24)
TWICE_A_DAY = Cap(CapPer.USER, 2, 24)
OF_THE_MERCHANT = Cap(CapPer.USER_AND_MERCHANT, 1, 24)


@pytest.fixture
def world() -> World:
    return World(tokens=TOKENS)


async def erase(world: World) -> None:
    await world.table.remove(NUMBER, await world.table.keep_under_token(USER, NUMBER))


def at(offset: int, merchant_id: str = "m-1") -> EventAt:
    return event_at(sent(offset, World().clock))._replace(merchant_id=merchant_id)


def is_blocked(world: World, cap: Cap, event: EventAt) -> bool:
    sends = world.table.of(USER, event)
    return blocking_cap((cap,), sends, event.merchant_id, world.clock.now()) is not None


def after_recovery(world: World) -> World:
    again = World(world.kafka, TOKENS)
    again.recover(*world.kafka.compacted(NUMBER))
    return again


async def test_what_was_sent_counts_as_before_also_after_a_recovery(world: World) -> None:
    await world.record(USER, 1)

    await erase(world)

    for table in (world, after_recovery(world)):
        assert is_blocked(table, DAILY, at(2))
        assert not is_blocked(table, TWICE_A_DAY, at(2))
        assert is_blocked(table, OF_THE_MERCHANT, at(2))
        assert not is_blocked(table, OF_THE_MERCHANT, at(2, "m-2"))


async def test_the_event_finds_its_own_send_and_so_does_its_double_at_another_position(world: World) -> None:
    await world.record(USER, 1, uncertain=True)
    await erase(world)
    own, elsewhere = at(1), EventAt(at(2).position, "event-1", "m-1")

    found = of_position(world.table.of(USER, own), own.position, own.event_id)
    double = of_event(world.table.of(USER, elsewhere), "event-1")

    assert found == sent(1, world.clock, uncertain=True)
    assert double is not None
    assert double.position.topic.startswith("erased:")
    assert of_event(world.table.of(USER, at(3)), "event-1") is None


async def test_what_was_charged_as_control_is_found_as_such(world: World) -> None:
    charged = msgspec.structs.replace(sent(1, world.clock), control=True)
    await world.record_send(USER, charged)
    await erase(world)

    for table in (world, after_recovery(world)):
        assert of_position(table.table.of(USER, at(1)), at(1).position, "event-1") == charged


async def test_nothing_that_compaction_leaves_names_the_user_or_what_they_were_sent(world: World) -> None:
    await world.record(USER, 1)
    await erase(world)

    left = world.kafka.compacted(NUMBER)

    assert len(left) == 1
    for text in (USER, "event-1", "m-1", "saving-events"):
        assert text.encode() not in left[0].key
    assert left[0].value == ROW_VALUE


async def test_tokens_are_written_before_the_first_tombstone(world: World) -> None:
    await world.record(USER, 1)
    await world.record(USER, 2)
    before = len(world.kafka.changes)

    keys = await world.table.keep_under_token(USER, NUMBER)
    tokens = world.kafka.changes[before:]
    await world.table.remove(NUMBER, keys)

    assert [value for _, _, value in tokens] == [ROW_VALUE] * 2
    assert {user_and_row(key)[0] for _, key, _ in tokens} == {f"erased:{TOKENS.of_user(USER)}".encode()}
    assert world.kafka.gone == [(NUMBER, USER.encode())] * 2


async def test_between_tokens_and_tombstones_nothing_counts_twice(world: World) -> None:
    await world.record(USER, 1)
    await world.table.keep_under_token(USER, NUMBER)

    for table in (world, after_recovery(world)):
        assert not is_blocked(table, TWICE_A_DAY, at(2))
        assert is_blocked(table, DAILY, at(2))


async def test_an_erasure_can_be_repeated_at_any_step(world: World) -> None:
    await world.record(USER, 1)
    await world.table.keep_under_token(USER, NUMBER)
    again = after_recovery(world)
    await erase(again)
    await erase(again)

    assert len(again.kafka.compacted(NUMBER)) == 1


async def test_what_kafka_did_not_take_is_written_again(world: World) -> None:
    await world.record(USER, 1)
    refused = [Sent(NUMBER), Sent(NUMBER)]
    for answer in refused:
        answer.set_exception(KafkaTimeoutError())
    keys = await world.table.keep_under_token(USER, NUMBER)
    world.kafka.answers = refused

    await world.table.remove(NUMBER, keys)

    assert world.kafka.gone == [(NUMBER, USER.encode())] * 3


async def test_what_is_sent_afterwards_counts_with_it(world: World) -> None:
    await world.record(USER, 1)
    await erase(world)
    await world.record(USER, 2)

    assert is_blocked(world, TWICE_A_DAY, at(3))
    await erase(world)
    assert is_blocked(after_recovery(world), TWICE_A_DAY, at(3))


async def test_an_event_that_comes_again_does_not_bring_its_user_back(world: World) -> None:
    await world.record(USER, 1)
    await erase(world)
    await world.record(USER, 1)

    left = world.kafka.compacted(NUMBER)
    assert len(left) == 1
    assert USER.encode() not in left[0].key


async def test_a_send_that_turns_out_to_be_certain_is_certain(world: World) -> None:
    await world.record(USER, 1, uncertain=True)
    await erase(world)
    await world.record(USER, 1)

    (send,) = after_recovery(world).table.of(USER, at(1))
    assert not send.uncertain


async def test_the_list_of_a_former_release_is_erased_as_well(world: World) -> None:
    world.recover(_change(NUMBER, 0, USER.encode(), msgspec.json.encode([sent(n, world.clock) for n in range(2)])))

    await erase(world)

    assert is_blocked(world, TWICE_A_DAY, at(3))
    assert (NUMBER, USER.encode(), None) in world.kafka.changes
    assert world.table.of("another", at(3)) == ()


@pytest.mark.parametrize(("key", "value"), SPOILED.values(), ids=SPOILED)
async def test_what_nobody_could_read_is_gone_and_refuses_as_before(world: World, key: bytes, value: bytes) -> None:
    world.recover(_change(NUMBER, 0, key.replace(b"u-spoiled", USER.encode()), value))

    await erase(world)

    for table in (world, after_recovery(world)):
        with pytest.raises(UnreadableSendsError):
            table.table.of(USER, at(1))
    assert not any(USER.encode() in record.key for record in world.kafka.compacted(NUMBER))


@pytest.mark.parametrize(
    "row",
    [b'["t",0,1,"e","m",1,false]', b'["erased",0,0,"a.b","",1,false]', b"?"],
    ids=["in the clear", "two", "no row"],
)
async def test_a_row_under_a_token_that_is_none_of_ours_refuses_its_user_only(world: World, row: bytes) -> None:
    world.recover(_change(NUMBER, 0, f"erased:{TOKENS.of_user(USER)}".encode() + b"\xff" + row, ROW_VALUE))

    with pytest.raises(UnreadableSendsError):
        world.table.of(USER, at(1))
    assert world.table.of("another", at(1)) == ()


async def test_what_is_too_old_goes_as_ever(world: World) -> None:
    await world.record(USER, 1)
    await erase(world)
    world.clock.set(world.clock.now() + timedelta(hours=170))
    await world.record(USER, 2)

    assert len(world.table.of(USER, at(3))) == 1
    assert len(world.kafka.compacted(NUMBER)) == 1


async def test_under_another_secret_nothing_is_found(world: World) -> None:
    await world.record(USER, 1)
    await erase(world)
    other = World(world.kafka, Tokens("another secret of the tests, also 32"))
    other.recover(*world.kafka.compacted(NUMBER))

    found: tuple[PushSend, ...] = other.table.of(USER, at(2))

    assert found == ()
