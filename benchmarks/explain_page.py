"""How long a look on `/explain` takes among millions of decisions, and `/health/live` of that worker meanwhile.

And `saving-alerts explain` of the same users. A user's decisions are in one partition, and only that one is read.
The figures go into benchmarks/RESULTS.md. It ends with 1 where a look takes more than 5 s, or health more than 50 ms.

python -m benchmarks.explain_page --decisions 5000000
"""

import argparse
import asyncio
import secrets
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median

from aiohttp import ClientSession, CookieJar
from confluent_kafka import Producer
from rich.console import Console
from rich.progress import track

from benchmarks.deployment import create_deployment
from benchmarks.exit import print_measured
from benchmarks.results import machine, table, write_section
from benchmarks.source import BUFFERED_RECORDS, FLUSH_TIMEOUT_SECONDS, PARTITIONS
from demo.workers.worker_process import command_line
from demo.world import World
from saving_alerts.domain.decisions import Decision, Stage, StageTimes, Versions, decision_id
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.client import partition_of
from saving_alerts.kafka.codecs import encode
from tests.kafka_cluster.cluster import KafkaCluster

TITLE = "A look at a user"
DECISIONS = 5_000_000
OF_USER = 10  # decisions of each user
LOOKS = 7
WANTED_SECONDS = 5.0
WANTED_HEALTH_SECONDS = 0.05
HEALTH_PAUSE_SECONDS = 0.01
CALM_SECONDS = 3.0
# A worker that is not behind writes the decisions of a few events at a time; one that catches up, hundreds.
BATCHES = (20, 500)
REFUSALS = [
    {"rule_id": "at-the-store", "clause": "min_discount_percent"},
    {"rule_id": "offer-viewed", "clause": "event_types"},
    {"rule_id": "new-favourite", "clause": "event_types"},
]
HEAD = (
    "records of a batch",
    "look, median",
    "look, slowest",
    "command, median",
    "command, slowest",
    "health, median",
    "health, slowest",
    "health before, slowest",
)


@dataclass(frozen=True, slots=True)
class Looked:
    """Seconds of each look, and of each answer of `/health/live` meanwhile; `alone` is health before them.

    `commands`: seconds of each `saving-alerts explain`, of a process from its start to its end.
    """

    looks: list[float]
    commands: list[float]
    health: list[float]
    alone: list[float]

    @property
    def is_as_wanted(self) -> bool:
        return max(*self.looks, *self.commands) <= WANTED_SECONDS and max(self.health) <= WANTED_HEALTH_SECONDS

    def row(self, batch: int) -> list[str]:
        health = [f"{seconds * 1000:.0f} ms" for seconds in (median(self.health), max(self.health), max(self.alone))]
        told = [f"{found(each):.1f} s" for each in (self.looks, self.commands) for found in (median, max)]
        return [str(batch), *told, *health]


def main() -> int:
    """The exit code."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--decisions", type=int, default=DECISIONS, help=f"on the topic ({DECISIONS:,})")
    decisions: int = arguments.parse_args().decisions
    return print_measured(lambda: _measured(decisions))


def _measured(decisions: int) -> str:
    found = {}
    for batch in BATCHES:
        with KafkaCluster(brokers=1) as cluster, World(cluster.bootstrap_servers) as world:
            found[batch] = _measure(world, decisions, batch)
    method = (
        f"{decisions:,} decisions of {decisions // OF_USER:,} users on {PARTITIONS} partitions, all of one day, and "
        f"one worker with every setting at its default but the token. {LOOKS} looks at users over HTTP, one after the "
        f"other, then as many commands; `/health/live` every {HEALTH_PAUSE_SECONDS * 1000:.0f} ms beside the looks. "
        f"Wanted: {WANTED_SECONDS:g} s and {WANTED_HEALTH_SECONDS * 1000:.0f} ms."
    )
    rows = table(HEAD, [looked.row(batch) for batch, looked in found.items()])
    written = write_section(TITLE, machine(), method, rows)
    if not all(looked.is_as_wanted for looked in found.values()):
        raise RuntimeError(f"slower than wanted:\n{rows}")
    return written


def _measure(world: World, decisions: int, batch: int) -> Looked:
    token = secrets.token_hex(16)
    environment = {**create_deployment(world), "SAVING_ALERTS_EXPLAIN_TOKEN": token}
    _fill(world, decisions, batch)
    worker = world.start_worker(environment)
    worker.wait_until_ready()
    users = [f"u-{number * (decisions // OF_USER // LOOKS)}" for number in range(LOOKS)]
    looks, health, alone = asyncio.run(_looked(worker.page, token, users))
    return Looked(looks, [_command({**world.environment, **environment}, user) for user in users], health, alone)


def _command(environment: dict[str, str], user: str) -> float:
    began = time.monotonic()
    ended = command_line(["explain", "--user", user], environment)
    if ended.returncode or ended.stdout.count(Reason.RULE_REFUSED.row.text) != OF_USER:
        raise RuntimeError(f"{ended.returncode}, not {OF_USER} events of {user}: {ended.stderr or ended.stdout[:300]}")
    return time.monotonic() - began


async def _looked(page: str, token: str, users: list[str]) -> tuple[list[float], list[float], list[float]]:
    async with ClientSession(page, cookie_jar=CookieJar(unsafe=True)) as session:
        (await session.post("/explain", data={"token": token})).raise_for_status()
        alone = await _health_while(session, asyncio.create_task(asyncio.sleep(CALM_SECONDS)))
        looks, health = [], list[float]()
        for user in users:
            look = asyncio.create_task(_look(session, user))
            health += await _health_while(session, look)
            looks.append(await look)
    return looks, health, alone


async def _look(session: ClientSession, user: str) -> float:
    began = time.monotonic()
    answer = await session.get("/explain", params={"user": user})
    text = await answer.text()
    if (found := text.count("<article>")) != OF_USER:
        raise RuntimeError(f"{answer.status}, {found} events of {user}: {text[:300]}")
    return time.monotonic() - began


async def _health_while(session: ClientSession, other: "asyncio.Task[object]") -> list[float]:
    seconds = []
    while not other.done():
        began = time.monotonic()
        await (await session.get("/health/live")).read()
        seconds.append(time.monotonic() - began)
        await asyncio.sleep(HEALTH_PAUSE_SECONDS)
    return seconds


def _fill(world: World, decisions: int, batch: int) -> None:
    settings = {"bootstrap.servers": world.bootstrap_servers, "queue.buffering.max.messages": BUFFERED_RECORDS}
    producer = Producer({**settings, "batch.num.messages": batch, "linger.ms": 200})
    topic, written = world.topics.decisions.name, _decisions(decisions)
    for key, value in track(written, "writing decisions", total=decisions, console=Console(stderr=True)):
        while True:
            try:
                producer.produce(topic, value, key, partition_of(key, PARTITIONS))
                break
            except BufferError:
                producer.poll(0.1)
    if producer.flush(FLUSH_TIMEOUT_SECONDS):
        raise RuntimeError(f"Kafka did not take all decisions in {FLUSH_TIMEOUT_SECONDS} s")


TIMELINE = (
    StageTimes("validate", 0, 3),
    StageTimes("query_coupons", 12, 222),
    StageTimes("evaluate_rules", 230, 231),
)


def _decisions(count: int) -> Iterator[tuple[bytes, bytes]]:
    """As workers write them, with what a sentence needs."""
    now, users = datetime.now(UTC), max(count // OF_USER, 1)
    for number in range(count):
        user = f"u-{number % users}"
        position = SourcePosition("saving-events", number % PARTITIONS, number // PARTITIONS)
        read_at = now - timedelta(hours=12)
        decision = Decision(
            decision_id=decision_id(position, Reason.RULE_REFUSED),
            position=position,
            stage=Stage.EVALUATE_RULES,
            reason=Reason.RULE_REFUSED,
            decided_at=read_at + timedelta(milliseconds=300),
            worker="worker-1",
            read_at=read_at,
            occurred_at=read_at - timedelta(seconds=1),
            event_id=f"0192f0c1-5b7e-7d3a-9c54-{number:012x}",
            user_id=user,
            merchant_id=f"m-{number % 300}",
            event_type="geofence_entered",
            details={"refusals": REFUSALS},
            versions=Versions(rules="8493fa29bf7d", merchants="0c301c19b2a8"),
            timezone="Europe/Berlin",
            locale="de-DE",
            merchant_name="Bäckerei Nord",
            timeline=TIMELINE,
        )
        yield user.encode(), encode(decision)


if __name__ == "__main__":
    sys.exit(main())
