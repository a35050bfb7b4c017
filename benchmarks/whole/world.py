"""The outside world of the contenders, real and cheap: Kafka, Redis, an S3, and both APIs in a process of their own."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from benchmarks.source import PARTITIONS, create_topics, delete_topics, long_freshness_rules, own_topics
from benchmarks.whole.by_hand import Job
from benchmarks.whole.kafka_requests import read_counts
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
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
POLL_SECONDS = 0.05
STUB_TIMEOUT_SECONDS = 10
STOP_TIMEOUT_SECONDS = 40
LAST_LINES = 25
# By its path: an older checkout does not have it.
COUNTING = Path(__file__).with_name("kafka_requests.py")


class ContenderError(RuntimeError):
    """A contender ended, or did not finish in time. The text has the end of its output."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A contender at one moment: its CPU seconds, all threads, and its requests to Kafka by kind."""

    at: float
    cpu_seconds: float
    requests: Mapping[str, int]


class Contender:
    """A running process; it is killed at the end of the block."""

    def __init__(self, name: str, folder: Path, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.name = name
        self._folder = folder
        self._counts = folder / "requests"
        self._command = [sys.executable, "-P", str(COUNTING), str(self._counts), *command]
        self._environment = environment

    def __enter__(self) -> Self:
        self._folder.mkdir()
        self._process = child_process.start(self._command, self._folder, self._environment)
        self.began = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                child_process.kill(self._process)

    @property
    def pid(self) -> int:
        return self._process.pid

    def sample(self) -> Sample:
        """Raises ContenderError when it has ended."""
        if self._process.poll() is not None:
            raise ContenderError(self.in_words(f"ended with {self._process.returncode}"))
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        cpu_seconds = (int(fields[11]) + int(fields[12])) / CLOCK_TICKS
        counts = read_counts(self._counts) if self._counts.exists() else {}
        return Sample(time.monotonic(), cpu_seconds, counts)

    def in_words(self, what: str) -> str:
        return f"{self.name} {what}:\n{child_process.log_tail(self._folder, LAST_LINES)}"


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


class World:
    """Kafka is given; the rest is started here. `former` are the checkouts of the contenders of these names."""

    def __init__(self, bootstrap_servers: str, folder: Path, calls: int | None, former: Mapping[str, Path]) -> None:
        self.bootstrap_servers = bootstrap_servers
        self.folder = folder
        self._calls = calls
        self._former = former
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
        make = self._by_hand if name == BY_HAND else self._ours
        with closing(FreePort()) as port, make(name, source, prefix, apis, port.number) as contender:
            yield contender
        if topics:
            delete_topics(self.bootstrap_servers, *topics)

    def _by_hand(self, name: str, source: str, prefix: str, apis: Apis, _port: int) -> Contender:
        job = Job(
            bootstrap_servers=self.bootstrap_servers,
            source=source,
            group=prefix,
            redis_url=self._redis.url,
            coupon_api_url=apis.url,
            push_api_url=apis.url,
            calls=self._calls or 64,
        )
        command = ["benchmarks.whole.by_hand", json.dumps(msgspec.to_builtins(job))]
        return Contender(name, self.folder / prefix, command, clean_environment())

    def _ours(self, name: str, source: str, prefix: str, apis: Apis, port: int) -> Contender:
        environment = clean_environment() | self._s3.environment | self._settings(source, prefix, apis, port)
        if name in self._former:
            environment["PYTHONPATH"] = str(self._former[name])
        return Contender(name, self.folder / prefix, ["saving_alerts", "worker"], environment)

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
        if self._calls is not None:
            settings |= {"COUPON_API_CONCURRENCY": str(self._calls), "PUSH_API_CONCURRENCY": str(self._calls)}
        return {f"SAVING_ALERTS_{each}": value for each, value in settings.items()}
