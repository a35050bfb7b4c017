"""A reading gets the settings of its worker, and ends whatever happens to it."""

import asyncio
import os

import pytest
from pydantic import SecretStr

from saving_alerts.settings import Settings, example_settings, read_settings
from saving_alerts.web.explain import reading_process
from saving_alerts.web.explain.questions import Question
from saving_alerts.web.explain.reading_process import ReadingFailedError, ReadingProcess, environment_of

pytestmark = pytest.mark.asyncio


def settings(**changes: object) -> Settings:
    secrets = {"kafka_sasl_password": SecretStr("of Kafka"), "explain_token": SecretStr("of the page, long")}
    return example_settings().model_copy(update={**secrets, "dry_run": True, "kafka_ca_file": None, **changes})


async def test_the_settings_of_the_worker_are_those_of_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = settings(topic_prefix="other")
    for name in [name for name in os.environ if name.startswith("SAVING_ALERTS_")]:
        monkeypatch.delenv(name)
    for name, value in environment_of(theirs).items():
        monkeypatch.setenv(name, value)

    ours = read_settings()

    assert ours.kafka == theirs.kafka
    assert ours.topics == theirs.topics
    assert ours.redis_address == theirs.redis_address
    assert ours.explain_token is None


async def test_a_reading_that_cannot_begin_is_said_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ReadingFailedError, match="it ended with 1 and without an answer"):
        await ReadingProcess({"SAVING_ALERTS_KAFKA_SECURITY_PROTOCOL": "nonsense"}).answer(Question("u-1"))

    assert "SAVING_ALERTS_KAFKA_SECURITY_PROTOCOL is wrong" in caplog.text


async def test_a_reading_that_takes_too_long_is_ended_and_the_next_one_begins() -> None:
    reading = ReadingProcess(environment_of(settings()), seconds=0.01)

    for _ in range(2):
        with pytest.raises(ReadingFailedError, match=r"longer than 0\.01 s"):
            await reading.answer(Question("u-1"))


async def test_who_comes_while_many_wait_is_told_to_come_again() -> None:
    reading = ReadingProcess(environment_of(settings()), seconds=0.01)

    answers = await asyncio.gather(*(reading.answer(Question("u-1")) for _ in range(12)), return_exceptions=True)

    kinds = [type(each) for each in answers]
    assert kinds.count(reading_process.BusyError) >= 12 - reading_process.MAX_WAITING - 2
    assert ReadingFailedError in kinds
