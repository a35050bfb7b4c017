"""The source is written by other teams: whatever their Kafka clients may write, a worker reads it and stays."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import Producer

from demo.checks.decision_follower import LedgerWatch, Place
from demo.traffic.feed import Record
from demo.workers.worker_process import WorkerProcess, command_line
from demo.world import World
from saving_alerts.domain.decisions import Stage
from saving_alerts.domain.reasons import Reason
from tests.end_to_end.conditions import peak_mebibytes, wait_until
from tests.end_to_end.shoppers import good_coupons, patient_rules, visit
from tests.support.batch_bytes import GZIP, LZ4, MEBIBYTE, SNAPPY, ZSTD, batch, framed, write_batch
from tests.support.foreign_batches import NO_UTF_8, HeaderBytes, append, new_batch

pytestmark = pytest.mark.timeout(120)

ANSWER_SECONDS = 30
BOMB_MEBIBYTES = {GZIP: 200, SNAPPY: 40, LZ4: 200, ZSTD: 200}  # the embedded Kafka keeps 5 MB of a partition
BOMB_RECORDS = 3
MOST_MEBIBYTES = 400  # of a worker, which takes less than half of it when it has nothing to do
BATCH = 20  # a batch that would not get smaller is not compressed


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as world:
        world.publish_reference_data()
        world.s3.put("rules.json", patient_rules())
        world.coupon_api.coupons = good_coupons
        yield world


@pytest.fixture(scope="module")
def watch(world: World) -> Iterator[LedgerWatch]:
    with LedgerWatch(world.bootstrap_servers, world.topics.decisions.name) as watch:
        yield watch


@pytest.fixture(scope="module")
def worker(world: World) -> WorkerProcess:
    """It recovers from a changelog that others have written to."""
    garbage = framed(b"no gzip" * 9, GZIP, BOMB_RECORDS)
    asyncio.run(write_raw(world, world.topics.push_sends.name, garbage, BOMB_RECORDS))
    worker = world.start_worker()
    worker.wait_until_ready()
    return worker


@dataclass(frozen=True, slots=True)
class Odd:
    """A record that our own producers would not write."""

    value: Callable[[], bytes | None]
    key: bytes | None = b"u-odd"
    headers: tuple[HeaderBytes, ...] = ()
    timestamp: int = field(default_factory=lambda: int(datetime.now(UTC).timestamp() * 1000))


def produce(world: World, records: list[Record], codec: str) -> list[Place]:
    """Write them as one compressed batch; where they stand."""
    places: list[Place] = []
    configuration = {"linger.ms": 100, "log_level": 0, "compression.type": codec}
    producer = Producer({"bootstrap.servers": world.bootstrap_servers, **configuration})
    for record in records:
        producer.produce(
            world.topics.source.name,
            record.value(),
            record.key,
            partition=0,
            on_delivery=lambda _, message: places.append((message.partition() or 0, message.offset() or 0)),
        )
    assert producer.flush(ANSWER_SECONDS) == 0
    return places


async def write_raw(world: World, topic: str, data: bytes, records: int) -> list[Place]:
    """Write these bytes as one batch of so many records; where they stand."""
    partition, first = await write_batch(world.bootstrap_servers, topic, data, records)
    return [(partition, first + number) for number in range(records)]


def bomb(codec: int) -> bytes:
    return batch([b"{}", BOMB_MEBIBYTES[codec] * MEBIBYTE, b"{}"], codec)


async def write_odd(world: World, odd: Odd) -> Place:
    """Write it alone."""
    batch = new_batch()
    append(batch, 0, odd.value(), odd.headers, odd.key, odd.timestamp)
    async with AIOKafkaProducer(bootstrap_servers=world.bootstrap_servers) as producer:
        builder = producer.create_batch()
        builder._builder, builder._relative_offset = batch, 1
        written = await (await producer.send_batch(builder, world.topics.source.name, partition=0))
    return written.partition, written.offset


def wait_for(worker: WorkerProcess, watch: LedgerWatch, places: list[Place], reason: Reason) -> None:
    def all_have_it() -> bool:
        assert worker.exit_code is None, worker.log()[-2000:]
        return all(watch.reason(place) is reason for place in places)

    wait_until(all_have_it, ANSWER_SECONDS, f"{places} are {reason}")


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_every_compression_of_kafka_is_read(
    world: World, worker: WorkerProcess, watch: LedgerWatch, codec: str
) -> None:
    records = [visit(f"{codec}-{number}", f"u-{codec}-{number}") for number in range(BATCH)]

    places = produce(world, records, codec)

    wait_for(worker, watch, places, Reason.PUSHED)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(Odd(visit("no-key", "u-no-key").value, None), id="no key"),
        pytest.param(Odd(visit("no-time", "u-no-time").value, timestamp=-1), id="no timestamp"),
        pytest.param(Odd(visit("before-1970", "u-before-1970").value, timestamp=-(10**15)), id="before 1970"),
        pytest.param(Odd(visit("far-future", "u-far-future").value, timestamp=2**62), id="in the far future"),
        pytest.param(Odd(visit("odd-key", "u-odd-key").value, NO_UTF_8), id="a key that is no text"),
        pytest.param(Odd(visit("no-name", "u-no-name").value, headers=((b"", None),) * 3), id="headers without a name"),
    ],
)
async def test_what_stands_around_an_event_does_not_matter(
    world: World, worker: WorkerProcess, watch: LedgerWatch, odd: Odd
) -> None:
    place = await write_odd(world, odd)

    wait_for(worker, watch, [place], Reason.PUSHED)


@pytest.mark.asyncio
@pytest.mark.parametrize("value", [None, b"", b"\0" * 1000, NO_UTF_8, b"[" * 100_000], ids=range(5))
async def test_what_is_no_event_is_invalid(
    world: World, worker: WorkerProcess, watch: LedgerWatch, value: bytes | None
) -> None:
    place = await write_odd(world, Odd(lambda: value))

    wait_for(worker, watch, [place], Reason.INVALID)


@pytest.mark.asyncio
async def test_a_header_whose_name_is_no_text_changes_nothing(
    world: World, worker: WorkerProcess, watch: LedgerWatch
) -> None:
    place = await write_odd(world, Odd(visit("odd-header", "u-odd-header").value, headers=((NO_UTF_8, b"any"),)))

    wait_for(worker, watch, [place], Reason.PUSHED)
    explained = command_line(["explain", "--event", "odd-header", "--all"], world.environment)
    assert explained.returncode == 0, explained.stderr
    audited = command_line(["audit"], world.environment)
    assert audited.returncode == 0, audited.stdout + audited.stderr


@pytest.mark.asyncio
@pytest.mark.parametrize("codec", BOMB_MEBIBYTES)
async def test_what_becomes_hundreds_of_megabytes_is_refused_and_the_next_event_is_pushed(
    world: World, worker: WorkerProcess, watch: LedgerWatch, codec: int
) -> None:
    refused = await write_raw(world, world.topics.source.name, bomb(codec), BOMB_RECORDS)
    after = await write_odd(world, Odd(visit(f"after-bomb-{codec}", f"u-after-bomb-{codec}").value))

    wait_for(worker, watch, refused, Reason.INVALID)
    wait_for(worker, watch, [after], Reason.PUSHED)
    assert peak_mebibytes(worker) < MOST_MEBIBYTES


@pytest.mark.asyncio
async def test_what_cannot_be_decompressed_is_refused_and_the_next_event_is_pushed(
    world: World, worker: WorkerProcess, watch: LedgerWatch
) -> None:
    refused = await write_raw(world, world.topics.source.name, framed(b"no gzip" * 9, GZIP, BOMB_RECORDS), BOMB_RECORDS)
    after = await write_odd(world, Odd(visit("after-garbage", "u-after-garbage").value))

    wait_for(worker, watch, refused, Reason.INVALID)
    wait_for(worker, watch, [after], Reason.PUSHED)


@pytest.mark.asyncio
async def test_between_the_stages_it_is_refused_at_its_own_place(
    world: World, worker: WorkerProcess, watch: LedgerWatch
) -> None:
    topic = world.topics.next_stage[Stage.VALIDATE].name
    ((partition, first), *_) = await write_raw(world, topic, bomb(GZIP), BOMB_RECORDS)
    after = await write_odd(world, Odd(visit("after-internal", "u-after-internal").value))

    wait_for(worker, watch, [after], Reason.PUSHED)
    assert worker.exit_code is None
    (letter,) = [line for line in listed_dead_letters(world).splitlines() if f"{topic} {partition} {first}" in line]
    assert "has more than" in letter


@pytest.mark.asyncio
async def test_on_the_topic_of_the_kill_switches_it_is_refused_and_the_switches_are_known(
    world: World, worker: WorkerProcess, watch: LedgerWatch
) -> None:
    """By the worker, which follows the topic, and by a command, which reads it from its beginning."""
    await write_raw(world, world.topics.kill_switches.name, bomb(GZIP), BOMB_RECORDS)

    switched = command_line(
        ["kill", "on", "merchant", "m-nobody", "--reason", "test", "--by", "test", "--wait"], world.environment
    )
    assert switched.returncode == 0, switched.stderr
    assert "m-nobody" in command_line(["kill", "list"], world.environment).stdout
    assert peak_mebibytes(worker) < MOST_MEBIBYTES


def test_after_all_of_it_the_commands_say_what_became_of_every_offset(world: World, worker: WorkerProcess) -> None:
    """Last, because it looks at what the others have written."""
    audited = command_line(["audit"], world.environment)
    explained = command_line(["explain", "--user", "u-after-garbage", "--all"], world.environment)

    assert audited.returncode == 0, audited.stdout + audited.stderr
    assert explained.returncode == 0, explained.stderr
    assert "pushed" in explained.stdout
    assert "has more than" in listed_dead_letters(world)


def listed_dead_letters(world: World) -> str:
    return command_line(["dead-letters", "list", "--since", "1h"], world.environment).stdout
