"""`throttle refill`: a Redis that has lost its data knows again what the Table's changelog has."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from click.testing import CliRunner, Result

from demo.servers.redis import EmbeddedRedis
from saving_alerts.adapters.redis_connection import connect
from saving_alerts.adapters.redis_throttle import RedisThrottle, ThrottlePolicy
from saving_alerts.commands.throttle.group import throttle
from saving_alerts.domain.caps import Cap, CapPer
from saving_alerts.domain.erasures import Tokens
from saving_alerts.domain.push_sends import REMEMBERED, PushSend
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.push_send_rows import ROW_VALUE, SendRow, erased_user
from saving_alerts.kafka.push_send_rows import erased_row as erase_row
from saving_alerts.ports.throttle import AlreadySent, CapReached, Claim, Granted, Reservation
from saving_alerts.worker.erased_sends import event_at
from tests.support.fakes.metrics import RecordingMetrics
from tests.support.recorded_deployment import RecordedDeployment

HOUR = timedelta(hours=1)
NOW = datetime.now(UTC)
WEEKLY = Cap(CapPer.USER, 1, 168)
TOKENS = Tokens("a secret of the tests, of 32 letters")


@pytest.fixture
def redis() -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis() as embedded:
        yield embedded


def send(offset: int, age: timedelta, *, uncertain: bool = False) -> PushSend:
    position = SourcePosition("events", 0, offset)
    return PushSend(
        merchant_id="m-1", sent_at=NOW - age, position=position, event_id=f"e-{offset}", uncertain=uncertain
    )


def write(deployment: RecordedDeployment, *records: tuple[bytes, bytes | None]) -> None:
    async def written() -> None:
        async with AIOKafkaProducer(bootstrap_servers=deployment.bootstrap_servers) as producer:
            for key, value in records:
                await producer.send_and_wait(deployment.topics.push_sends.name, value, key=key)

    asyncio.run(written())


def row(user: str, offset: int, age: timedelta, *, uncertain: bool = False) -> tuple[bytes, bytes]:
    return SendRow.of(send(offset, age, uncertain=uncertain)).key(user.encode()), ROW_VALUE


def erased_row(user: str, offset: int, age: timedelta) -> tuple[bytes, bytes]:
    event = TOKENS.of_event(user, event_at(send(offset, age)))
    token = erased_user(TOKENS.of_user(user))
    return erase_row(event, send(offset, age)).key(token), ROW_VALUE


def keys(redis: EmbeddedRedis) -> list[str]:
    async def found() -> list[str]:
        async with connect(redis.url, 5, 2) as client:
            return [key.decode() if isinstance(key, bytes) else key for key in await client.keys("*")]

    return asyncio.run(found())


def refill(deployment: RecordedDeployment, redis: EmbeddedRedis) -> Result:
    return CliRunner().invoke(
        throttle, ["refill"], env={**deployment.environment, "SAVING_ALERTS_REDIS_URL": redis.url}
    )


def ask(deployment: RecordedDeployment, redis: EmbeddedRedis, user: str, offset: int) -> Reservation:
    """For a push to the user, as a worker does."""

    async def asked() -> Reservation:
        async with connect(redis.url, 5, 2) as client:
            policy = ThrottlePolicy(20, f"{deployment.name}:claims:", TOKENS)
            claim = Claim(user, "m-1", f"e-{offset}", SourcePosition("events", 0, offset), "worker", 1)
            return await RedisThrottle(client, policy, RecordingMetrics()).reserve(claim, (WEEKLY,))

    return asyncio.run(asked())


def test_what_a_cap_can_count_is_there_again_once(deployment: RecordedDeployment, redis: EmbeddedRedis) -> None:
    of_0_1_0 = (b"u-former", msgspec.json.encode([send(3, HOUR)]))
    too_old = row("u-old", 4, REMEMBERED + HOUR)
    write(deployment, row("u-1", 1, HOUR), row("u-2", 2, HOUR, uncertain=True), of_0_1_0, too_old, (b"u-gone", None))

    results = [refill(deployment, redis) for _ in range(2)]

    assert [(result.exit_code, result.output) for result in results] == [
        (0, "3 sends added, 0 were there, 0 records cannot be read\n"),
        (0, "0 sends added, 3 were there, 0 records cannot be read\n"),
    ]
    assert isinstance(ask(deployment, redis, "u-1", 1), AlreadySent)
    assert isinstance(ask(deployment, redis, "u-1", 9), CapReached)
    again = ask(deployment, redis, "u-2", 2)
    assert isinstance(again, AlreadySent)
    assert again.uncertain
    assert isinstance(ask(deployment, redis, "u-former", 9), CapReached)
    assert isinstance(ask(deployment, redis, "u-old", 9), Granted)


def test_what_was_erased_comes_back_under_its_token_only(deployment: RecordedDeployment, redis: EmbeddedRedis) -> None:
    """The brokers may keep a row for a while although it has a tombstone."""
    clear, of_0_1_0 = row("u-1", 1, HOUR), (b"u-former", msgspec.json.encode([send(3, HOUR)]))
    write(deployment, clear, of_0_1_0, erased_row("u-1", 1, HOUR), (clear[0], None), (b"u-former", None))

    result = refill(deployment, redis)

    assert result.output == "1 sends added, 0 were there, 0 records cannot be read\n"
    assert keys(redis) == [f"{deployment.name}:claims:erased:{TOKENS.of_user('u-1')}"]
    assert isinstance(ask(deployment, redis, "u-1", 1), AlreadySent)
    assert isinstance(ask(deployment, redis, "u-1", 9), CapReached)
    assert isinstance(ask(deployment, redis, "u-former", 9), Granted)


def test_what_was_charged_as_control_is_told_so_again(deployment: RecordedDeployment, redis: EmbeddedRedis) -> None:
    charged = msgspec.structs.replace(send(1, HOUR), control=True)
    write(deployment, (SendRow.of(charged).key(b"u-1"), ROW_VALUE))

    result = refill(deployment, redis)

    assert result.output == "1 sends added, 0 were there, 0 records cannot be read\n"
    again = ask(deployment, redis, "u-1", 1)
    assert isinstance(again, AlreadySent)
    assert again.control
    assert isinstance(ask(deployment, redis, "u-1", 9), CapReached)


def test_what_redis_has_stays_as_it_is(deployment: RecordedDeployment, redis: EmbeddedRedis) -> None:
    """A worker holds a claim of the very event meanwhile."""
    granted = ask(deployment, redis, "u-1", 1)
    write(deployment, row("u-1", 1, HOUR))

    result = refill(deployment, redis)

    assert result.output == "0 sends added, 1 were there, 0 records cannot be read\n"
    assert ask(deployment, redis, "u-1", 1) == granted


def test_what_cannot_be_read_is_counted_and_the_rest_is_added(
    deployment: RecordedDeployment, redis: EmbeddedRedis
) -> None:
    write(deployment, (b"u-1\xff?", b"1"), (b"u-2", b"?"), (b"\xfe", b"[]"), row("u-3", 1, HOUR))

    result = refill(deployment, redis)

    assert (result.exit_code, result.output) == (1, "1 sends added, 0 were there, 3 records cannot be read\n")


def test_without_redis_it_ends_with_a_sentence(deployment: RecordedDeployment) -> None:
    write(deployment, row("u-1", 1, HOUR))

    result = CliRunner().invoke(throttle, ["refill"], env=deployment.environment)

    assert result.exit_code == 2
    assert "then Redis failed" in result.output
    assert "Run it again" in result.output
