"""Who follows the topic is ended by nothing that stands there, and never takes off what nobody turned off."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import cast

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaConnectionError, OffsetOutOfRangeError

from saving_alerts.adapters.kill_switch_topic import KillSwitchTopic, consumer_of, switches_now
from saving_alerts.kafka.connection import KafkaFailedError
from saving_alerts.settings import example_settings
from tests.support.fakes.kafka_consumer import FakeTopic
from tests.unit.adapters.test_standing_switches import OF_A_NEWER_RELEASE, ON

pytestmark = pytest.mark.asyncio

WAIT_SECONDS = 10
HOSTILE = [b"\xff", b'{"z":' + b"[" * 20_000 + b"]" * 20_000 + b"}", b"", b"null", OF_A_NEWER_RELEASE]


@pytest.fixture
def topic() -> FakeTopic:
    return FakeTopic()


@pytest_asyncio.fixture
async def followed(topic: FakeTopic) -> AsyncIterator[KillSwitchTopic]:
    """Not started yet."""
    service = follower(topic)
    yield service
    await service.stop()


def follower(topic: FakeTopic) -> KillSwitchTopic:
    return KillSwitchTopic(lambda: cast("AIOKafkaConsumer", topic.consumer()), topic.name)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not condition():  # noqa: ASYNC110 - nobody tells when a record was read
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("value", HOSTILE, ids=["no UTF-8", "deep", "empty", "null", "of a newer release"])
async def test_a_record_that_is_no_switch_ends_nobody(
    topic: FakeTopic, followed: KillSwitchTopic, value: bytes
) -> None:
    topic.write(b"all", value)
    await followed.start()
    topic.write(b"\xff", value)
    await until(lambda: followed.next_offset == 2)

    assert not followed.crashed
    assert "all" in followed.switches
    assert len(followed.listed) == 2


async def test_it_is_lifted_by_its_tombstone(topic: FakeTopic, followed: KillSwitchTopic) -> None:
    topic.write(b"all", b"\xff")
    await followed.start()
    topic.write(b"all", None)
    await until(lambda: followed.next_offset == 2)

    assert followed.switches == {}


async def test_whatever_goes_wrong_it_reads_on(topic: FakeTopic, followed: KillSwitchTopic) -> None:
    topic.write(b"all", ON)
    await followed.start()
    for error in (KafkaConnectionError("gone"), ValueError("a batch that nobody can unpack")):
        topic.fail(error)
        await until(lambda: followed.problem is not None)
        assert "all" in followed.switches
        await until(lambda: followed.problem is None)

    assert not followed.crashed
    assert topic.connected == 3


async def test_nothing_is_off_while_the_topic_is_read_again(topic: FakeTopic, followed: KillSwitchTopic) -> None:
    for value in (ON, None, ON):
        topic.write(b"all", value)
    await followed.start()
    seen: list[tuple[bool, int | None]] = []

    def watch() -> bool:
        seen.append(("all" in followed.switches, followed.next_offset))
        return topic.connected == 2 and followed.problem is None

    topic.fail(KafkaConnectionError("gone"))
    await until(lambda: followed.problem is not None)
    await until(watch)

    assert set(seen) == {(True, 3)}


async def test_a_topic_that_was_made_anew_is_read_anew(topic: FakeTopic, followed: KillSwitchTopic) -> None:
    topic.write(b"all", ON)
    topic.write(b"rule:r-1", b"?")
    await followed.start()
    topic.make_anew()
    topic.fail(OffsetOutOfRangeError())
    await until(lambda: followed.next_offset == 0)

    assert followed.switches == {}


async def test_the_consumer_fails_where_its_offset_is_gone_and_skips_nothing() -> None:
    consumer = consumer_of(example_settings().kafka)
    await consumer.stop()

    assert consumer._auto_offset_reset == "none"
    assert consumer._group_id is None


async def test_before_everything_was_read_nothing_is_confirmed(topic: FakeTopic, followed: KillSwitchTopic) -> None:
    topic.gone = True
    starting = asyncio.ensure_future(followed.start())
    await until(lambda: followed.problem is not None)

    assert followed.next_offset is None
    topic.gone = False
    await starting
    assert followed.next_offset == 0


async def test_every_change_is_told_once(
    topic: FakeTopic, followed: KillSwitchTopic, caplog: pytest.LogCaptureFixture
) -> None:
    topic.write(b"all", ON)
    await followed.start()
    topic.fail(KafkaConnectionError("gone"))
    await until(lambda: topic.connected == 2 and followed.problem is None)
    topic.write(b"all", None)
    await until(lambda: followed.next_offset == 2)

    logged = [message for message in caplog.messages if message.startswith("kill switch o")]
    assert logged == ["kill switch on: all since 2026-11-23 10:00:00 by b: r", "kill switch off: all"]


async def test_a_command_reads_what_stands_there(topic: FakeTopic) -> None:
    topic.write(b"all", b"\xff")

    read = await switches_now(lambda: cast("AIOKafkaConsumer", topic.consumer()), topic.name)

    assert [switch.name for switch in read.listed] == ["all"]


@pytest.mark.parametrize("error", [KafkaConnectionError("gone"), ValueError("cannot be unpacked")])
async def test_a_command_that_cannot_read_says_so(topic: FakeTopic, error: Exception) -> None:
    topic.write(b"all", ON)
    topic.fail(error)

    with pytest.raises(KafkaFailedError, match="a-topic cannot be read: "):
        await switches_now(lambda: cast("AIOKafkaConsumer", topic.consumer()), topic.name)
