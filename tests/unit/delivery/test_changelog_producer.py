"""A record of the changelog that cannot be sent is told to whoever waits for it, and ends nothing."""

import asyncio
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import faust
import pytest
from aiokafka.errors import KafkaError, KafkaTimeoutError, UnknownTopicOrPartitionError
from faust.exceptions import ProducerSendError
from faust.types import FutureMessage

from saving_alerts.app import SavingAlertsApp
from saving_alerts.delivery.changelog_producer import ChangelogBuffer, ChangelogProducer
from saving_alerts.delivery.consumer import BatchTransport
from saving_alerts.kafka.last_commit import LAST_FLUSH_SECONDS
from tests.support.simulated_time import run_simulated

WAIT_SECONDS = 5


class Topic:
    """Gives up on what it is told to `refuse`, as the driver does after its request timeout; else it is sent."""

    def __init__(self) -> None:
        self.refuse: list[KafkaError] = []

    async def publish_message(self, record: FutureMessage, *, wait: bool) -> None:
        assert not wait
        if self.refuse:
            error = self.refuse.pop(0)
            raise ProducerSendError("Error while sending") from error
        record.set_result(cast("Any", "sent"))


def record(topic: Topic) -> FutureMessage:
    return FutureMessage(cast("Any", SimpleNamespace(channel=topic)))


@pytest.mark.asyncio
@pytest.mark.parametrize("error", [UnknownTopicOrPartitionError(), KafkaTimeoutError()], ids=["no metadata", "no room"])
async def test_a_record_that_the_driver_gave_up_on_is_told_and_the_next_one_is_sent(error: KafkaError) -> None:
    topic, buffer = Topic(), ChangelogBuffer()
    buffer.app = cast("Any", SimpleNamespace(conf=SimpleNamespace(producer_threaded=False)))
    topic.refuse = [error]
    first, second = record(topic), record(topic)

    async with buffer:
        buffer.put(first)
        with pytest.raises(KafkaError) as raised:
            await asyncio.wait_for(first, WAIT_SECONDS)
        buffer.put(second)
        sent = await asyncio.wait_for(second, WAIT_SECONDS)

    assert raised.value is error
    assert cast("Any", sent) == "sent"
    assert not buffer.crashed


@pytest.mark.asyncio
async def test_one_that_nobody_waits_for_any_more_ends_nothing_either() -> None:
    topic, buffer = Topic(), ChangelogBuffer()
    buffer.app = cast("Any", SimpleNamespace(conf=SimpleNamespace(producer_threaded=False)))
    topic.refuse = [KafkaTimeoutError()]
    abandoned, second = record(topic), record(topic)
    abandoned.cancel()

    async with buffer:
        buffer.put(abandoned)
        buffer.put(second)
        await asyncio.wait_for(second, WAIT_SECONDS)

    assert not buffer.crashed


class Driver:
    """Sends nothing until `is_there` is set."""

    def __init__(self) -> None:
        self.is_there = asyncio.Event()
        self.flushed = 0

    async def flush(self) -> None:
        await self.is_there.wait()
        self.flushed += 1


def flushed_without_a_broker() -> tuple[float, int, int]:
    """How long the flush of a revoke takes, and how often the driver had flushed then, and in the end."""

    async def story() -> tuple[float, int, int]:
        app = faust.App("changelog", broker="kafka://127.0.0.1:1")
        producer = cast("Any", BatchTransport(app.conf.broker_producer, app).create_producer())
        producer._producer = driver = Driver()
        revoke = partial(SavingAlertsApp._producer_flush, cast("Any", SimpleNamespace(_producer=producer)), None)
        time, began = asyncio.get_running_loop().time, asyncio.get_running_loop().time()
        await revoke()
        seconds, at_first = time() - began, driver.flushed
        driver.is_there.set()
        await revoke()
        return seconds, at_first, driver.flushed

    return run_simulated(story())


def test_a_rebalance_does_not_wait_for_a_changelog_whose_broker_is_down() -> None:
    assert flushed_without_a_broker() == (LAST_FLUSH_SECONDS, 0, 1)


@pytest.mark.asyncio
async def test_a_worker_writes_its_changelog_with_it() -> None:
    app = faust.App("changelog", broker="kafka://127.0.0.1:1")
    transport = BatchTransport(app.conf.broker_producer, app)

    producer = transport.create_producer()

    assert isinstance(producer, ChangelogProducer)
    assert isinstance(producer.buffer, ChangelogBuffer)
    assert producer.buffer.app is app
