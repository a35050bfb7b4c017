"""Measures one contender from outside: draining what waits, and at a steady rate."""

import time
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice

from benchmarks.source import EVENTS_PER_PIECE, SEED
from benchmarks.whole.contender import Contender, Sample
from benchmarks.whole.stub import Seen
from benchmarks.whole.world import Apis
from demo.traffic import make_traffic
from demo.traffic.paced_producer import PacedProducer, Record
from demo.traffic.plan import PlannedEvent

POLL_SECONDS = 0.02
LOOK_SECONDS = 0.5
# When no push came for so long, everything is done.
QUIET_SECONDS = 3.0
# What is written behind the last push belongs to it.
AFTERWARDS_SECONDS = 0.5
START_TIMEOUT_SECONDS = 60
DRAIN_TIMEOUT_SECONDS = 300
WARM_UP_SECONDS = 3


@dataclass(frozen=True, slots=True)
class Measured:
    """Of one run. `start_cpu_seconds`: until it was in its group; the rest is after that.

    `latencies`: seconds from produce to accepted push, of those produced in the measured time, in order.
    """

    events: int
    seconds: float
    cpu_seconds: float
    start_cpu_seconds: float
    requests: Mapping[str, int]
    pushes: int
    latencies: Sequence[float] = ()


def drain(contender: Contender, apis: Apis, events: int) -> Measured:
    """From the moment its first process has joined the group to the last push. Raises ContenderError, TimeoutError."""
    joined = until_joined(contender, 1)
    samples, seen, looked_at = [joined], Seen(), 0.0
    while not seen.accepted or time.monotonic() < max(seen.accepted.values()) + QUIET_SECONDS:
        time.sleep(POLL_SECONDS)
        samples.append(contender.sample())
        if time.monotonic() - joined.at > DRAIN_TIMEOUT_SECONDS:
            raise TimeoutError(contender.in_words("did not finish"))
        if time.monotonic() - looked_at > LOOK_SECONDS:
            looked_at = time.monotonic()
            seen.accepted |= apis.seen().accepted
    ended_at = max(seen.accepted.values())
    last = samples[min(bisect_left(samples, ended_at + AFTERWARDS_SECONDS, key=lambda each: each.at), len(samples) - 1)]
    return _measured(events, ended_at - joined.at, joined, last, len(seen.accepted))


def steady(contender: Contender, apis: Apis, bootstrap_servers: str, topic: str, rate: int, seconds: int) -> Measured:
    """At `rate` events/s, after a warm-up. Raises ContenderError."""
    joined = until_joined(contender, len(contender.processes))
    warm_up, events = WARM_UP_SECONDS * rate, seconds * rate
    written: dict[str, float] = {}
    planned = iter([_noting(each, written) for each in planned_events(warm_up + events, series=1)])
    source = PacedProducer(bootstrap_servers, topic)
    source.write(islice(planned, warm_up), rate)
    warm = set(written)
    apis.seen()
    before = contender.sample()
    source.write(planned, rate)
    after = contender.sample()
    time.sleep(QUIET_SECONDS)
    accepted = apis.seen().accepted
    latencies = sorted(at - written[each] for each, at in accepted.items() if each in written and each not in warm)
    measured = _measured(events, after.at - before.at, before, after, len(latencies), latencies)
    return replace(measured, start_cpu_seconds=joined.cpu_seconds)


def until_joined(contender: Contender, processes: int) -> Sample:
    """The first sample in which so many have. Raises TimeoutError."""
    give_up_at = time.monotonic() + START_TIMEOUT_SECONDS
    while (sample := contender.sample()).joined < processes:
        if time.monotonic() > give_up_at:
            raise TimeoutError(contender.in_words("did not join its group"))
        time.sleep(POLL_SECONDS)
    return sample


def planned_events(events: int, series: int) -> Iterator[PlannedEvent]:
    """Every piece of 10,000 has users of its own."""
    for piece, begin in enumerate(range(0, events, EVENTS_PER_PIECE)):
        yield from make_traffic(SEED + series, EVENTS_PER_PIECE, piece).events[: events - begin]


def _noting(event: PlannedEvent, written: dict[str, float]) -> Record:
    def now() -> bytes:
        value = event.value(datetime.now(UTC)) or b""
        written[event.event_id] = time.monotonic()
        return value

    return Record(f"{event.number}-{event.event_id}", event.key, now)


def _measured(
    events: int, seconds: float, before: Sample, after: Sample, pushes: int, latencies: Sequence[float] = ()
) -> Measured:
    requests = {kind: number - before.requests.get(kind, 0) for kind, number in after.requests.items()}
    cpu_seconds = after.cpu_seconds - before.cpu_seconds
    return Measured(events, seconds, cpu_seconds, before.cpu_seconds, requests, pushes, latencies)
