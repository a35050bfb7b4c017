"""Follows the orders to erase users in the partitions that this worker has, and carries them out one after the other.

No dispatch waits for it, and none needs to: what was charged counts as before (docs/claims.md, rule 10). A failure
ends nothing: the orders stand on the topic until their tombstones, and are read again from the beginning. None is
carried out before its partition was read to the end: its tombstone may stand there, and what an event caused after it
is to be remembered.
"""

import logging
from collections.abc import Awaitable, Callable, Collection, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from mode import Service

from saving_alerts.adapters.consent_rekeying import Delivers
from saving_alerts.adapters.standing_orders import PendingOrder, StandingOrders
from saving_alerts.delivery.outputs import Output
from saving_alerts.domain.decoding import printable
from saving_alerts.domain.erasures import CARRIED_OUT, Tokens
from saving_alerts.kafka.consumers import FETCH_MILLISECONDS, RECONNECT_PAUSE_SECONDS, Connect, started
from saving_alerts.kafka.refusals import in_words
from saving_alerts.metrics import Metric, Metrics
from saving_alerts.ports.erasures import ErasureReport

log = logging.getLogger(__name__)

FETCH_RECORDS = 100
TAKEN_OFF_TOGETHER = 100  # orders that were carried out: one wait for Kafka, and no more to do again after a crash
AGAIN_SECONDS = 1.0  # after a user could not be erased: what is in the way takes seconds


class ErasureTopic(Service):
    """`owned` are this worker's partitions, none while that or the Table is not certain. `erase` says why not yet."""

    def __init__(
        self,
        connect: Connect,
        producer: Delivers,
        topic: str,
        tokens: Tokens,
        owned: Callable[[], frozenset[int]],
        erase: Callable[[str, int], Awaitable[str | None]],
        metrics: Metrics,
    ) -> None:
        super().__init__()
        self._connect = connect
        self._producer = producer
        self._topic = topic
        self._tokens = tokens
        self._owned = owned
        self._erase = erase
        self._metrics = metrics
        self._orders: dict[int, StandingOrders] = {}
        self._ends: dict[int, int] = {}  # of the partitions that were not read to where they ended
        self._problem: str | None = None

    def report(self) -> ErasureReport:
        refused = tuple(each for orders in self._orders.values() for each in orders.refused.values())
        return ErasureReport(self._pending, self._problem, refused)

    @property
    def _pending(self) -> int:
        return sum(len(orders.pending) for orders in self._orders.values())

    async def on_start(self) -> None:
        self.add_future(self._for_ever())

    async def _for_ever(self) -> None:
        while not self.should_stop:
            try:
                await self._follow_until_it_fails()
            except Exception as error:  # noqa: BLE001 - whatever it is, it must not end the worker
                self._problem = f"orders cannot be followed: {printable(in_words(error))}"
                log.warning("erasure: %s", self._problem)
                await self.sleep(RECONNECT_PAUSE_SECONDS)

    async def _follow_until_it_fails(self) -> None:
        among = await self._producer.partition_count(self._topic)
        self._orders.clear()
        self._ends.clear()
        async with started(self._connect) as consumer:
            while not self.should_stop:
                owned = self._owned()
                if owned and owned != self._orders.keys():
                    await self._assign(consumer, owned, among)
                if owned:
                    await self._take(consumer)
                    await self._carry_out()
                    await self._read_what_had_no_room(consumer)
                else:
                    await self.sleep(FETCH_MILLISECONDS / 1000)

    async def _assign(self, consumer: AIOKafkaConsumer, owned: frozenset[int], among: int) -> None:
        """What is known of the partitions that stay is kept."""
        known = {number: each for number, each in self._orders.items() if number in owned}
        self._ends = {number: end for number, end in self._ends.items() if number in owned}
        consumer.assign([TopicPartition(self._topic, number) for number in owned])
        for number, each in known.items():
            consumer.seek(TopicPartition(self._topic, number), each.next_offset)
        new = [TopicPartition(self._topic, number) for number in owned - known.keys()]
        self._orders = known | {each.partition: StandingOrders(among, self._tokens) for each in new}
        if new:
            await consumer.seek_to_beginning(*new)
            await self._note_ends(consumer, new)

    async def _note_ends(self, consumer: AIOKafkaConsumer, partitions: Collection[TopicPartition]) -> None:
        ends = await consumer.end_offsets(partitions)
        self._ends |= {partition.partition: end for partition, end in ends.items()}

    async def _read_what_had_no_room(self, consumer: AIOKafkaConsumer) -> None:
        """From the first of it on: all before it had room, and is carried out."""
        for number, orders in self._orders.items():
            if orders.missed_from is not None and not orders.pending:
                partition = TopicPartition(self._topic, number)
                await self._note_ends(consumer, [partition])
                consumer.seek(partition, orders.missed_from)
                orders.missed_from = None

    async def _take(self, consumer: AIOKafkaConsumer) -> None:
        fetched = await consumer.getmany(timeout_ms=FETCH_MILLISECONDS, max_records=FETCH_RECORDS)
        for partition, records in fetched.items():
            for record in records:
                self._orders[partition.partition].apply(record)
        for number, end in [*self._ends.items()]:
            if await consumer.position(TopicPartition(self._topic, number)) >= end:
                del self._ends[number]

    async def _carry_out(self) -> None:
        """All that wait, each once: nobody waits for one of them that cannot be carried out now."""
        read = [(number, each) for number, each in self._orders.items() if number not in self._ends]
        waited = [(number, key, order) for number, each in read for key, order in each.pending.items()]
        parts = [waited[first : first + TAKEN_OFF_TOGETHER] for first in range(0, len(waited), TAKEN_OFF_TOGETHER)]
        problems = [await self._carry_out_some(part) for part in parts]
        self._problem = next(filter(None, reversed(problems)), None)
        if self._problem:
            await self.sleep(AGAIN_SECONDS)

    async def _carry_out_some(self, orders: Sequence[tuple[int, bytes, PendingOrder]]) -> str | None:
        """Why not all of them. Their tombstones are the last of all: a crash before them has everything done again."""
        done, problem = [], None
        for number, key, order in orders:
            if number not in self._owned():
                continue
            not_yet = await self._erase(order.user_id, number)
            self._metrics.count(Metric.ERASURES, outcome="waits" if not_yet else "erased")
            problem = not_yet or problem
            if not_yet is None:
                done.append((number, key, order))
        await self._take_off(done)
        return problem

    async def _take_off(self, orders: Sequence[tuple[int, bytes, PendingOrder]]) -> None:
        """One that was given again meanwhile stands before this tombstone, and is not over with it."""
        tombstones = [
            Output(self._topic, number, key, None, [(CARRIED_OUT, b"%d" % order.offset)])
            for number, key, order in orders
        ]
        if undelivered := await self._producer.deliver(tombstones):
            raise undelivered[0].error
        for number, key, _ in orders:
            del self._orders[number].pending[key]
