"""Everything that stands in an embedded world at one moment, as lines."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from redis import asyncio as aioredis

from demo.world import World
from saving_alerts.adapters.redis_connection import connect
from saving_alerts.domain.decisions import Receipt
from saving_alerts.kafka.client import commits
from saving_alerts.kafka.codecs import decode_ledger
from saving_alerts.kafka.connection import KafkaConnection
from saving_alerts.kafka.topics import Topics
from tests.recorded.claim_answers import as_bytes, claims_in, keys_of, milliseconds_now
from tests.recorded.lines import Line, Raw, line_of
from tests.recorded.readings import PARTITIONS

GROUP = "saving-alerts"
TIMEOUT_SECONDS = 5
FOR_STAGES = ("validated", "candidates", "alerts")
FOR_OTHERS = ("decisions", "dead_letters", "push_sends", "kill_switches")
EVERY_KIND = (*FOR_STAGES, *FOR_OTHERS)


@dataclass(slots=True)
class Taken:
    """Lines by their kind, in the order they were written."""

    lines: dict[str, list[Line]] = field(default_factory=dict)

    def add(self, kind: str, *lines: Line) -> None:
        self.lines.setdefault(kind, []).extend(lines)

    async def take_records(self, world: World, act: str, kinds: Collection[str] = EVERY_KIND) -> None:
        """All that stands on the topics of this world."""
        now = datetime.now(UTC)
        for kind, topic in ((kind, topic) for kind, topic in _topics(world.topics).items() if kind in kinds):
            for record in await records_on(world.bootstrap_servers, topic):
                self.add(_kind_of(kind, record), line_of(act, record, now))

    async def take_notes(self, world: World, about: str) -> None:
        """What the group keeps with its commits now."""
        wanted = [TopicPartition(topic.name, n) for topic in world.topics.inputs.values() for n in range(PARTITIONS)]
        for partition, commit in (await commits(KafkaConnection(world.bootstrap_servers), GROUP, wanted)).items():
            if commit is not None:
                key = Raw.of(f"{partition.topic}/{partition.partition}@{commit.offset}".encode())
                self.add("notes", Line(about=about, key=key, value=Raw.of(commit.text.encode())))

    async def take_claims(self, world: World, act: str) -> None:
        """Of all users."""
        async with connect(world.redis.url, TIMEOUT_SECONDS, max_connections=2) as client:
            self.add("redis_claims", *await claims_in(client, act))

    async def take_heartbeats(self, world: World, act: str) -> None:
        """The rows of all workers that live now, and their index."""
        async with connect(world.redis.url, TIMEOUT_SECONDS, max_connections=2) as client:
            for key in await keys_of(client, "*workers:*"):
                self.add("redis_heartbeats", await _heartbeat_at(client, act, key))


def _topics(topics: Topics) -> dict[str, str]:
    return {
        "validated": topics.validated.name,
        "candidates": topics.candidates.name,
        "alerts": topics.alerts.name,
        "decisions": topics.decisions.name,
        "dead_letters": topics.dead_letters.name,
        "push_sends": topics.push_sends.name,
        "kill_switches": topics.kill_switches.name,
    }


def _kind_of(kind: str, record: ConsumerRecord) -> str:
    return "receipts" if kind == "decisions" and isinstance(decode_ledger(record.value), Receipt) else kind


async def records_on(bootstrap_servers: str, topic: str) -> list[ConsumerRecord]:
    """All that stands on a topic now, partition by partition."""
    partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest") as consumer:
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        return [await consumer.getone(partition) for partition in partitions for _ in range(ends[partition])]


async def _heartbeat_at(client: aioredis.Redis, act: str, key: bytes) -> Line:
    """The index is a set of keys: its members are kept in one JSON list."""
    kind = as_bytes(await client.type(key)).decode()
    if kind == "set":
        value = msgspec.json.encode(sorted(as_bytes(member).decode() for member in await client.smembers(key)))
    else:
        value = as_bytes(await client.get(key))
    now = await milliseconds_now(client)
    return Line(about=act, key=Raw.of(key), value=Raw.of(value), redis_type=kind, taken_at=now)
