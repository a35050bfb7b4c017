"""From produce to decision at a steady rate, as somebody outside sees it who writes the source and reads the ledger."""

import threading
import time
from dataclasses import dataclass
from itertools import islice
from statistics import quantiles
from types import TracebackType
from typing import Self

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from benchmarks.contenders.process import ContenderError, ContenderProcess
from benchmarks.source import PARTITIONS, Advance, records
from demo.checks.decision_consumer import Position
from demo.traffic.paced_producer import PacedProducer, Record
from saving_alerts.domain.decisions import Decision
from saving_alerts.kafka.codecs import decode_ledger

EVENTS_PER_SECOND = 500
WARM_UP_EVENTS = 3 * EVENTS_PER_SECOND
POLL_SECONDS = 0.02
START_TIMEOUT_SECONDS = 60
END_TIMEOUT_SECONDS = 30
SERIES = 1


class Latency(msgspec.Struct, frozen=True):
    """Milliseconds from produce to decision: of all events, and of those that went through all four stages."""

    events: int
    p50_ms: float
    p99_ms: float
    pushed: int
    pushed_p50_ms: float
    pushed_p99_ms: float


@dataclass(frozen=True, slots=True)
class Course:
    """Where the latency is measured, and for how long."""

    bootstrap_servers: str
    source: str
    decisions: str
    seconds: int

    @property
    def events(self) -> int:
        return WARM_UP_EVENTS + self.seconds * EVENTS_PER_SECOND


class _Ledger:
    """Reads the decision topic in a thread of its own; keeps raw values with the moment each was seen."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="ledger", daemon=True)
        self.seen: list[tuple[float, bytes]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def decided(self) -> dict[Position, tuple[float, bool]]:
        """When each source position was first decided, and whether all four stages took part."""
        found: dict[Position, tuple[float, bool]] = {}
        for at, value in list(self.seen):
            entry = decode_ledger(value)
            if isinstance(entry, Decision):
                position = entry.position.partition, entry.position.offset
                found.setdefault(position, (at, entry.stage == "dispatch_push"))
                continue
            for first, last in entry.ranges:
                for offset in range(first, last + 1):
                    found.setdefault((entry.partition, offset), (at, False))
        return found

    def _follow(self) -> None:
        settings = {"bootstrap.servers": self._course.bootstrap_servers, "group.id": "latency", "fetch.wait.max.ms": 50}
        consumer = Consumer({**settings, "enable.auto.commit": False})
        consumer.assign([TopicPartition(self._course.decisions, each, OFFSET_BEGINNING) for each in range(PARTITIONS)])
        while not self._stopping.is_set():
            message = consumer.poll(POLL_SECONDS)
            if message is not None and not message.error():
                self.seen.append((time.monotonic(), message.value() or b""))
        consumer.close()


def measure_latency(course: Course, contender: ContenderProcess, advance: Advance) -> Latency:
    """Write at 500 events/s to a running contender and watch the decisions. Raises ContenderError."""
    written: dict[str, float] = {}
    source = PacedProducer(course.bootstrap_servers, course.source)
    prepared = iter([_noting(number, *each, written) for number, each in enumerate(records(1 + course.events, SERIES))])
    with _Ledger(course) as ledger:
        source.write(islice(prepared, 1), EVENTS_PER_SECOND)
        _wait(contender, ledger, 1, START_TIMEOUT_SECONDS)
        while part := list(islice(prepared, EVENTS_PER_SECOND)):
            source.write(part, EVENTS_PER_SECOND)
            advance(len(part))
        _wait(contender, ledger, len(written), END_TIMEOUT_SECONDS)
        decided = ledger.decided()
    measured = islice(written.items(), 1 + WARM_UP_EVENTS, None)
    return _summary([(decided[source.positions[name]], at) for name, at in measured])


def _wait(contender: ContenderProcess, ledger: _Ledger, events: int, timeout_seconds: float) -> None:
    give_up_at = time.monotonic() + timeout_seconds
    while len(ledger.decided()) < events:
        contender.check()
        if time.monotonic() > give_up_at:
            raise ContenderError(f"{len(ledger.decided())} of {events} events were decided in {timeout_seconds:g} s")
        time.sleep(POLL_SECONDS * 10)


def _noting(number: int, key: bytes, value: bytes | None, written: dict[str, float]) -> Record:
    """The event under a name of its own, noting in `written` when it was written."""
    name = f"event-{number}"

    def now() -> bytes:
        written[name] = time.monotonic()
        return value or b""

    return Record(name, key, now)


def _summary(measured: list[tuple[tuple[float, bool], float]]) -> Latency:
    everything = [(decided - written) * 1000 for (decided, _), written in measured]
    pushed = [(decided - written) * 1000 for (decided, all_stages), written in measured if all_stages]
    return Latency(len(everything), *_percentiles(everything), len(pushed), *_percentiles(pushed))


def _percentiles(milliseconds: list[float]) -> tuple[float, float]:
    cuts = quantiles(milliseconds, n=100)
    return cuts[49], cuts[98]
