"""The outside world of the contenders, real and cheap: Kafka, Redis, an S3, and both APIs in a process of their own."""

import json
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from types import TracebackType
from typing import Self

import msgspec

from benchmarks.source import PARTITIONS, create_topics, delete_topics, long_freshness_rules, own_topics
from benchmarks.whole.by_hand import Job
from benchmarks.whole.contender import Contender, Process
from benchmarks.whole.stub import Seen
from demo.servers.free_port import FreePort
from demo.servers.redis import EmbeddedRedis
from demo.servers.s3 import EmbeddedS3
from demo.traffic import merchants_jsonl
from demo.workers import child_process
from demo.workers.worker_process import clean_environment
from saving_alerts.kafka.topics import Topics

BY_HAND = "by hand"
OURS = "ours"
POLL_SECONDS = 0.05
STUB_TIMEOUT_SECONDS = 10


class Apis:
    """The stub process of both APIs, with these latencies in milliseconds."""

    def __init__(self, folder: Path, coupon_milliseconds: float, push_milliseconds: float) -> None:
        self._folder = folder
        self._port = FreePort()
        self.url = f"http://127.0.0.1:{self._port.number}"
        self._arguments = [str(coupon_milliseconds), str(push_milliseconds), str(self._port.number)]

    def __enter__(self) -> Self:
        self._folder.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "benchmarks.whole.stub", *self._arguments]
        self._process = child_process.start(command, self._folder, clean_environment())
        give_up_at = time.monotonic() + STUB_TIMEOUT_SECONDS
        while self._asked() is None:
            if time.monotonic() > give_up_at:
                raise RuntimeError(f"the stub did not start:\n{child_process.log_tail(self._folder)}")
            time.sleep(POLL_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        child_process.kill(self._process)
        self._port.close()

    def seen(self) -> Seen:
        """Since the last look."""
        if (seen := self._asked()) is None:
            raise RuntimeError(f"the stub does not answer:\n{child_process.log_tail(self._folder)}")
        return seen

    def _asked(self) -> Seen | None:
        try:
            with urllib.request.urlopen(f"{self.url}/accepted", timeout=STUB_TIMEOUT_SECONDS) as answer:  # noqa: S310 - our own stub
                return msgspec.json.decode(answer.read(), type=Seen)
        except OSError:
            return None


@dataclass(frozen=True, slots=True)
class Setup:
    """`processes` of each contender, most `calls` of each API at once, and the checkouts of `former` ones by name."""

    processes: int
    calls: int | None
    former: Mapping[str, Path]


class World:
    """Kafka is given; the rest is started here."""

    def __init__(self, bootstrap_servers: str, folder: Path, setup: Setup) -> None:
        self.bootstrap_servers = bootstrap_servers
        self.folder = folder
        self._setup = setup
        self._redis = EmbeddedRedis()
        self._s3 = EmbeddedS3()
        self._closing = ExitStack()
        self._number = 0

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            for server in (self._redis, self._s3):
                opening.enter_context(server)
            self._s3.put("rules.json", long_freshness_rules())
            self._s3.put("merchants.jsonl", merchants_jsonl())
            self._closing = opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    @contextmanager
    def contender(self, name: str, source: str, apis: Apis) -> Iterator[Contender]:
        """One that reads the source from its beginning, with an empty Redis and topics of its own, deleted after it."""
        self._number += 1
        prefix = f"c{self._number}"
        self._redis.restart()
        topics = own_topics(Topics.named(source, prefix)) if name != BY_HAND else []
        if topics:
            create_topics(self.bootstrap_servers, *topics)
        with ExitStack() as running:
            make = self._by_hand if name == BY_HAND else self._ours
            processes = [
                running.enter_context(make(name, source, prefix, apis, running)) for _ in range(self._setup.processes)
            ]
            yield Contender(processes)
        if topics:
            delete_topics(self.bootstrap_servers, *topics)

    def _by_hand(self, name: str, source: str, prefix: str, apis: Apis, _running: ExitStack) -> Process:
        job = Job(
            bootstrap_servers=self.bootstrap_servers,
            source=source,
            group=prefix,
            redis_url=self._redis.url,
            coupon_api_url=apis.url,
            push_api_url=apis.url,
            calls=self._setup.calls or 64,
        )
        command = ["benchmarks.whole.by_hand", json.dumps(msgspec.to_builtins(job))]
        return Process(name, self._folder_of(prefix), command, clean_environment())

    def _ours(self, name: str, source: str, prefix: str, apis: Apis, running: ExitStack) -> Process:
        port = running.enter_context(closing(FreePort())).number
        environment = clean_environment() | self._s3.environment | self._settings(source, prefix, apis, port)
        if name in self._setup.former:
            environment["PYTHONPATH"] = str(self._setup.former[name])
        return Process(name, self._folder_of(prefix), ["saving_alerts", "worker"], environment)

    def _folder_of(self, prefix: str) -> Path:
        """Another one for each process."""
        return Path(mkdtemp(prefix=f"{prefix}-", dir=self.folder))

    def _settings(self, source: str, prefix: str, apis: Apis, port: int) -> dict[str, str]:
        settings = {
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "APP_ID": prefix,
            "SOURCE_TOPIC": source,
            "TOPIC_PREFIX": prefix,
            "TOPIC_PARTITIONS": str(PARTITIONS),
            "TOPIC_REPLICATION_FACTOR": "1",
            "REDIS_URL": self._redis.url,
            "S3_BUCKET": self._s3.bucket,
            "S3_ENDPOINT_URL": self._s3.endpoint_url,
            "COUPON_API_URL": apis.url,
            "PUSH_API_URL": apis.url,
            "WEB_PORT": str(port),
        }
        if (calls := self._setup.calls) is not None:
            settings |= {"COUPON_API_CONCURRENCY": str(calls), "PUSH_API_CONCURRENCY": str(calls)}
        return {f"SAVING_ALERTS_{each}": value for each, value in settings.items()}
