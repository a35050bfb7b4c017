"""`record-results` on the embedded Kafka: what shoppers do comes to its alert, also after a stop and a restart."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from demo.servers.kafka import EmbeddedKafka
from saving_alerts.adapters.results_recorder import ResultsRecorder
from saving_alerts.domain.decisions import Decision
from saving_alerts.domain.results.result import JoinedBy, Result
from saving_alerts.kafka.client import commits, partition_of
from saving_alerts.kafka.codecs import decode_result, encode
from saving_alerts.settings import Settings
from saving_alerts.worker.results import open_recorder
from tests.support.fakes.clock import START, FakeClock
from tests.support.fakes.metrics import RecordingMetrics
from tests.support.sample_results import MINUTE, carried, dispatched, shoppers_event

pytestmark = pytest.mark.asyncio

AMONG = 4  # of every topic of the embedded Kafka
WAIT_SECONDS = 60
USER = "u-1"
NUMBER = partition_of(USER.encode(), AMONG)


class Deployment:
    """What others write, and the results of it."""

    def __init__(self, servers: str, writer: AIOKafkaProducer) -> None:
        self.settings = Settings.model_construct(kafka_bootstrap_servers=servers, results=True)
        self.clock = FakeClock(START + timedelta(hours=1))
        self._servers = servers
        self._writer = writer

    async def start(self) -> AsyncExitStack:
        """Close it to stop the recorder."""
        stack = AsyncExitStack()
        await self._topics()
        recorder = await open_recorder(self.settings, self.clock, RecordingMetrics(), stack)
        assert isinstance(recorder, ResultsRecorder)
        return stack

    async def decided(self, *decisions: Decision) -> None:
        for each in decisions:
            await self._write(self.settings.topics.decisions.name, encode(each), each.user_id or "")

    async def done(self, *events: bytes, partition: int = 2) -> None:
        for each in events:
            await self._writer.send_and_wait(self.settings.topics.source.name, each, partition=partition)

    async def garbage(self) -> None:
        topics = self.settings.topics
        assert topics.responses is not None
        for topic in (topics.decisions.name, topics.responses.name):
            await self._write(topic, b'{"dispatch_push": "nonsense', USER)
        await self.done(b'"coupon_redeemed"')

    async def results(self, count: int, *, each_once: bool = True) -> list[Result]:
        """Until so many different ones are written."""
        topics = self.settings.topics
        assert topics.results is not None
        places = [TopicPartition(topics.results.name, number) for number in range(AMONG)]
        found: list[Result] = []
        async with AIOKafkaConsumer(bootstrap_servers=self._servers, auto_offset_reset="earliest") as consumer:
            consumer.assign(places)
            async with asyncio.timeout(WAIT_SECONDS):
                while len({each.result_id for each in found}) < count:
                    found.append(decode_result((await consumer.getone()).value))
            ends = await consumer.end_offsets(places)
        assert not each_once or sum(ends.values()) == len(found), "no other one is written"
        return found

    async def until_committed(self, topic: str, number: int, offset: int) -> None:
        place = TopicPartition(topic, number)
        async with asyncio.timeout(WAIT_SECONDS):
            while await self._committed(place) < offset:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.05)

    async def _committed(self, place: TopicPartition) -> int:
        found = (await commits(self.settings.kafka, self.settings.results_group, [place]))[place]
        return found.offset if found else 0

    async def _write(self, topic: str, value: bytes, user_id: str) -> None:
        key = user_id.encode()
        await self._writer.send_and_wait(topic, value, key=key, partition=partition_of(key, AMONG))

    async def _topics(self) -> None:
        topics = self.settings.topics
        for topic in (topics.source, topics.decisions, *topics.recorded):
            await self._writer.partitions_for(topic.name)


@pytest_asyncio.fixture
async def deployment() -> AsyncIterator[Deployment]:
    with EmbeddedKafka() as kafka:
        async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers) as writer:
            yield Deployment(kafka.bootstrap_servers, writer)


def by(found: Result) -> tuple[str, str, JoinedBy]:
    return found.decision_id, found.kind, found.joined_by


async def test_what_shoppers_do_is_written_with_its_alert_whatever_else_stands_there(deployment: Deployment) -> None:
    await deployment.decided(dispatched(0, variant="friendly"), dispatched(1, user_id="u-2"))
    await deployment.garbage()
    await deployment.done(
        shoppers_event("offer_viewed"),
        shoppers_event("push_opened", decision_id=carried(0)),
        shoppers_event("coupon_redeemed", coupon_id="c-1", user_id="u-2"),
        shoppers_event("coupon_redeemed", coupon_id="c-7"),
    )

    async with await deployment.start():
        found = await deployment.results(2)

    assert sorted(map(by, found)) == sorted(
        [(carried(0), "opened", JoinedBy.ID), (carried(1), "redeemed", JoinedBy.MATCH)]
    )
    assert {each.user_id: each.variant for each in found} == {"u-1": "friendly", "u-2": None}


async def test_after_a_restart_it_knows_what_it_knew_and_writes_nothing_again(deployment: Deployment) -> None:
    await deployment.decided(dispatched(0))
    await deployment.done(shoppers_event("push_opened", decision_id=carried(0)))
    async with await deployment.start():
        await deployment.results(1)
        await deployment.until_committed(deployment.settings.topics.decisions.name, NUMBER, 1)
        await deployment.until_committed("saving-alerts.responses", NUMBER, 1)

    await deployment.done(shoppers_event("coupon_redeemed", coupon_id="c-1"))
    async with await deployment.start():
        found = await deployment.results(2)

    assert [by(each) for each in found] == [
        (carried(0), "opened", JoinedBy.ID),
        (carried(0), "redeemed", JoinedBy.MATCH),
    ]


async def test_a_decision_that_comes_after_its_push_was_opened_finds_it(deployment: Deployment) -> None:
    """Its worker died before it wrote it; another one did, later. Meanwhile record-results was restarted."""
    await deployment.done(shoppers_event("push_opened", decision_id=carried(0)))
    async with await deployment.start():
        await deployment.until_committed("saving-alerts.responses", NUMBER, 1)

    async with await deployment.start():
        await deployment.decided(dispatched(0, at=START - MINUTE))
        found = await deployment.results(1)

    assert [by(each) for each in found] == [(carried(0), "opened", JoinedBy.ID)]


async def test_two_share_the_partitions_and_what_one_leaves_the_other_goes_on_with(deployment: Deployment) -> None:
    users = [f"u-{number}" for number in range(24)]
    decisions = [dispatched(number, user_id=user) for number, user in enumerate(users)]
    redeemed = [shoppers_event("coupon_redeemed", coupon_id="c-1", user_id=user) for user in users]
    opened = [
        shoppers_event("push_opened", decision_id=carried(number), user_id=user) for number, user in enumerate(users)
    ]

    async with await deployment.start():
        async with await deployment.start():
            await deployment.decided(*decisions)
            for number, each in enumerate(redeemed):
                await deployment.done(each, partition=number % AMONG)
            await deployment.results(len(users), each_once=False)
        for number, each in enumerate(opened):
            await deployment.done(each, partition=number % AMONG)
        found = await deployment.results(2 * len(users), each_once=False)

    assert {(each.user_id, each.decision_id, each.kind) for each in found} == {
        (user, carried(number), kind) for number, user in enumerate(users) for kind in ("opened", "redeemed")
    }
