"""What a command meets: a deployment of which nothing but its topics is there, an S3, and a Redis."""

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.servers.kafka import EmbeddedKafka
from demo.servers.redis import EmbeddedRedis
from demo.servers.s3 import EmbeddedS3
from tests.support.recorded_deployment import RecordedDeployment

numbers = itertools.count()


@pytest.fixture(scope="session")
def kafka() -> Iterator[EmbeddedKafka]:
    with EmbeddedKafka() as embedded:
        yield embedded


@pytest.fixture(scope="module")
def s3() -> Iterator[EmbeddedS3]:
    with EmbeddedS3() as embedded:
        yield embedded


@pytest.fixture(scope="module")
def redis() -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis() as embedded:
        yield embedded


@pytest.fixture
def deployment(kafka: EmbeddedKafka, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> RecordedDeployment:
    """A deployment of its own; commands run in a folder without a `.env`."""
    monkeypatch.chdir(tmp_path)
    deployment = RecordedDeployment(kafka.bootstrap_servers, f"commands{next(numbers)}")
    asyncio.run(deployment.create_topics())
    return deployment
