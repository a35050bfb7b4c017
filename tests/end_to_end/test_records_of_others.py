"""The source is written by other teams: whatever their Kafka clients may write, a worker reads it and stays."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import Producer

from demo.checks.decision_consumer import DecisionConsumer, Position
from demo.traffic.paced_producer import Record
from demo.workers.worker_process import WorkerProcess, command_line
from demo.world import World
from saving_alerts.domain.decisions import Stage
from saving_alerts.domain.reasons import Reason
from tests.end_to_end.conditions import peak_mebibytes, wait_until
from tests.end_to_end.shoppers import good_coupons, long_freshness_rules, visit
from tests.support.batch_bytes import GZIP, LZ4, MEBIBYTE, SNAPPY, ZSTD, batch, framed, write_batch
from tests.support.foreign_batches import NO_UTF_8, HeaderBytes, append, new_batch

pytestmark = pytest.mark.timeout(120)

ANSWER_SECONDS = 30
LARGE_MEBIBYTES = {GZIP: 200, SNAPPY: 40, LZ4: 200, ZSTD: 200}  # the embedded Kafka keeps 5 MB of a partition
LARGE_RECORDS = 3
MOST_MEBIBYTES = 400  # of a worker; one without work takes less than half of it
BATCH = 20  # a batch that would not get smaller is not compressed


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as world:
        world.publish_reference_data()
        world.s3.put("rules.json", long_freshness_rules())
        world.coupon_api.coupons = good_coupons
        yield world


@pytest.fixture(scope="module")
def decisions(world: World) -> Iterator[DecisionConsumer]:
    with DecisionConsumer(world.bootstrap_servers, world.topics.decisions.name) as decisions:
        yield decisions


@pytest.fixture(scope="module")
def worker(world: World) -> WorkerProcess:
    """A worker that has recovered its Table from a changelog with a broken record batch."""
    garbage = framed(b"no gzip" * 9, GZIP, LARGE_RECORDS)
    asyncio.run(write_bytes(world, world.topics.push_sends.name, garbage, LARGE_RECORDS))
    worker = world.start_worker()
    worker.wait_until_ready()
    return worker


@dataclass(frozen=True, slots=True)
class UnusualRecord:
    """A record as other teams' Kafka clients may write it, and ours do not."""

    value: Callable[[], bytes | None]
    key: bytes | None = b"u-unusual"
    headers: tuple[HeaderBytes, ...] = ()
    timestamp: int = field(default_factory=lambda: int(datetime.now(UTC).timestamp() * 1000))


def produce(world: World, records: list[Record], codec: str) -> list[Position]:
    """Write them as one compressed batch; returns their positions."""
    positions: list[Position] = []
    configuration = {"linger.ms": 100, "log_level": 0, "compression.type": codec}
    producer = Producer({"bootstrap.servers": world.bootstrap_servers, **configuration})
    for record in records:
        producer.produce(
            world.topics.source.name,
            record.value(),
            record.key,
            partition=0,
            on_delivery=lambda _, message: positions.append((message.partition() or 0, message.offset() or 0)),
        )
    assert producer.flush(ANSWER_SECONDS) == 0
    return positions


async def write_bytes(world: World, topic: str, data: bytes, records: int) -> list[Position]:
    """Write these bytes as one record batch of so many records; returns their positions."""
    partition, first = await write_batch(world.bootstrap_servers, topic, data, records)
    return [(partition, first + number) for number in range(records)]


def large_batch(codec: int) -> bytes:
    """A small record batch that becomes far larger than the limit when it is decompressed."""
    return batch([b"{}", LARGE_MEBIBYTES[codec] * MEBIBYTE, b"{}"], codec)


async def write_unusual(world: World, unusual: UnusualRecord) -> Position:
    """Write it in a batch of its own."""
    batch = new_batch()
    append(batch, 0, unusual.value(), unusual.headers, unusual.key, unusual.timestamp)
    async with AIOKafkaProducer(bootstrap_servers=world.bootstrap_servers) as producer:
        builder = producer.create_batch()
        builder._builder, builder._relative_offset = batch, 1
        written = await (await producer.send_batch(builder, world.topics.source.name, partition=0))
    return written.partition, written.offset


def wait_for(worker: WorkerProcess, decisions: DecisionConsumer, positions: list[Position], reason: Reason) -> None:
    def all_have_it() -> bool:
        assert worker.exit_code is None, worker.log()[-2000:]
        return all(decisions.reason(position) is reason for position in positions)

    wait_until(all_have_it, ANSWER_SECONDS, f"{positions} are {reason}")


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_every_compression_of_kafka_is_read(
    world: World, worker: WorkerProcess, decisions: DecisionConsumer, codec: str
) -> None:
    records = [visit(f"{codec}-{number}", f"u-{codec}-{number}") for number in range(BATCH)]

    positions = produce(world, records, codec)

    wait_for(worker, decisions, positions, Reason.PUSHED)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "unusual",
    [
        pytest.param(UnusualRecord(visit("no-key", "u-no-key").value, None), id="no key"),
        pytest.param(UnusualRecord(visit("no-time", "u-no-time").value, timestamp=-1), id="no timestamp"),
        pytest.param(UnusualRecord(visit("before-1970", "u-before-1970").value, timestamp=-(10**15)), id="before 1970"),
        pytest.param(UnusualRecord(visit("far-future", "u-far-future").value, timestamp=2**62), id="in the far future"),
        pytest.param(UnusualRecord(visit("unusual-key", "u-unusual-key").value, NO_UTF_8), id="a key that is no text"),
        pytest.param(
            UnusualRecord(visit("no-name", "u-no-name").value, headers=((b"", None),) * 3), id="headers without a name"
        ),
    ],
)
async def test_what_stands_around_an_event_does_not_matter(
    world: World, worker: WorkerProcess, decisions: DecisionConsumer, unusual: UnusualRecord
) -> None:
    position = await write_unusual(world, unusual)

    wait_for(worker, decisions, [position], Reason.PUSHED)


@pytest.mark.asyncio
@pytest.mark.parametrize("value", [None, b"", b"\0" * 1000, NO_UTF_8, b"[" * 100_000], ids=range(5))
async def test_what_is_no_event_is_invalid(
    world: World, worker: WorkerProcess, decisions: DecisionConsumer, value: bytes | None
) -> None:
    position = await write_unusual(world, UnusualRecord(lambda: value))

    wait_for(worker, decisions, [position], Reason.INVALID)


@pytest.mark.asyncio
async def test_a_header_whose_name_is_no_text_changes_nothing(
    world: World, worker: WorkerProcess, decisions: DecisionConsumer
) -> None:
    position = await write_unusual(
        world, UnusualRecord(visit("unusual-header", "u-unusual-header").value, headers=((NO_UTF_8, b"any"),))
    )

    wait_for(worker, decisions, [position], Reason.PUSHED)
    explained = command_line(["explain", "--event", "unusual-header", "--all"], world.environment)
    assert explained.returncode == 0, explained.stderr
    audited = command_line(["audit"], world.environment)
    assert audited.returncode == 0, audited.stdout + audited.stderr


@pytest.mark.asyncio
@pytest.mark.parametrize("codec", LARGE_MEBIBYTES)
async def test_what_becomes_hundreds_of_megabytes_is_refused_and_the_next_event_is_pushed(
    world: World, worker: WorkerProcess, decisions: DecisionConsumer, codec: int
) -> None:
    refused = await write_bytes(world, world.topics.source.name, large_batch(codec), LARGE_RECORDS)
    after = await write_unusual(world, UnusualRecord(visit(f"after-large-{codec}", f"u-after-large-{codec}").value))

    wait_for(worker, decisions, refused, Reason.INVALID)
    wait_for(worker, decisions, [after], Reason.PUSHED)
    assert peak_mebibytes(worker) < MOST_MEBIBYTES


@pytest.mark.asyncio
async def test_what_cannot_be_decompressed_is_refused_and_the_next_event_is_pushed(
    world: World, worker: WorkerProcess, decisions: DecisionConsumer
) -> None:
    refused = await write_bytes(
        world, world.topics.source.name, framed(b"no gzip" * 9, GZIP, LARGE_RECORDS), LARGE_RECORDS
    )
    after = await write_unusual(world, UnusualRecord(visit("after-garbage", "u-after-garbage").value))

    wait_for(worker, decisions, refused, Reason.INVALID)
    wait_for(worker, decisions, [after], Reason.PUSHED)


@pytest.mark.asyncio
async def test_between_the_stages_it_is_refused_at_its_own_position(
    world: World, worker: WorkerProcess, decisions: DecisionConsumer
) -> None:
    topic = world.topics.next_stage[Stage.VALIDATE].name
    ((partition, first), *_) = await write_bytes(world, topic, large_batch(GZIP), LARGE_RECORDS)
    after = await write_unusual(world, UnusualRecord(visit("after-internal", "u-after-internal").value))

    wait_for(worker, decisions, [after], Reason.PUSHED)
    # It may stand in another partition than what was pushed.
    wait_until(lambda: bool(letters(world, topic, partition, first)), ANSWER_SECONDS, "it is a dead letter")
    (dead_letter,) = letters(world, topic, partition, first)
    assert "has more than" in dead_letter
    assert worker.exit_code is None


@pytest.mark.asyncio
async def test_on_the_topic_of_the_kill_switches_it_is_refused_and_the_switches_are_known(
    world: World, worker: WorkerProcess, decisions: DecisionConsumer
) -> None:
    """The worker follows the topic, the command reads it from its beginning."""
    await write_bytes(world, world.topics.kill_switches.name, large_batch(GZIP), LARGE_RECORDS)

    switched = command_line(
        ["kill", "on", "merchant", "m-nobody", "--anyway", "--reason", "test", "--by", "test", "--wait"],
        world.environment,
    )
    assert switched.returncode == 0, switched.stderr
    assert "m-nobody" in command_line(["kill", "list"], world.environment).stdout
    assert peak_mebibytes(worker) < MOST_MEBIBYTES


def test_after_all_of_it_the_commands_say_what_became_of_every_offset(world: World, worker: WorkerProcess) -> None:
    """It is the last test, because it audits what the others wrote."""
    audited = command_line(["audit"], world.environment)
    explained = command_line(["explain", "--user", "u-after-garbage", "--all"], world.environment)

    assert audited.returncode == 0, audited.stdout + audited.stderr
    assert explained.returncode == 0, explained.stderr
    assert "pushed" in explained.stdout
    assert "has more than" in listed_dead_letters(world)


def letters(world: World, topic: str, partition: int, offset: int) -> list[str]:
    """The lines of the dead letters that stood there."""
    return [line for line in listed_dead_letters(world).splitlines() if f"{topic} {partition} {offset}" in line]


def listed_dead_letters(world: World) -> str:
    return command_line(["dead-letters", "list", "--since", "1h"], world.environment).stdout
