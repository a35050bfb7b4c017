"""The embedded servers behave as what they stand for, stop when told, and leave nothing behind."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import aioboto3
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError
from redis import asyncio as aioredis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from demo.servers.free_port import FreePort
from demo.servers.kafka import EmbeddedKafka
from demo.servers.redis import EmbeddedRedis
from demo.servers.s3 import EmbeddedS3
from demo.workers import child_process

ROOT = Path(__file__).parents[3]
WAIT_SECONDS = 10
KAFKA_IN_A_PROCESS = """
from demo.servers.kafka import EmbeddedKafka
with EmbeddedKafka() as kafka:
    print(kafka.bootstrap_servers, flush=True)
    input()
"""
REDIS_IN_A_PROCESS = """
from demo.servers.redis import EmbeddedRedis
with EmbeddedRedis() as redis:
    print(redis._port.number, flush=True)
    input()
"""


@pytest.fixture(scope="module")
def kafka() -> Iterator[EmbeddedKafka]:
    with EmbeddedKafka() as embedded:
        yield embedded


@pytest.fixture
def redis() -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis() as embedded:
        yield embedded


@pytest.fixture
def s3() -> Iterator[EmbeddedS3]:
    with EmbeddedS3() as embedded:
        yield embedded


@pytest_asyncio.fixture
async def redis_client(redis: EmbeddedRedis) -> AsyncIterator["aioredis.Redis"]:
    async with client_of(redis, WAIT_SECONDS) as client:
        yield client


def client_of(redis: EmbeddedRedis, timeout_seconds: float) -> "aioredis.Redis":
    return aioredis.Redis.from_url(
        redis.url, socket_timeout=timeout_seconds, socket_connect_timeout=timeout_seconds, retry=None
    )


@contextlib.contextmanager
def python_process(program: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    pipe, command = subprocess.PIPE, [sys.executable, "-c", program]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder)}
    with subprocess.Popen(command, env=environment, text=True, stdin=pipe, stdout=pipe) as process:
        try:
            yield process
        finally:
            process.kill()


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


async def produce(bootstrap_servers: str, topic: str, value: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers) as producer:
        await producer.send_and_wait(topic, value)


async def consume_one(bootstrap_servers: str, topic: str) -> bytes:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest")
    async with consumer:
        record = await asyncio.wait_for(consumer.getone(), WAIT_SECONDS)
        return cast("bytes", record.value)


async def get(s3: EmbeddedS3, key: str) -> bytes:
    session = aioboto3.Session(
        aws_access_key_id=s3.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=s3.environment["AWS_SECRET_ACCESS_KEY"],
        region_name=s3.environment["AWS_DEFAULT_REGION"],
    )
    once = Config(retries={"total_max_attempts": 1})
    async with session.client("s3", endpoint_url=s3.endpoint_url, config=once) as client:
        answer = await client.get_object(Bucket=s3.bucket, Key=key)
        return cast("bytes", await answer["Body"].read())


@pytest.mark.asyncio
async def test_embedded_kafka_gives_back_what_was_produced(kafka: EmbeddedKafka) -> None:
    await produce(kafka.bootstrap_servers, "greetings", b"hello")

    assert await consume_one(kafka.bootstrap_servers, "greetings") == b"hello"


@pytest.mark.asyncio
async def test_topics_of_embedded_kafka_appear_with_four_partitions(kafka: EmbeddedKafka) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers) as producer:
        partitions = await producer.partitions_for("never-created")

    assert partitions == {0, 1, 2, 3}


@pytest.mark.asyncio
async def test_embedded_kafka_serves_other_processes_while_its_own_waits(tmp_path: Path) -> None:
    with python_process(KAFKA_IN_A_PROCESS, tmp_path) as process:
        bootstrap_servers = first_line(process)
        await produce(bootstrap_servers, "greetings", b"hello")

        assert await consume_one(bootstrap_servers, "greetings") == b"hello"


@pytest.mark.asyncio
async def test_two_who_join_a_group_of_embedded_kafka_share_its_partitions(kafka: EmbeddedKafka) -> None:
    servers = kafka.bootstrap_servers
    members = [
        AIOKafkaConsumer("shared", bootstrap_servers=servers, group_id="g", enable_auto_commit=False) for _ in range(2)
    ]

    try:
        await asyncio.wait_for(asyncio.gather(*(member.start() for member in members)), WAIT_SECONDS)
        # Who came first may have had all of them until the other came.
        async with asyncio.timeout(WAIT_SECONDS):
            while [len(member.assignment()) for member in members] != [2, 2]:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        shares = [{each.partition for each in member.assignment()} for member in members]
    finally:
        await asyncio.gather(*(member.stop() for member in members))

    assert set.union(*shares) == {0, 1, 2, 3}


def test_embedded_kafka_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with EmbeddedKafka():
        pass

    assert capfd.readouterr() == ("", "")


def test_embedded_kafka_is_gone_after_the_block() -> None:
    with EmbeddedKafka() as kafka:
        port = int(kafka.bootstrap_servers.rpartition(":")[2])

    assert not answers(port)


@pytest.mark.asyncio
async def test_embedded_redis_answers_ping(redis_client: "aioredis.Redis") -> None:
    assert await redis_client.ping()


@pytest.mark.asyncio
async def test_a_restarted_redis_has_the_same_address_and_has_forgotten_everything(
    redis: EmbeddedRedis, redis_client: "aioredis.Redis"
) -> None:
    await redis_client.set("user", "u-42")

    redis.restart()

    await redis_client.connection_pool.disconnect()
    assert await redis_client.get("user") is None


@pytest.mark.asyncio
async def test_a_paused_redis_answers_nothing(redis: EmbeddedRedis) -> None:
    redis.pause()

    async with client_of(redis, 0.2) as client:
        with pytest.raises(RedisTimeoutError):
            await client.ping()


@pytest.mark.asyncio
async def test_a_resumed_redis_still_knows_what_it_knew(redis: EmbeddedRedis, redis_client: "aioredis.Redis") -> None:
    await redis_client.set("user", "u-42")
    redis.pause()

    redis.resume()

    assert await redis_client.get("user") == b"u-42"


@pytest.mark.asyncio
async def test_a_stopped_redis_refuses_connections(redis: EmbeddedRedis, redis_client: "aioredis.Redis") -> None:
    redis.stop()

    with pytest.raises(RedisConnectionError):
        await redis_client.ping()


def test_a_paused_redis_is_gone_after_the_block() -> None:
    with EmbeddedRedis() as redis:
        redis.pause()

    with pytest.raises(RuntimeError, match="not running"):
        redis.resume()


def test_a_redis_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "valkey-server"
    broken.write_text("#!/bin/sh\necho no memory left\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    with pytest.raises(RuntimeError, match="no memory left"), EmbeddedRedis():
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills the children of a killed process")
def test_redis_dies_with_a_process_that_is_killed(tmp_path: Path) -> None:
    with python_process(REDIS_IN_A_PROCESS, tmp_path) as process:
        port = int(first_line(process))
        process.kill()

        wait_until(lambda: not answers(port))


def test_a_child_started_by_a_thread_outlives_that_thread(tmp_path: Path) -> None:
    def start_and_see_it_run() -> subprocess.Popen[bytes]:
        process = child_process.start(["sh", "-c", "echo running; exec sleep 60"], tmp_path)
        wait_until(lambda: child_process.log_tail(tmp_path) == "running")
        return process

    with ThreadPoolExecutor() as thread:
        child = thread.submit(start_and_see_it_run).result()

    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.2)
    child_process.kill(child)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the port is not held")
def test_a_free_port_can_be_listened_on_again_and_again() -> None:
    port = FreePort()
    for _ in range(2):
        with socket.create_server(("127.0.0.1", port.number)):
            assert answers(port.number)
    port.close()


@pytest.mark.asyncio
async def test_embedded_s3_gives_back_what_was_put(s3: EmbeddedS3) -> None:
    s3.put("rules.json", b"{}")

    assert await get(s3, "rules.json") == b"{}"


@pytest.mark.asyncio
async def test_a_deleted_object_is_gone(s3: EmbeddedS3) -> None:
    s3.put("rules.json", b"{}")

    s3.delete("rules.json")

    with pytest.raises(ClientError, match="NoSuchKey"):
        await get(s3, "rules.json")


@pytest.mark.asyncio
async def test_a_stopped_s3_refuses_connections(s3: EmbeddedS3) -> None:
    s3.stop()

    with pytest.raises(EndpointConnectionError):
        await get(s3, "rules.json")


@pytest.mark.asyncio
async def test_s3_has_its_objects_at_the_same_address_after_an_outage(s3: EmbeddedS3) -> None:
    s3.put("rules.json", b"{}")

    s3.stop()
    s3.start()

    assert await get(s3, "rules.json") == b"{}"


@pytest.mark.asyncio
async def test_the_next_s3_starts_empty() -> None:
    with EmbeddedS3() as first:
        first.put("rules.json", b"{}")

    with EmbeddedS3() as second, pytest.raises(ClientError, match="NoSuchKey"):
        await get(second, "rules.json")
