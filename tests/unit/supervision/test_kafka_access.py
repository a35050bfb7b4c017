"""The watch over our access to Kafka: what is wrong is shown until it is mended, and never ends a worker."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import chain, repeat

import pytest

from saving_alerts.kafka.connection import KafkaFailedError
from saving_alerts.supervision.kafka_access import KafkaAccess
from tests.support.fakes.clock import START, FakeClock

pytestmark = pytest.mark.asyncio


class Looks:
    """What Kafka answers, look by look; the last answer is given for ever. An error is raised."""

    def __init__(self, *answers: str | Exception | None) -> None:
        self._answers: Iterator[str | Exception | None] = chain(answers, repeat(answers[-1]))

    async def look(self) -> str | None:
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def problems(looks: Looks, until: Callable[[list[str | None]], bool]) -> list[str | None]:
    """What is shown, without repetitions, until that is so."""
    shown: list[str | None] = []
    access = KafkaAccess(looks.look, look_seconds=0)
    async with access, asyncio.timeout(5):
        while not until(shown):
            if not shown or shown[-1] != access.problem:
                shown.append(access.problem)
            await asyncio.sleep(0)
    return shown


async def test_what_is_missing_is_shown_until_it_is_there() -> None:
    shown = await problems(Looks(None, None, "Write on topic t", None), lambda shown: len(shown) == 3)

    assert shown == [None, "Write on topic t", None]


async def test_a_kafka_that_refuses_is_shown_and_ends_nothing() -> None:
    shown = await problems(Looks(KafkaFailedError("it refuses our login"), None), lambda shown: len(shown) >= 2)

    assert "it refuses our login" in shown
    assert shown[-1] in (None, "it refuses our login")


async def test_a_problem_is_as_old_as_the_beginning_of_the_look_that_found_it() -> None:
    clock, refused = FakeClock(), asyncio.Event()

    async def look() -> str | None:
        clock.advance(timedelta(seconds=15))  # so long Kafka is tried
        if clock.now() > START + timedelta(seconds=60):
            refused.set()
        return "no broker can be reached"

    access = KafkaAccess(look, look_seconds=0, now=clock.now)
    async with access, asyncio.timeout(5):
        await refused.wait()

    assert access.since == START


async def test_the_log_says_it_once(caplog: pytest.LogCaptureFixture) -> None:
    looks = Looks(*["it refuses our login"] * 5, None)

    await problems(looks, lambda shown: shown[-2:] == ["it refuses our login", None])

    assert [record.getMessage() for record in caplog.records if record.name.endswith("kafka_access")] == [
        "it refuses our login",
        "Kafka takes our login and allows what a worker does again",
    ]
