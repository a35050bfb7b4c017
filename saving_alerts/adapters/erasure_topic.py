"""Follows the orders to erase users in the partitions that this worker has, and carries them out one after the other.

No dispatch waits for it, and none needs to: what was charged counts as before (docs/claims.md, rule 10). A failure
ends nothing: the orders stand on the topic until their tombstones, and are read again from the beginning.
"""

import logging
from collections.abc import Awaitable, Callable

from aiokafka import AIOKafkaConsumer, TopicPartition
from mode import Service

from saving_alerts.adapters.consent_rekeying import Delivers
from saving_alerts.adapters.standing_orders import StandingOrders
from saving_alerts.delivery.outputs import Output
from saving_alerts.domain.decoding import printable
from saving_alerts.domain.erasures import Tokens
from saving_alerts.kafka.consumers import FETCH_MILLISECONDS, RECONNECT_PAUSE_SECONDS, Connect, started
from saving_alerts.kafka.refusals import in_words
from saving_alerts.metrics import Metric, Metrics
from saving_alerts.ports.erasures import ErasureReport

log = logging.getLogger(__name__)

FETCH_RECORDS = 100
# Of all partitions of a worker: while so many wait, no more are read. They stand safely on the topic.
MOST_PENDING = 1_000
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
        async with started(self._connect) as consumer:
            while not self.should_stop:
                owned = self._owned()
                if owned and owned != self._orders.keys():
                    await self._assign(consumer, owned, among)
                if not owned or self._pending >= MOST_PENDING:
                    await self.sleep(FETCH_MILLISECONDS / 1000)
                else:
                    await self._take(consumer)
                await self._carry_out()

    async def _assign(self, consumer: AIOKafkaConsumer, owned: frozenset[int], among: int) -> None:
        """What is known of the partitions that stay is kept."""
        known = self._orders
        self._orders = {number: known.get(number) or StandingOrders(among, self._tokens) for number in owned}
        partitions = {number: TopicPartition(self._topic, number) for number in owned}
        consumer.assign([*partitions.values()])
        for number, partition in partitions.items():
            if number in known:
                consumer.seek(partition, known[number].next_offset)
            else:
                await consumer.seek_to_beginning(partition)

    async def _take(self, consumer: AIOKafkaConsumer) -> None:
        fetched = await consumer.getmany(timeout_ms=FETCH_MILLISECONDS, max_records=FETCH_RECORDS)
        for partition, records in fetched.items():
            for record in records:
                self._orders[partition.partition].apply(record)

    async def _carry_out(self) -> None:
        """All that wait, each once: nobody waits for one of them that cannot be carried out now."""
        waited = [(number, key, user) for number, each in self._orders.items() for key, user in each.pending.items()]
        problems = [await self._carry_out_one(*order) for order in waited if order[0] in self._owned()]
        self._problem = next(filter(None, reversed(problems)), None)
        if self._problem:
            await self.sleep(AGAIN_SECONDS)

    async def _carry_out_one(self, number: int, key: bytes, user_id: str) -> str | None:
        """Why not yet. The order's tombstone is the last of all: a crash before it has everything done again."""
        not_yet = await self._erase(user_id, number)
        self._metrics.count(Metric.ERASURES, outcome="waits" if not_yet else "erased")
        if not_yet is None:
            await self._take_off(number, key)
            del self._orders[number].pending[key]
        return not_yet

    async def _take_off(self, number: int, key: bytes) -> None:
        if undelivered := await self._producer.deliver([Output(self._topic, number, key, None)]):
            raise undelivered[0].error
