"""What is left of a user on each topic, and by when it is gone as the topics are set."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from itertools import count

import pytest
from aiokafka import AIOKafkaProducer

from demo.servers.kafka import EmbeddedKafka
from saving_alerts.domain.erasures import ErasureOrder, Tokens
from saving_alerts.domain.moments import EPOCH
from saving_alerts.domain.push_sends import PushSend
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.client import partition_of
from saving_alerts.kafka.codecs import encode
from saving_alerts.kafka.connection import KafkaConnection
from saving_alerts.kafka.push_send_rows import ROW_VALUE, SendRow
from saving_alerts.kafka.topics import Topic, Topics
from saving_alerts.ledger.erasure_traces import Search, Trace
from saving_alerts.ledger.removal import SLACK
from tests.support.fakes.clock import START

AMONG = 4  # of every topic of the embedded Kafka
TOKENS = Tokens("a secret of the tests, of 32 letters")
USER, LONGER = "u-1", "u-10"
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
START_MS = (START - EPOCH) // timedelta(milliseconds=1)
DAY_MS = str(DAY // timedelta(milliseconds=1))
DELETED = {"cleanup.policy": "delete", "retention.ms": DAY_MS, "segment.ms": DAY_MS}
COMPACTED = {"cleanup.policy": "compact", "retention.ms": "-1", "segment.ms": DAY_MS, "max.compaction.lag.ms": DAY_MS}
BOTH = COMPACTED | {"cleanup.policy": "compact,delete", "retention.ms": DAY_MS}
SEND = PushSend(merchant_id="m", sent_at=START, position=SourcePosition("t", 0, 1), event_id="e")

numbers = count()


class Silence:
    def begin(self, topic: str, offsets: int) -> Callable[[int], None]:
        return lambda _: None


class Deployment:
    """Topics of its own. The records of a call are written an hour one after the other."""

    def __init__(self, servers: str) -> None:
        self.connection = KafkaConnection(bootstrap_servers=servers)
        name = f"traces{next(numbers)}"
        self.topics = Topics.named(f"{name}-events", name, consent_changes=f"{name}-consent", erases=True, results=True)

    def write(self, topic: Topic | None, *records: tuple[bytes, bytes | None], user: str = USER) -> None:
        assert topic is not None
        asyncio.run(self._write(topic.name, records, partition_of(user.encode(), AMONG)))

    async def _write(self, topic: str, records: tuple[tuple[bytes, bytes | None], ...], number: int) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self.connection.bootstrap_servers) as producer:
            for each in self.topics.all:
                await producer.partitions_for(each.name)
            for hour, (key, value) in enumerate(records):
                written_ms = START_MS + hour * HOUR // timedelta(milliseconds=1)
                await producer.send_and_wait(topic, value, key=key, partition=number, timestamp_ms=written_ms)

    def traces(self, **configs: Mapping[str, str]) -> dict[str, Trace]:
        """By the field of the topic. Topics are set as they are created, unless `configs` has another setting."""
        topics = self.topics
        fields = {each: getattr(topics, each) for each in ("source", "validated", "candidates", "alerts", "decisions")}
        fields |= {"dead_letters": topics.dead_letters, "push_sends": topics.push_sends}
        fields |= {"erasures": topics.erasures, "consent": topics.consent}
        fields |= {"responses": topics.responses, "results": topics.results}
        usual = {"push_sends": BOTH, "erasures": COMPACTED, "consent": COMPACTED}
        by_name = {topic.name: configs.get(field, usual.get(field, DELETED)) for field, topic in fields.items()}
        search = Search(self.connection, topics, by_name, USER, TOKENS, START, Silence())
        found = asyncio.run(search.traces())
        return {field: next(each for each in found if each.store == topic.name) for field, topic in fields.items()}


@pytest.fixture(scope="module")
def kafka() -> Iterator[EmbeddedKafka]:
    with EmbeddedKafka() as embedded:
        yield embedded


@pytest.fixture
def deployment(kafka: EmbeddedKafka) -> Deployment:
    deployment = Deployment(kafka.bootstrap_servers)
    deployment.write(deployment.topics.kill_switches)
    return deployment


def test_of_somebody_unknown_all_that_can_be_looked_through_is_gone(deployment: Deployment) -> None:
    traces = deployment.traces()

    assert {field for field, trace in traces.items() if not trace.is_gone} == {"source", "dead_letters"}
    assert {traces["source"].gone_by, traces["dead_letters"].gone_by} == {START + 2 * DAY + SLACK}
    assert not any(trace.is_open for trace in traces.values())


@pytest.mark.parametrize("field", ["validated", "candidates", "alerts", "decisions", "responses", "results"])
def test_records_of_the_user_are_gone_with_the_retention_after_the_last(deployment: Deployment, field: str) -> None:
    topic = getattr(deployment.topics, field)
    deployment.write(topic, (USER.encode(), b"1"), (USER.encode(), b"2"), (LONGER.encode(), b"3"))

    trace = deployment.traces()[field]

    assert (trace.what, trace.is_open) == ("2 records", False)
    assert trace.gone_by == START + HOUR + 2 * DAY + SLACK


def test_a_topic_without_an_end_is_open(deployment: Deployment) -> None:
    deployment.write(deployment.topics.decisions, (USER.encode(), b"1"))

    for_ever, untold = (deployment.traces(decisions=config) for config in ({**DELETED, "retention.ms": "-1"}, {}))

    assert (for_ever["decisions"].is_open, untold["decisions"].is_open) == (True, True)
    assert untold["decisions"].gone_by is None


def test_a_row_in_the_clear_is_not_erased_whatever_its_end(deployment: Deployment) -> None:
    key = SendRow.of(SEND).key(USER.encode())
    deployment.write(deployment.topics.push_sends, (key, ROW_VALUE), (SendRow.of(SEND).key(b"u-10"), ROW_VALUE))
    before = deployment.traces()["push_sends"]

    deployment.write(deployment.topics.push_sends, (key, None))
    after = deployment.traces()["push_sends"]

    assert (before.what, before.undone, before.is_open) == ("1 rows in the clear", True, True)
    assert (after.undone, after.is_open) == (False, False)
    assert after.gone_by == START + 2 * DAY + SLACK


def test_an_order_is_not_carried_out_before_its_tombstone(deployment: Deployment) -> None:
    key = TOKENS.of_user(USER).encode()
    deployment.write(deployment.topics.erasures, (key, encode(ErasureOrder(USER, START))))
    waits = deployment.traces()["erasures"]

    deployment.write(deployment.topics.erasures, (key, None))
    done, without_a_lag = deployment.traces(), deployment.traces(erasures={"cleanup.policy": "compact"})

    assert (waits.undone, waits.is_open) == (True, True)
    assert (done["erasures"].undone, done["erasures"].is_open) == (False, False)
    assert done["erasures"].gone_by == START + DAY + SLACK
    assert without_a_lag["erasures"].is_open


def test_an_opt_out_is_kept_on_purpose(deployment: Deployment) -> None:
    deployment.write(deployment.topics.consent, (USER.encode(), b"{}"))

    trace = deployment.traces()["consent"]

    assert (trace.is_kept, trace.is_gone, trace.is_open) == (True, False, False)
