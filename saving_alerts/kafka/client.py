"""How to reach Kafka: the one place that turns addresses and credentials into what aiokafka's clients take."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import lru_cache

import stamina
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.structs import OffsetAndMetadata

from saving_alerts.kafka.header_names import read_any_header_name

COORDINATOR_TIMEOUT_SECONDS = 15
CREATE_COMMAND = "saving-alerts topics create"

_partitioner = DefaultPartitioner()
read_any_header_name()


class KafkaFailedError(Exception):
    """Kafka did not do what was asked. The text is one sentence for an operator."""


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """Where the brokers are and how to log in; the same for every client."""

    bootstrap_servers: str
    security_protocol: str = "PLAINTEXT"
    ca_file: str | None = None
    sasl_mechanism: str = "SCRAM-SHA-512"
    sasl_username: str | None = None
    sasl_password: str | None = field(default=None, repr=False)

    def options(self) -> dict[str, object]:
        """Keyword arguments for any of aiokafka's clients. Reads `ca_file`, so it can raise OSError."""
        options: dict[str, object] = {
            "bootstrap_servers": self.bootstrap_servers,
            "security_protocol": self.security_protocol,
        }
        if context := self.ssl_context():
            options["ssl_context"] = context
        if self.security_protocol.startswith("SASL"):
            options["sasl_mechanism"] = self.sasl_mechanism
            options["sasl_plain_username"] = self.sasl_username
            options["sasl_plain_password"] = self.sasl_password
        return options

    def ssl_context(self) -> ssl.SSLContext | None:
        """None for an unencrypted connection. Raises OSError where `ca_file` cannot be read."""
        return ssl.create_default_context(cafile=self.ca_file) if self.security_protocol.endswith("SSL") else None


@contextmanager
def translated_errors(what: str) -> Iterator[None]:
    """Whatever the driver raises inside comes out as KafkaFailedError that begins with `what`."""
    try:
        yield
    except (KafkaError, OSError, TimeoutError) as error:
        raise KafkaFailedError(f"{what}: {_in_words(error)}") from error


def _in_words(error: Exception) -> str:
    """Some of the driver's errors have no text, and its own name for them says what they are."""
    return str(error) or type(error).__name__


@asynccontextmanager
async def admin_client(connection: KafkaConnection) -> AsyncIterator[AIOKafkaAdminClient]:
    """A started admin client, closed at the end. Raises KafkaFailedError where no broker answers."""
    with translated_errors(f"Kafka at {connection.bootstrap_servers}"):
        client = AIOKafkaAdminClient(**connection.options())
        try:
            await client.start()
            yield client
        finally:
            await client.close()


@lru_cache(maxsize=65536)
def partition_of(key: bytes, partitions: int) -> int:
    """Where Kafka's standard partitioner (murmur2) puts `key` among so many partitions."""
    number: int = _partitioner(key, range(partitions), ())
    return number


async def partition_counts(connection: KafkaConnection) -> dict[str, int]:
    """How many partitions each topic of the cluster has. It asks for all, so that asking creates none."""
    async with admin_client(connection) as client:
        described = await client.describe_topics()
    return {topic["topic"]: len(topic["partitions"]) for topic in described if not topic["error_code"]}


async def unequal_or_missing(connection: KafkaConnection, names: Sequence[str], *others: str) -> str | None:
    """Why a worker must not start with these topics, with the command that mends it; None when all is well.

    `others` must be there, with any number of partitions.
    """
    counts = await partition_counts(connection)
    missing = {name: None for name in others if name not in counts}
    return mismatch({**{name: counts.get(name) for name in names}, **missing})


def mismatch(counts: Mapping[str, int | None]) -> str | None:
    """As `unequal_or_missing`, from counts already known; None as a count: there is no such topic."""
    found = set(counts.values())
    if len(found) == 1 and None not in found:
        return None
    lines = [f"  {name}: {'missing' if count is None else count}" for name, count in counts.items()]
    mend = "creates the missing ones" if None in found else "says how to mend it"
    rule = "All topics must be there, with the same number of partitions:"
    return "\n".join([rule, *lines, f"`{CREATE_COMMAND}` {mend}."])


class _IncompleteAnswerError(KafkaFailedError):
    """The group's coordinator left partitions out: it is still loading them, and that must not look like no commit."""


def _is_passing(error: Exception) -> bool:
    cause = error.__cause__ if isinstance(error, KafkaFailedError) else error
    return isinstance(error, _IncompleteAnswerError) or (isinstance(cause, KafkaError) and cause.retriable)


@dataclass(frozen=True, slots=True)
class Commit:
    """What a group committed for a partition: the next offset to read, and the text kept with it."""

    offset: int
    text: str


async def committed_offsets(
    connection: KafkaConnection, group: str, topics: Mapping[str, Iterable[int]]
) -> dict[str, dict[int, int | None]]:
    """What the group has committed, of all topics in one answer; None where nothing is committed yet."""
    wanted = [TopicPartition(topic, number) for topic, numbers in topics.items() for number in numbers]
    committed = await commits(connection, group, wanted)
    offsets: dict[str, dict[int, int | None]] = {topic: {} for topic in topics}
    for partition in wanted:
        commit = committed[partition]
        offsets[partition.topic][partition.partition] = commit.offset if commit else None
    return offsets


async def commits(
    connection: KafkaConnection, group: str, partitions: Sequence[TopicPartition]
) -> dict[TopicPartition, Commit | None]:
    """As `committed_offsets`, with the texts. Raises KafkaFailedError."""
    async for attempt in stamina.retry_context(on=_is_passing, attempts=None, timeout=COORDINATOR_TIMEOUT_SECONDS):
        with attempt:
            return await _committed(connection, group, partitions)
    raise AssertionError("the retries end in an answer or in an error")


async def _committed(
    connection: KafkaConnection, group: str, wanted: Sequence[TopicPartition]
) -> dict[TopicPartition, Commit | None]:
    async with admin_client(connection) as client:
        found = await client.list_consumer_group_offsets(group, partitions=list(wanted))
    if missing := set(wanted) - found.keys():
        raise _IncompleteAnswerError(f"the coordinator of group {group} says nothing about {len(missing)} partitions")
    return {partition: _commit(found[partition].offset, found[partition].metadata) for partition in wanted}


def _commit(offset: int, text: str | None) -> Commit | None:
    return Commit(offset, text or "") if offset >= 0 else None


async def has_record(
    connection: KafkaConnection, partition: TopicPartition, offset: int, timeout_seconds: float
) -> bool:
    """Whether a committed record at or behind `offset` can be read now; False also where Kafka does not answer."""
    consumer = AIOKafkaConsumer(**connection.options(), isolation_level="read_committed", auto_offset_reset="none")
    try:
        async with asyncio.timeout(timeout_seconds):
            await consumer.start()
            consumer.assign([partition])
            consumer.seek(partition, offset)
            await consumer.getone(partition)
    except (KafkaError, OSError, TimeoutError):
        return False
    finally:
        await consumer.stop()
    return True


async def members_of(connection: KafkaConnection, group: str) -> dict[str, str]:
    """The workers that are in the group now: how the group calls each, and its address. Raises KafkaFailedError."""
    async for attempt in stamina.retry_context(on=_is_passing, attempts=None, timeout=COORDINATOR_TIMEOUT_SECONDS):
        with attempt:
            async with admin_client(connection) as client:
                (answer,) = await client.describe_consumer_groups([group])
    (described,) = answer.groups
    return {member[0]: member[2].removeprefix("/") for member in described[5]}


async def write_commit(connection: KafkaConnection, group: str, partition: TopicPartition, commit: Commit) -> None:
    """Change where a group without members begins. Kafka refuses it for one with members."""
    async with _reader(connection, group) as consumer:
        consumer.assign([partition])
        await consumer.commit({partition: OffsetAndMetadata(commit.offset, commit.text)})


@asynccontextmanager
async def _reader(connection: KafkaConnection, group: str | None = None) -> AsyncIterator[AIOKafkaConsumer]:
    with translated_errors(f"Kafka at {connection.bootstrap_servers}"):
        consumer = AIOKafkaConsumer(**connection.options(), group_id=group, enable_auto_commit=False)
        try:
            await consumer.start()
            yield consumer
        finally:
            await consumer.stop()
