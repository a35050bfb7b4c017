"""The commands that publish a document, with a folder of files, an S3 and a Redis."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import click
import msgspec
from click.testing import CliRunner, Result

from demo.servers.redis import EmbeddedRedis
from demo.servers.s3 import EmbeddedS3
from saving_alerts.adapters.redis_connection import connect
from saving_alerts.adapters.redis_heartbeats import RedisHeartbeats
from tests.support.worker_rows import a_row

WORKERS = "saving-alerts:workers:"


class DocumentsCli:
    """A subclass says which group of commands, what its files are called, and who publishes."""

    commands: ClassVar[click.Group]
    name: ClassVar[str]  # rules or merchants
    file_name: ClassVar[str]
    publisher: ClassVar[str]

    def __init__(self, s3: EmbeddedS3, redis: EmbeddedRedis, folder: Path) -> None:
        self.s3, self.redis, self.folder = s3, redis, folder

    @property
    def environment(self) -> dict[str, str]:
        return {
            **self.s3.environment,
            "SAVING_ALERTS_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
            "SAVING_ALERTS_REDIS_URL": self.redis.url,
            "SAVING_ALERTS_S3_BUCKET": self.s3.bucket,
            "SAVING_ALERTS_S3_ENDPOINT_URL": self.s3.endpoint_url,
            "SAVING_ALERTS_COUPON_API_URL": "http://127.0.0.1:1",
            "SAVING_ALERTS_PUSH_API_URL": "http://127.0.0.1:1",
            "SAVING_ALERTS_RELOAD_SECONDS": "0.1",
            "SAVING_ALERTS_HEARTBEAT_SECONDS": "0.1",
        }

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(self.commands, arguments, env=self.environment)

    def file(self, body: bytes) -> str:
        file = self.folder / self.file_name
        file.write_bytes(body)
        return str(file)

    def publish(self, body: bytes, *arguments: str, by: str | None = None) -> Result:
        return self.run("publish", self.file(body), "--by", by or self.publisher, "--note", "a note", *arguments)

    def beat(self, name: str, version: str | None) -> None:
        """As a worker that uses this version."""
        asyncio.run(self._beat(name, version))

    async def _beat(self, name: str, version: str | None) -> None:
        redis = connect(self.redis.url, 1, 2)
        uses = {f"{self.name}_version": version}
        row = msgspec.structs.replace(a_row(0, {}), name=name, incarnation=name, **uses)
        await RedisHeartbeats(redis, WORKERS).beat(row, timedelta(minutes=1))
        await redis.aclose()
