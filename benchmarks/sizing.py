"""What a deployment needs for so many monthly users, computed from what the benchmarks have measured.

Nothing is measured here. `docs/sizing.md` is this program's page for 1, 10 and 100 million; for other numbers:

python -m benchmarks.sizing 3000000
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import click

from benchmarks.results import table

MILLION = 1_000_000
DAY, WEEK = 86_400, 7 * 86_400
MIB, GIB = 1024**2, 1024**3

# What users do. Ten million made 440 to 880 events/s on average and 1,500 to 5,000 at the peak: the upper ends.
EVENTS_PER_SECOND_OF_A_MILLION = 88
PEAK_OF_A_MILLION = 500
# Of all events: with a rule that listens to them; of consenting users, and asked about; with an alert; pushed.
TRIGGERS, ASKED, ALERTS, PUSHED = 0.10, 0.025, 0.006, 0.004
INVALID = 0.03

# docs/performance.md, "What a whole event costs": events/s of one worker, and how much of a core it is busy for. An
# event among few costs far more than one among many. The last of them is a drain, with APIs that take 100 and 50 ms.
CORE_OF_A_WORKER = ((50, 0.156), (500, 0.330), (2_000, 0.514), (13_262, 0.836))
DRAINED_PER_SECOND = CORE_OF_A_WORKER[-1][0]
# RESULTS.md, "End to end": four stages, ours.
WORKER_MIB = 215
# docs/performance.md, "What the Table costs"; the owner and one standby hold it.
TABLE_BYTES_A_USER, HOLDERS = 238, 2
# RESULTS.md, "Recovery of the Table".
RECOVERED_USERS_PER_SECOND = 76_000

# Of what a worker can drain. The other half stays for bursts and recovery.
SHARE_AT_PEAK = 0.5
PEAK_OF_A_WORKER = DRAINED_PER_SECOND * SHARE_AT_PEAK
MEMORY_LIMIT_MIB = 1024
FEWEST_WORKERS = 3
PARTITIONS_PER_WORKER = 3  # more workers can be added, and each has about as many as the others
PARTITIONS = (12, 24, 48, 96, 192, 384)

# For one alert that is pushed: is the device gone, reserve, renew before the attempt, confirm. For another: two.
REDIS_CALLS_A_PUSH, REDIS_CALLS_AN_ALERT = 4, 2
# Of each worker every 2 s: its clock, two rows of four commands each, and as many again to read those of the others.
REDIS_CALLS_A_WORKER = 9
# The value of a user with one send (tests/recorded), the key, and what Redis keeps beside them.
REDIS_BYTES_A_USER = 300

# docs/performance.md, "What limits `validate`": a receipt stands for the events of a batch that no rule listens to.
RECEIPTS_AN_EVENT = 0.04
# Of a record with its key and headers, not compressed: what tests/recorded has of 0.1.0, and what 0.2.0 has added.
WIRE_BYTES = {
    "validated": 700,
    "candidates": 1_250,
    "alerts": 950,
    "decisions": 850,
    "receipts": 250,
    "push_sends": 200,
}
COPIES = 3
KEPT_SECONDS = {"validated": WEEK, "candidates": WEEK, "alerts": WEEK, "decisions": 30 * DAY, "receipts": 30 * DAY}


@dataclass(frozen=True, slots=True)
class Sizing:
    """All rates are events or calls per second; `users` are those of a month."""

    users: float

    @property
    def events(self) -> float:
        return self.users / MILLION * EVENTS_PER_SECOND_OF_A_MILLION

    @property
    def peak(self) -> float:
        return self.users / MILLION * PEAK_OF_A_MILLION

    @property
    def pushed_users(self) -> float:
        """Of a week: as if nobody was pushed twice."""
        return min(self.users, self.events * PUSHED * WEEK)

    @property
    def busy_cores(self) -> float:
        """At the peak, of all workers together."""
        return self.workers * busy_core(self.peak / self.workers)

    @property
    def table_mib(self) -> float:
        """Of all workers together."""
        return self.pushed_users * TABLE_BYTES_A_USER * HOLDERS / MIB

    @property
    def workers(self) -> int:
        """One more than needed, so that the others carry on when one has died."""
        by_cpu = math.ceil(self.peak / PEAK_OF_A_WORKER)
        by_memory = math.ceil(self.table_mib / (MEMORY_LIMIT_MIB - WORKER_MIB))
        return max(FEWEST_WORKERS, 1 + max(by_cpu, by_memory))

    @property
    def partitions(self) -> int:
        return next((each for each in PARTITIONS if each >= PARTITIONS_PER_WORKER * self.workers), PARTITIONS[-1])

    @property
    def worker_mib(self) -> float:
        return WORKER_MIB + self.table_mib / self.workers

    @property
    def recovery_seconds(self) -> float:
        """Of a worker that starts with nothing, when all of them do."""
        return self.pushed_users * HOLDERS / self.workers / RECOVERED_USERS_PER_SECOND

    @property
    def coupon_api_calls(self) -> float:
        """At the peak."""
        return self.peak * ASKED

    @property
    def redis_calls(self) -> float:
        """At the peak."""
        of_alerts = PUSHED * REDIS_CALLS_A_PUSH + (ALERTS - PUSHED) * REDIS_CALLS_AN_ALERT
        return self.peak * of_alerts + self.workers * REDIS_CALLS_A_WORKER

    @property
    def redis_bytes(self) -> float:
        return self.pushed_users * REDIS_BYTES_A_USER

    @property
    def kafka_bytes_per_second(self) -> float:
        """Written to our own topics, on average, one copy, not compressed."""
        return sum(self._bytes_per_second(kind) for kind in KEPT_SECONDS)

    @property
    def kafka_bytes(self) -> float:
        """Kept on our own topics, all copies. The source is upstream's."""
        kept = sum(self._bytes_per_second(kind) * seconds for kind, seconds in KEPT_SECONDS.items())
        return COPIES * (kept + self.pushed_users * WIRE_BYTES["push_sends"])

    def _bytes_per_second(self, kind: str) -> float:
        shares = {"validated": TRIGGERS / 2, "candidates": ASKED / 2, "alerts": ALERTS, "decisions": TRIGGERS + INVALID}
        return self.events * shares.get(kind, RECEIPTS_AN_EVENT) * WIRE_BYTES[kind]


def busy_core(events: float) -> float:
    """Of one worker that gets so many events/s. Between what was measured it grows with their logarithm."""
    for (few, least), (many, most) in pairwise(CORE_OF_A_WORKER):
        if events <= many:
            return least + (most - least) * math.log(max(events, few) / few, many / few)
    return CORE_OF_A_WORKER[-1][1]


def rows(sizings: list[Sizing]) -> list[list[str]]:
    """A row for each thing that is to be had, and a column for each number of users."""
    return [
        ["events/s, on average", *(f"{each.events:,.0f}" for each in sizings)],
        ["events/s, at the peak", *(f"{each.peak:,.0f}" for each in sizings)],
        ["cores busy at the peak", *(f"{each.busy_cores:.2f}" for each in sizings)],
        ["workers, one core each", *(f"{each.workers}" for each in sizings)],
        ["partitions", *(f"{each.partitions}" for each in sizings)],
        ["memory of a worker", *(f"{each.worker_mib:,.0f} MiB" for each in sizings)],
        ["of which the Table", *(f"{each.table_mib / each.workers:,.0f} MiB" for each in sizings)],
        ["recovery, when all start with nothing", *(f"{each.recovery_seconds:,.0f} s" for each in sizings)],
        ["Coupon API, calls/s at the peak", *(f"{each.coupon_api_calls:,.0f}" for each in sizings)],
        ["push API, calls/s at the peak", *(f"{each.peak * PUSHED:,.0f}" for each in sizings)],
        ["Redis, calls/s at the peak", *(f"{each.redis_calls:,.0f}" for each in sizings)],
        ["Redis, memory", *(f"{each.redis_bytes / MIB:,.0f} MiB" for each in sizings)],
        ["our topics, written", *(f"{each.kafka_bytes_per_second / 1024:,.0f} KiB/s" for each in sizings)],
        ["our topics, kept, three copies", *(f"{each.kafka_bytes / GIB:,.0f} GiB" for each in sizings)],
    ]


def sized(*users: float) -> str:
    """A table in Markdown."""
    head = ["monthly users", *(f"{each / MILLION:,.6g} million" for each in users)]
    return table(head, rows([Sizing(each) for each in users]))


@click.command(help=__doc__)
@click.argument("users", nargs=-1, type=click.FloatRange(min=1))
def main(users: tuple[float, ...]) -> None:
    print(sized(*(users or (MILLION, 10 * MILLION, 100 * MILLION))))


if __name__ == "__main__":
    main()
