"""Brings upstream's consent changes to our own topic, in the partitions in which everything else of a user is.

Each worker has a share of upstream's partitions, whatever their number, by a consumer group of its own. An offset is
committed when Kafka has what came of the record.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from mode import Service

from saving_alerts.adapters.consent_records import kind_of, rekeyed
from saving_alerts.delivery.outputs import Output, Undelivered
from saving_alerts.domain.decoding import printable
from saving_alerts.kafka.consumers import FETCH_MILLISECONDS, RECONNECT_PAUSE_SECONDS, Connect, started
from saving_alerts.kafka.refusals import in_words
from saving_alerts.metrics import Metric, Metrics
from saving_alerts.ports.clock import Clock

log = logging.getLogger(__name__)

FETCH_RECORDS = 2_000  # they are decoded at once, in the event loop: some 10 ms


class Delivers(Protocol):
    """What writes records and returns when Kafka has them."""

    async def deliver(self, outputs: Iterable[Output]) -> list[Undelivered]: ...

    async def partition_count(self, topic: str) -> int: ...


class _AfterTheBatch(ConsumerRebalanceListener):  # type: ignore[misc]
    """A rebalance waits until what was fetched is written and committed."""

    def __init__(self, busy: asyncio.Lock) -> None:
        self._busy = busy

    async def on_partitions_revoked(self, revoked: list[TopicPartition]) -> None:  # noqa: ARG002 - aiokafka's signature
        async with self._busy:
            pass

    async def on_partitions_assigned(self, assigned: list[TopicPartition]) -> None: ...


class ConsentRekeying(Service):
    """From the first of `topics`, which is upstream's, to the other, which is ours.

    `opted_out` hears of everybody who has. `problem` says why it does not go on now.
    """

    def __init__(
        self,
        connect: Connect,
        producer: Delivers,
        topics: tuple[str, str],
        clock: Clock,
        metrics: Metrics,
        opted_out: Callable[[str], None] = lambda _user_id: None,
    ) -> None:
        super().__init__()
        self._connect = connect
        self._producer = producer
        self._source, self._target = topics
        self._opted_out = opted_out
        self._clock = clock
        self._metrics = metrics
        self._busy = asyncio.Lock()
        self.problem: str | None = None

    async def on_start(self) -> None:
        self.add_future(self._go_on())

    async def _go_on(self) -> None:
        while not self.should_stop:
            try:
                await self._until_it_fails()
            except Exception as error:  # noqa: BLE001 - whatever it is, it must not end the worker
                self.problem = printable(in_words(error))
                log.warning("consent changes cannot be re-keyed now: %s", self.problem)
                await self.sleep(RECONNECT_PAUSE_SECONDS)

    async def _until_it_fails(self) -> None:
        among = await self._producer.partition_count(self._target)
        async with started(self._connect) as consumer:
            consumer.subscribe([self._source], listener=_AfterTheBatch(self._busy))
            committed: dict[TopicPartition, int] = {}
            while not self.should_stop:
                # Without the lock: in a rebalance it waits for the new assignment, which waits for the lock.
                fetched = await consumer.getmany(timeout_ms=FETCH_MILLISECONDS, max_records=FETCH_RECORDS)
                async with self._busy:
                    await self._write([record for records in fetched.values() for record in records], among)
                    committed = await _commit(consumer, committed)
                self.problem = None

    async def _write(self, records: Sequence[ConsumerRecord], among: int) -> None:
        now_ms = int(self._clock.now().timestamp() * 1000)
        outputs = [output for record in records for output in rekeyed(record, self._target, among, now_ms)]
        if undelivered := await self._producer.deliver(outputs):
            raise undelivered[0].error
        for kind, count in Counter(map(kind_of, records)).items():
            self._metrics.count(Metric.CONSENT_CHANGES, count, kind=kind)
            if kind not in ("opt_in", "opt_out"):
                log.error("%d consent changes are %s: see docs/contracts.md", count, kind)
        for record in records:
            if kind_of(record) == "opt_out":
                self._opted_out(record.key.decode())


async def _commit(consumer: AIOKafkaConsumer, committed: dict[TopicPartition, int]) -> dict[TopicPartition, int]:
    """What is committed then. Also where nothing was ever read: who waits for the commit waits for all partitions."""
    positions = {partition: await consumer.position(partition) for partition in consumer.assignment()}
    if positions and positions != committed:
        await consumer.commit(positions)
    return positions
