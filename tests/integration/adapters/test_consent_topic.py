"""Consent changes on the embedded Kafka: re-keyed, followed, and not known while either stands still."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack
from functools import partial

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaConnectionError
from click.testing import CliRunner

from demo.servers.kafka import EmbeddedKafka
from demo.traffic.consent_changes import consent_change
from saving_alerts.adapters.consent_records import FROM_HEADER
from saving_alerts.adapters.consent_rekeying import ConsentRekeying
from saving_alerts.adapters.consent_topic import ConsentTopic
from saving_alerts.adapters.known_consent import ConsentTerms, KnownConsent
from saving_alerts.commands.consent.group import consent
from saving_alerts.delivery.outputs import Output, Undelivered
from saving_alerts.delivery.producer import OutputProducer
from saving_alerts.domain.consent import EVERYONE, Origin
from saving_alerts.kafka.client import partition_of
from saving_alerts.ports.consent import NotKnown, OptedOut
from saving_alerts.settings import Settings
from saving_alerts.worker.clock import SystemClock
from saving_alerts.worker.consent import of_the_group, without_a_group
from tests.support.fakes.metrics import RecordingMetrics
from tests.support.recorded_deployment import RecordedDeployment

pytestmark = pytest.mark.asyncio

AMONG = 4  # of every topic of the embedded Kafka
ALL = frozenset(range(AMONG))
SOURCE, TARGET = "saving-consent", "saving-alerts.consent"
STALE_SECONDS = 5.0
WAIT_SECONDS = 30
USER = "u-1"
NUMBER = partition_of(USER.encode(), AMONG)
OUT, IN = consent_change(consent=False), consent_change(consent=True)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not condition():  # noqa: ASYNC110 - nobody tells when a record was read
            await asyncio.sleep(0.02)


class Held:
    """A producer that can be told to write nothing, as in an outage."""

    def __init__(self, producer: OutputProducer) -> None:
        self._producer = producer
        self.goes = asyncio.Event()
        self.goes.set()

    async def deliver(self, outputs: Iterable[Output]) -> list[Undelivered]:
        await self.goes.wait()
        return await self._producer.deliver(outputs)

    async def partition_count(self, topic: str) -> int:
        return await self._producer.partition_count(topic)


class Upstream:
    """A worker's services on a Kafka. While `reachable` is false their consumers cannot connect."""

    def __init__(self, servers: str, opened: AsyncExitStack) -> None:
        self.servers = servers
        self.settings = Settings.model_construct(
            kafka_bootstrap_servers=servers, consent_topic=SOURCE, app_id="saving-alerts"
        )
        self.known = KnownConsent(ConsentTerms(SOURCE, TARGET, STALE_SECONDS, 1_000), SystemClock())
        self.metrics = RecordingMetrics()
        self.reachable = True
        self.opted_out: list[str] = []
        self._opened = opened

    async def start(self) -> None:
        self.writer = await self._opened.enter_async_context(AIOKafkaProducer(bootstrap_servers=self.servers))
        for topic in (SOURCE, TARGET):
            await self.writer.partitions_for(topic)
        output = OutputProducer(partial(AIOKafkaProducer, bootstrap_servers=self.servers), self.metrics)
        self.producer = Held(await self._opened.enter_async_context(output))
        observe = partial(self._connect, of_the_group)
        clock, metrics = SystemClock(), self.metrics
        rekeying = ConsentRekeying(observe, self.producer, (SOURCE, TARGET), clock, metrics, self.opted_out.append)
        connect = partial(self._connect, without_a_group)
        following = ConsentTopic(connect, observe, self.producer, self.known, lambda: ALL, metrics)
        await self._opened.enter_async_context(rekeying)
        await self._opened.enter_async_context(following)

    def _connect(self, make: Callable[[Settings], AIOKafkaConsumer]) -> AIOKafkaConsumer:
        if not self.reachable:
            raise KafkaConnectionError("nobody is there")
        return make(self.settings)

    async def changed(self, value: bytes | None, key: str = USER, partition: int = 1) -> None:
        await self.writer.send_and_wait(SOURCE, value, key=key.encode(), partition=partition)

    async def write(self, value: bytes | None, origin: Origin, partition: int = NUMBER, key: str = USER) -> None:
        """Straight to our topic, as a worker that has slept does."""
        headers = [(FROM_HEADER, origin.written)]
        await self.writer.send_and_wait(TARGET, value, key=key.encode(), partition=partition, headers=headers)

    def has_opted_out(self, user: str = USER) -> bool:
        return isinstance(self.known.against(user), OptedOut)

    def may_be_pushed(self, user: str = USER) -> bool:
        return self.known.against(user) is None

    def is_unknown(self, user: str = USER) -> bool:
        return isinstance(self.known.against(user), NotKnown)

    async def values(self, partition: int = NUMBER) -> list[bytes | None]:
        """What stands on our topic."""
        where = TopicPartition(TARGET, partition)
        async with AIOKafkaConsumer(bootstrap_servers=self.servers, auto_offset_reset="earliest") as consumer:
            consumer.assign([where])
            (end,) = (await consumer.end_offsets([where])).values()
            return [(await consumer.getone()).value for _ in range(end)]


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[Upstream]:
    with EmbeddedKafka() as kafka:
        async with AsyncExitStack() as opened:
            yield Upstream(kafka.bootstrap_servers, opened)


async def test_an_opt_out_is_obeyed_until_an_opt_in(upstream: Upstream) -> None:
    await upstream.start()
    assert upstream.is_unknown()
    await until(upstream.may_be_pushed)
    await upstream.changed(OUT)
    await until(upstream.has_opted_out)
    await upstream.changed(IN)
    await until(upstream.may_be_pushed)

    assert await upstream.values() == [b"", None]
    assert upstream.opted_out == [USER]


async def test_what_a_worker_that_slept_overwrites_is_written_again(upstream: Upstream) -> None:
    await upstream.start()
    await upstream.changed(IN)
    await upstream.changed(OUT)
    await until(upstream.has_opted_out)

    await upstream.write(None, Origin(1, 0, 1, AMONG))

    async with asyncio.timeout(WAIT_SECONDS):
        while await upstream.values() != [None, b"", None, b""]:
            assert not upstream.may_be_pushed()
    await until(upstream.has_opted_out)


async def test_what_stands_in_the_partition_of_before_is_moved(upstream: Upstream) -> None:
    await upstream.start()
    wrong = (NUMBER + 1) % AMONG
    await upstream.write(b"", Origin(1, 0, 1, AMONG // 2), partition=wrong)

    await until(upstream.has_opted_out)

    assert await upstream.values() == [b""]
    assert await upstream.values(wrong) == [b"", None]


async def test_while_nothing_is_re_keyed_nothing_is_known(upstream: Upstream) -> None:
    await upstream.start()
    await until(upstream.may_be_pushed)
    upstream.producer.goes.clear()
    await upstream.changed(OUT)
    behind = "waits until saving-consent is re-keyed: partition 1 is at 0 of 1"
    # It may be unknown for another reason first, as on a machine that is too busy to look in time.
    await until(lambda: upstream.is_unknown() and behind in str(upstream.known.against(USER)))
    upstream.producer.goes.set()
    await until(upstream.has_opted_out)


async def test_while_kafka_cannot_be_reached_nothing_is_known(upstream: Upstream) -> None:
    upstream.reachable = False
    await upstream.start()
    await upstream.changed(OUT)
    await until(lambda: len(upstream.known.problems) == 2)
    assert upstream.is_unknown()
    assert "nobody is there" in str(upstream.known.against(USER))

    upstream.reachable = True

    await until(upstream.has_opted_out)
    # What follows the topic and what looks at it connect each for itself.
    await until(lambda: upstream.known.problems == {})


async def test_everybodys_opt_out_is_lifted_by_the_command(upstream: Upstream) -> None:
    await upstream.start()
    await until(upstream.may_be_pushed)
    for number in ALL:
        await upstream.write(b"nobody can read it", Origin(1, 0, 1, AMONG), number, EVERYONE.decode())
    await until(lambda: upstream.has_opted_out() and upstream.has_opted_out("u-2"))

    environment = RecordedDeployment(upstream.servers, "saving-alerts").environment
    run = partial(
        CliRunner().invoke, consent, ["lift", "--yes"], env=environment | {"SAVING_ALERTS_CONSENT_TOPIC": SOURCE}
    )
    result = await asyncio.to_thread(run)

    assert (result.exit_code, result.output) == (0, "lifted in 4 partitions\n")
    await until(lambda: upstream.may_be_pushed() and upstream.may_be_pushed("u-2"))
