"""Whether memory grows with time: weeks of new users in a Table of 12 partitions, and hours of a looping user.

The Table is the worker's own, with a clock that jumps from hour to hour. The looping user meets a real worker on the
embedded Kafka: the same visit is reported again and again, and the push API refuses each push for good.

python -m benchmarks.memory
"""

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import click
from confluent_kafka import Producer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.contenders.measure import resident_mib
from benchmarks.source import BUFFERED_RECORDS, FLUSH_TIMEOUT_SECONDS, PARTITIONS
from demo.checks.decision_consumer import DecisionConsumer
from demo.stub_apis.coupon_api import catalogue_of, some_coupon
from demo.stub_apis.faults import Behaviour
from demo.traffic.directory import MERCHANTS
from demo.traffic.templates import Template
from demo.world import World
from saving_alerts.domain.events import EventType
from saving_alerts.domain.push_sends import PushSend
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.push_send_rows import SendRow, microseconds
from saving_alerts.worker.held_sends import HeldSends
from saving_alerts.worker.packed_sends import Packing
from saving_alerts.worker.push_sends_table import LOOKED_AT_PER_SEND

FLAT_MIB = 16.0
HOUR = timedelta(hours=1)
HOURS_PER_WEEK = 168
FIRST_HOUR = datetime(2026, 1, 1, tzinfo=UTC)
USER = "0192f0c1-aaaa-bbbb-cccc-000000000001"
MERCHANT = MERCHANTS[0].merchant_id
ROUNDS = 10
EVENTS_PER_HOUR = 3_600  # a client that reports the visit every second
TIMEOUT_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Sample:
    """After so much: what is held of it, and the memory of the process."""

    after: str
    held: int
    rss_mib: float


def new_users(weeks: int, per_hour: int) -> Iterator[Sample]:
    """Each user is pushed once. The Table forgets them a week later."""
    packing = Packing()
    partitions = [HeldSends(packing) for _ in range(PARTITIONS)]
    for hour in track(range(weeks * HOURS_PER_WEEK), "new users", console=Console(stderr=True)):
        _an_hour(partitions, hour, per_hour)
        if (hour + 1) % HOURS_PER_WEEK == 0:
            yield Sample(f"week {(hour + 1) // HOURS_PER_WEEK}", sum(map(len, partitions)), _rss_mib(os.getpid()))


def _an_hour(partitions: list[HeldSends], hour: int, per_hour: int) -> None:
    sent_at = FIRST_HOUR + hour * HOUR
    now = microseconds(sent_at)
    for number in range(hour * per_hour, (hour + 1) * per_hour):
        held, place = partitions[number % PARTITIONS], SourcePosition("saving-events", number % PARTITIONS, number)
        user = f"0192f0c1-aaaa-bbbb-cccc-{number:012}"
        send = PushSend(merchant_id=MERCHANT, sent_at=sent_at, position=place, event_id=f"e-{number}")
        held.add(user.encode(), SendRow.of(send), now)
        held.let_go(now, LOOKED_AT_PER_SEND)


def looping_user(hours: int) -> Iterator[Sample]:
    """One real worker; a sample after each tenth of the events, which all must have their decision by then."""
    events = hours * EVENTS_PER_HOUR // ROUNDS
    with World() as world:
        world.publish_reference_data()
        world.coupon_api.coupons = catalogue_of({(USER, MERCHANT): [some_coupon(MERCHANT, 1)]})
        world.push_api.behave(Behaviour(fault="status", status=400))
        worker = world.start_worker()
        with DecisionConsumer(world.bootstrap_servers, world.topics.decisions.name) as decisions:
            for number in track(range(ROUNDS), "a looping user", console=Console(stderr=True)):
                _report(world, number * events, events)
                _wait(decisions, (number + 1) * events)
                yield Sample(f"{decisions.answered:,} events", len(decisions.counts()), _rss_mib(worker.pid))
    Console(stderr=True).print(dict(decisions.counts()))


def _report(world: World, first: int, events: int) -> None:
    producer = Producer(
        {"bootstrap.servers": world.bootstrap_servers, "queue.buffering.max.messages": BUFFERED_RECORDS}
    )
    for number in range(first, first + events):
        visit = Template(f"e-{number}", USER, EventType.GEOFENCE_ENTERED, MERCHANT, details=0)
        producer.produce(world.topics.source.name, visit.value(datetime.now(UTC)), USER.encode())
    if producer.flush(FLUSH_TIMEOUT_SECONDS):
        raise RuntimeError(f"Kafka did not take all events in {FLUSH_TIMEOUT_SECONDS} s")


def _wait(decisions: DecisionConsumer, events: int) -> None:
    give_up_at = time.monotonic() + TIMEOUT_SECONDS
    decisions.wait_for_answers(events, TIMEOUT_SECONDS)
    if time.monotonic() >= give_up_at:
        raise RuntimeError(f"{decisions.answered:,} of {events:,} events have a decision after {TIMEOUT_SECONDS} s")


def _rss_mib(pid: int) -> float:
    return resident_mib(pid)["VmRSS"]


def _shown(title: str, held: str, samples: list[Sample]) -> bool:
    """Whether memory stayed what it was after a third of the samples: caches and buffers are full by then."""
    table = Table("after", held, "RSS MiB", title=title)
    for sample in samples:
        table.add_row(sample.after, f"{sample.held:,}", f"{sample.rss_mib:.1f}")
    Console().print(table)
    return samples[-1].rss_mib - samples[len(samples) // 3].rss_mib <= FLAT_MIB


@click.command()
@click.option("--weeks", default=6, show_default=True, help="of new users")
@click.option("--users", default=1_200, show_default=True, help="new in an hour, over all partitions")
@click.option("--hours", default=10, show_default=True, help="of the looping user, at an event a second")
def main(weeks: int, users: int, hours: int) -> None:
    """Show memory over time, and end with 1 if it grows."""
    table = _shown(f"New users, {PARTITIONS} partitions", "users held", list(new_users(weeks, users)))
    loop = _shown("A looping user", "kinds of answers", list(looping_user(hours)))
    sys.exit(not (table and loop))


if __name__ == "__main__":
    main()
