"""What the set-up uploads is there, is valid, and may be uploaded again."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import cast

import aioboto3
import boto3
import pytest

from demo.containers.setup import Bucket, container_rules, upload
from demo.servers.s3 import EmbeddedS3
from demo.traffic import merchants_jsonl
from saving_alerts.domain.events import EventType
from saving_alerts.domain.rules_file.compiler import read_rules
from saving_alerts.settings import Settings, example_settings


@pytest.fixture(scope="module")
def s3() -> Iterator[EmbeddedS3]:
    with EmbeddedS3() as s3:
        yield s3


def connect(s3: EmbeddedS3) -> Bucket:
    client = boto3.client(
        "s3",
        endpoint_url=s3.endpoint_url,
        aws_access_key_id=s3.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=s3.environment["AWS_SECRET_ACCESS_KEY"],
        region_name=s3.environment["AWS_DEFAULT_REGION"],
    )
    return cast("Bucket", client)


async def read(s3: EmbeddedS3, settings: Settings, key: str) -> bytes:
    session = aioboto3.Session(
        s3.environment["AWS_ACCESS_KEY_ID"],
        s3.environment["AWS_SECRET_ACCESS_KEY"],
        region_name=s3.environment["AWS_DEFAULT_REGION"],
    )
    async with session.client("s3", endpoint_url=s3.endpoint_url) as client:
        answer = await client.get_object(Bucket=settings.s3_bucket, Key=key)
        return bytes(await answer["Body"].read())


def test_both_files_are_there_also_after_a_second_time(s3: EmbeddedS3) -> None:
    settings = example_settings()

    upload(connect(s3), settings)
    upload(connect(s3), settings)

    assert asyncio.run(read(s3, settings, settings.s3_rules_key)) == container_rules()
    assert asyncio.run(read(s3, settings, settings.s3_merchants_key)) == merchants_jsonl()


def test_events_keep_as_long_as_the_product_lets_them() -> None:
    rules = read_rules(container_rules())

    assert rules.freshness[EventType.GEOFENCE_ENTERED] == timedelta(minutes=10)
