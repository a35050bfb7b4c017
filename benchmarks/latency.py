"""Latency from produce to decision at a steady rate, measured by a client that produces and consumes."""

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
class LatencyRun:
    """Where the latency is measured, and for how long."""

    bootstrap_servers: str
    source: str
    decisions: str
    seconds: int

    @property
    def events(self) -> int:
        return WARM_UP_EVENTS + self.seconds * EVENTS_PER_SECOND


class _DecisionTimes:
    """Reads the decision topic in a thread of its own; keeps raw values with the moment each was received."""

    def __init__(self, run: LatencyRun) -> None:
        self._run = run
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="decision_times", daemon=True)
        self.received: list[tuple[float, bytes]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def decided(self) -> dict[Position, tuple[float, bool]]:
        """When each source position was first decided, and whether it went through all four stages."""
        found: dict[Position, tuple[float, bool]] = {}
        for at, value in list(self.received):
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
        settings = {"bootstrap.servers": self._run.bootstrap_servers, "group.id": "latency", "fetch.wait.max.ms": 50}
        consumer = Consumer({**settings, "enable.auto.commit": False})
        consumer.assign([TopicPartition(self._run.decisions, each, OFFSET_BEGINNING) for each in range(PARTITIONS)])
        while not self._stopping.is_set():
            message = consumer.poll(POLL_SECONDS)
            if message is not None and not message.error():
                self.received.append((time.monotonic(), message.value() or b""))
        consumer.close()


def measure_latency(run: LatencyRun, contender: ContenderProcess, advance: Advance) -> Latency:
    """Write at 500 events/s to a running contender and watch the decisions. Raises ContenderError."""
    written: dict[str, float] = {}
    source = PacedProducer(run.bootstrap_servers, run.source)
    prepared = iter([_noting(number, *each, written) for number, each in enumerate(records(1 + run.events, SERIES))])
    with _DecisionTimes(run) as decision_times:
        source.write(islice(prepared, 1), EVENTS_PER_SECOND)
        _wait(contender, decision_times, 1, START_TIMEOUT_SECONDS)
        while part := list(islice(prepared, EVENTS_PER_SECOND)):
            source.write(part, EVENTS_PER_SECOND)
            advance(len(part))
        _wait(contender, decision_times, len(written), END_TIMEOUT_SECONDS)
        decided = decision_times.decided()
    measured = islice(written.items(), 1 + WARM_UP_EVENTS, None)
    return _summary([(decided[source.positions[name]], at) for name, at in measured])


def _wait(contender: ContenderProcess, decision_times: _DecisionTimes, events: int, timeout_seconds: float) -> None:
    give_up_at = time.monotonic() + timeout_seconds
    while len(decision_times.decided()) < events:
        contender.check()
        if time.monotonic() > give_up_at:
            raise ContenderError(
                f"{len(decision_times.decided())} of {events} events were decided in {timeout_seconds:g} s"
            )
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
