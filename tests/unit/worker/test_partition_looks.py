"""All partitions, as Kafka says it: asked in the background, and shown as last known."""

import asyncio
from datetime import timedelta

import pytest

from saving_alerts.kafka.connection import KafkaFailedError
from saving_alerts.worker.partition_looks import LOOK_AGAIN, PartitionLooks, Place, Places
from tests.support.fakes.clock import FakeClock
from tests.support.until import until

pytestmark = pytest.mark.asyncio

PLACES: Places = {("saving-events", 0): Place(3, 7)}


class FakeKafka:
    """Answers once `answers` is set; then with `error`, if there is one."""

    def __init__(self) -> None:
        self.times = 0
        self.answers = asyncio.Event()
        self.error: Exception | None = None

    async def look(self) -> Places:
        self.times += 1
        await self.answers.wait()
        if self.error:
            raise self.error
        return PLACES


async def test_nobody_waits_for_kafka_and_it_is_asked_once() -> None:
    kafka, clock = FakeKafka(), FakeClock()
    looks = PartitionLooks(kafka.look, clock)
    for _ in range(20):
        looks.ask()
    await asyncio.sleep(0)
    assert (looks.places, kafka.times) == (None, 1)

    kafka.answers.set()
    await until(lambda: looks.places == PLACES)
    looks.ask()
    await asyncio.sleep(0)
    assert kafka.times == 1

    clock.advance(LOOK_AGAIN)
    looks.ask()
    await until(lambda: kafka.times == 2)
    await looks.close()


@pytest.mark.parametrize(
    ("error", "said"), [(KafkaFailedError("Kafka is away"), "Kafka is away"), (ValueError("odd"), "a fault of this")]
)
async def test_without_an_answer_the_last_one_stays_and_the_problem_is_named(error: Exception, said: str) -> None:
    kafka, clock = FakeKafka(), FakeClock()
    kafka.answers.set()
    looks = PartitionLooks(kafka.look, clock)
    looks.ask()
    await until(lambda: looks.places == PLACES)
    kafka.error = error
    clock.advance(timedelta(minutes=1))
    looks.ask()
    await until(lambda: looks.problem is not None)

    assert looks.places == PLACES
    assert said in str(looks.problem)

    kafka.error = None
    clock.advance(timedelta(minutes=1))
    looks.ask()
    await until(lambda: looks.problem is None)
