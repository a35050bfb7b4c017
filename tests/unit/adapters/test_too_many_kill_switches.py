"""Too many switches stop everything, as long as they stand at the end of the topic; and looking again costs little."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import cast

import pytest
from aiokafka import AIOKafkaConsumer

from saving_alerts.adapters.kill_switch_topic import READ_AGAIN_SECONDS, KillSwitchTopic, switches_now
from saving_alerts.adapters.last_records import MAX_STANDING
from saving_alerts.adapters.standing_switches import MAX_BYTES
from saving_alerts.domain.kill_switches import KEY_OF_ALL
from tests.support.fakes.kafka_consumer import FakeTopic
from tests.support.simulated_time import run_simulated

LONG = 1024 * 1024  # bytes of a key
TOO_MANY = MAX_BYTES // LONG + 4


def key_at(number: int) -> bytes:
    return b"merchant:%d-" % number + b"x" * LONG


def stops_of(numbers: Iterable[int]) -> set[str]:
    return {key_at(number).decode() for number in numbers}


def write(topic: FakeTopic, numbers: Iterable[int], value: bytes | None = b"?") -> None:
    for number in numbers:
        topic.write(key_at(number), value)


@pytest.fixture
def topic() -> FakeTopic:
    topic = FakeTopic()
    write(topic, range(TOO_MANY))
    return topic


@asynccontextmanager
async def follower(topic: FakeTopic) -> AsyncIterator[KillSwitchTopic]:
    service = KillSwitchTopic(lambda: cast("AIOKafkaConsumer", topic.consumer()), topic.name)
    await service.start()
    try:
        yield service
    finally:
        await service.stop()


def test_what_was_lifted_before_the_end_stops_nothing(topic: FakeTopic) -> None:
    """Also where Kafka has not compacted the topic yet: what passed was too much, what stands is not."""
    write(topic, range(TOO_MANY - 3), None)

    async def started() -> None:
        async with follower(topic) as followed:
            assert {*followed.switches} == stops_of(range(TOO_MANY - 3, TOO_MANY))
            assert followed.next_offset == len(topic.records)

    run_simulated(started())


def test_when_enough_are_lifted_the_others_are_known(topic: FakeTopic) -> None:
    """What had no room was not kept: only the topic knows it."""

    async def lifted() -> None:
        async with follower(topic) as followed:
            stopped = KEY_OF_ALL in followed.switches
            write(topic, range(8), None)
            await asyncio.sleep(READ_AGAIN_SECONDS + 2)

            assert stopped
            assert {*followed.switches} == stops_of(range(8, TOO_MANY))

    run_simulated(lifted())


def test_what_does_not_fit_after_it_was_lifted_is_not_read_again(topic: FakeTopic) -> None:
    async def lifted() -> None:
        async with follower(topic) as followed:
            write(topic, [0], None)
            await asyncio.sleep(10 * READ_AGAIN_SECONDS)

            assert KEY_OF_ALL in followed.switches
            assert topic.connected == 1

    run_simulated(lifted())


def test_between_two_readings_is_a_pause_in_which_the_topic_is_followed(topic: FakeTopic) -> None:
    """Where count was lost, only another reading tells whether the topic was compacted meanwhile."""
    topic.per_fetch = 1_000
    for number in range(MAX_STANDING):
        topic.write(b"%d" % number, b"?")

    async def followed_for_a_while() -> None:
        async with follower(topic) as followed:
            write(topic, range(TOO_MANY), None)
            await asyncio.sleep(READ_AGAIN_SECONDS / 2)
            read_to, connected = followed.next_offset, topic.connected
            await asyncio.sleep(READ_AGAIN_SECONDS)

            assert (read_to, connected) == (len(topic.records), 1)
            assert topic.connected == 2

    run_simulated(followed_for_a_while())


def test_a_command_judges_by_the_end_as_well(topic: FakeTopic) -> None:
    write(topic, range(8), None)

    read = run_simulated(switches_now(lambda: cast("AIOKafkaConsumer", topic.consumer()), topic.name))

    assert read.rest is None
    assert len(read.listed) == TOO_MANY - 8


def test_a_command_lists_what_stands_where_it_is_still_too_much(topic: FakeTopic) -> None:
    """Not what passed: else nobody could lift the rest by its names."""
    write(topic, range(TOO_MANY, 2 * TOO_MANY))
    write(topic, range(TOO_MANY), None)

    read = run_simulated(switches_now(lambda: cast("AIOKafkaConsumer", topic.consumer()), topic.name))

    assert read.rest is not None
    assert len(read.by_key) == MAX_BYTES // LONG - 1
