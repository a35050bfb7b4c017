"""What Kafka is asked beside reading and writing records: topics, commits, members."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import lru_cache

import stamina
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaConnectionError, KafkaError, NodeNotReadyError, for_code
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.structs import OffsetAndMetadata

from saving_alerts.kafka.connection import KafkaConnection, KafkaFailedError
from saving_alerts.kafka.consumers import new_consumer
from saving_alerts.kafka.refusals import in_words, refusal_of

COORDINATOR_TIMEOUT_SECONDS = 15  # how long failures that Kafka calls temporary are retried, say a loading group
CREATE_COMMAND = "saving-alerts topics create"

_partitioner = DefaultPartitioner()


# The driver's errors → KafkaFailedError, all of them: no caller treats one of them in another way.
_FOREIGN_ERRORS: tuple[type[Exception], ...] = (KafkaError, OSError, TimeoutError)


@contextmanager
def translated_errors(what: str) -> Iterator[None]:
    """Raises KafkaFailedError for every error of the driver inside; its text begins with `what`."""
    try:
        yield
    except _FOREIGN_ERRORS as error:
        raise KafkaFailedError(f"{what}: {in_words(error)}") from error


@asynccontextmanager
async def reaching(connection: KafkaConnection) -> AsyncIterator[None]:
    """As `translated_errors`, for what has to reach a broker first: where the brokers refuse us, it says why."""
    with translated_errors(f"Kafka at {connection.bootstrap_servers}"):
        try:
            yield
        except (KafkaConnectionError, NodeNotReadyError) as error:
            if (refusal := await refusal_of(connection)) is not None:
                raise refusal from error
            raise


@asynccontextmanager
async def admin_client(connection: KafkaConnection) -> AsyncIterator[AIOKafkaAdminClient]:
    """A started admin client, closed at the end. Raises KafkaFailedError, also for errors of the driver inside."""
    async with reaching(connection):
        client = AIOKafkaAdminClient(**connection.options())
        try:
            await client.start()
            yield client
        finally:
            await client.close()


@lru_cache(maxsize=65536)  # users: bounds the memory
def partition_of(key: bytes, partitions: int) -> int:
    """The partition that Kafka's standard partitioner (murmur2) chooses for `key`, of so many."""
    number: int = _partitioner(key, range(partitions), ())
    return number


async def partition_counts(connection: KafkaConnection) -> dict[str, int]:
    """The number of partitions of every topic. It asks for all topics: a question for one by name could create it."""
    async with admin_client(connection) as client:
        described = await client.describe_topics()
    return {topic["topic"]: len(topic["partitions"]) for topic in described if not topic["error_code"]}


async def config_of(client: AIOKafkaAdminClient, topic: str) -> dict[str, str]:
    """How a topic is set. Raises KafkaFailedError, or IncompatibleBrokerVersion where the cluster does not tell."""
    (answer,) = await client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    (resource,) = answer.resources
    error_code, text, _, _, entries = resource
    if error_code:
        raise KafkaFailedError(f"{topic}: {text or for_code(error_code).__name__}")
    return {entry[0]: entry[1] for entry in entries}


async def unequal_or_missing(connection: KafkaConnection, names: Sequence[str], *others: str) -> str | None:
    """Why a worker must not start with these topics, and the command that helps; None if it may start.

    `names` must exist with one number of partitions, `others` with any. Raises KafkaFailedError.
    """
    counts = await partition_counts(connection)
    missing = {name: None for name in others if name not in counts}
    return mismatch({**{name: counts.get(name) for name in names}, **missing})


def mismatch(counts: Mapping[str, int | None]) -> str | None:
    """As `unequal_or_missing`, from known counts of partitions. None as a count means that there is no such topic."""
    found = set(counts.values())
    if len(found) == 1 and None not in found:
        return None
    lines = [f"  {name}: {'missing' if count is None else count}" for name, count in counts.items()]
    mend = "creates the missing ones" if None in found else "says how to mend it"
    rule = "All topics must be there, with the same number of partitions:"
    unseen = " A topic that our user may not describe looks as if it were missing." if None in found else ""
    return "\n".join([rule, *lines, f"`{CREATE_COMMAND}` {mend}.{unseen}"])


def differences(counts: Mapping[str, int | None]) -> str | None:
    """In a few words which of these topics are not like the others; None when all have as many partitions."""
    found = Counter(count for count in counts.values() if count is not None)
    if not found:
        return "no topic is there"
    most_have = found.most_common(1)[0][0]
    odd = {name: count for name, count in counts.items() if count is None or count != most_have}
    if not odd:
        return None
    named = ", ".join(f"{name} {'is missing' if count is None else f'has {count}'}" for name, count in odd.items())
    return f"{named}; the others have {most_have} partitions"


class _IncompleteAnswerError(KafkaFailedError):
    """The coordinator's answer lacks partitions because it is still loading them. That must not look like no commit."""


def _is_temporary(error: Exception) -> bool:
    cause = error.__cause__ if isinstance(error, KafkaFailedError) else error
    return isinstance(error, _IncompleteAnswerError) or (isinstance(cause, KafkaError) and cause.retriable)


def retried(timeout_seconds: float = COORDINATOR_TIMEOUT_SECONDS) -> AsyncIterator[stamina.Attempt]:
    """Attempts for what a group's coordinator is asked, until one succeeds or fails for good, or time is up."""
    return stamina.retry_context(on=_is_temporary, attempts=None, timeout=timeout_seconds)


@dataclass(frozen=True, slots=True)
class Commit:
    """What a group committed for a partition: the next offset to read, and Kafka's metadata text beside it."""

    offset: int
    text: str


async def committed_offsets(
    connection: KafkaConnection, group: str, topics: Mapping[str, Iterable[int]]
) -> dict[str, dict[int, int | None]]:
    """The group's committed offsets by topic and partition, all from one answer of Kafka; None where there is none.

    Raises KafkaFailedError.
    """
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
    """The group's commits with their texts, all from one answer; None where there is none. Raises KafkaFailedError."""
    async for attempt in retried():
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
    """Whether a committed record at or behind `offset` can be read within the timeout; False also if Kafka fails."""
    consumer = new_consumer(connection, isolation_level="read_committed", auto_offset_reset="none")
    try:
        async with asyncio.timeout(timeout_seconds):
            await consumer.start()
            consumer.assign([partition])
            consumer.seek(partition, offset)
            await consumer.getone(partition)
    except _FOREIGN_ERRORS:
        return False
    finally:
        await consumer.stop()
    return True


async def members_of(connection: KafkaConnection, group: str) -> dict[str, str]:
    """The workers in the group now: the address of each by its member ID. Raises KafkaFailedError."""
    async for attempt in retried():
        with attempt:
            async with admin_client(connection) as client:
                (answer,) = await client.describe_consumer_groups([group])
    (described,) = answer.groups
    return {member[0]: member[2].removeprefix("/") for member in described[5]}


async def write_commit(connection: KafkaConnection, group: str, partition: TopicPartition, commit: Commit) -> None:
    """Commit for a group without members. Raises KafkaFailedError, also if the group has members."""
    async with _consumer(connection, group) as consumer:
        consumer.assign([partition])
        await consumer.commit({partition: OffsetAndMetadata(commit.offset, commit.text)})


@asynccontextmanager
async def _consumer(connection: KafkaConnection, group: str | None = None) -> AsyncIterator[AIOKafkaConsumer]:
    async with reaching(connection):
        consumer = new_consumer(connection, group_id=group, enable_auto_commit=False)
        try:
            await consumer.start()
            yield consumer
        finally:
            await consumer.stop()
