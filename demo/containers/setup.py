"""`python -m demo.containers.setup`: topics on Kafka, rules and merchants in S3.

It may be run again at any time, and must be after the S3 mock was killed, because that forgets everything.
"""

import os
import sys
from typing import Protocol

import click
import msgspec
from botocore.config import Config
from botocore.session import Session

from demo.traffic import merchants_jsonl, rules_json
from demo.workers.worker_process import command_line
from saving_alerts.settings import Settings, read_settings

REQUEST_TIMEOUT_SECONDS = 5
ATTEMPTS = 5


class Bucket(Protocol):
    """The two operations of boto's client that are used here."""

    def create_bucket(self, *, Bucket: str) -> object: ...  # noqa: N803 - boto's names
    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> object: ...  # noqa: N803


def container_rules() -> bytes:
    """The demo's rules with the default freshness: during an outage no event expires."""
    rules = msgspec.json.decode(rules_json())
    del rules["freshness_minutes"]
    return msgspec.json.encode(rules)


def upload(bucket: Bucket, settings: Settings) -> None:
    """Make the bucket if it is not there, and write both files."""
    bucket.create_bucket(Bucket=settings.s3_bucket)
    bucket.put_object(Bucket=settings.s3_bucket, Key=settings.s3_rules_key, Body=container_rules())
    bucket.put_object(Bucket=settings.s3_bucket, Key=settings.s3_merchants_key, Body=merchants_jsonl())


def connect(settings: Settings) -> Bucket:
    timeouts = Config(read_timeout=REQUEST_TIMEOUT_SECONDS, retries={"total_max_attempts": ATTEMPTS})
    client: Bucket = Session().create_client("s3", endpoint_url=settings.s3_endpoint_url, config=timeouts)
    return client


@click.command(epilog="Example: docker compose start setup")
def main() -> None:
    """Create the topics, upload rules and merchants. Settings are the workers' own, from the environment."""
    created = command_line(["topics", "create"], dict(os.environ))
    print(created.stdout + created.stderr, end="", flush=True)
    if created.returncode:
        sys.exit(created.returncode)
    settings = read_settings()
    upload(connect(settings), settings)
    print(f"{settings.s3_rules_key} and {settings.s3_merchants_key} are in {settings.s3_bucket}")


if __name__ == "__main__":
    main()
