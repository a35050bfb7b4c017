"""Follows the partitions of our topic of consent that this worker has, without a group, and looks how far it has come.

A failure ends nothing: what was read stays, and reading goes on where it was. Only the looks say that something is
known, so whatever stands still here ends in events that wait.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from time import monotonic

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import NoOffsetForPartitionError, OffsetOutOfRangeError
from mode import Service

from saving_alerts.adapters.consent_progress import ConsentProgress
from saving_alerts.adapters.consent_records import apply_record, moved, placed
from saving_alerts.adapters.consent_rekeying import FETCH_RECORDS, Delivers
from saving_alerts.adapters.known_consent import FollowedPartition, KnownConsent
from saving_alerts.domain.decoding import printable
from saving_alerts.kafka.consumers import FETCH_MILLISECONDS, RECONNECT_PAUSE_SECONDS, Connect, started
from saving_alerts.kafka.refusals import in_words
from saving_alerts.metrics import Metric, Metrics

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0  # between two looks; so long an opt-out is not obeyed for certain


class ConsentTopic(Service):
    """Fills `known`. `owned` are the partitions of this worker now; empty while nobody can say.

    `connect` makes a consumer without a group, `observe` one of the re-keying group, which never joins it.
    """

    def __init__(
        self,
        connect: Connect,
        observe: Connect,
        producer: Delivers,
        known: KnownConsent,
        owned: Callable[[], frozenset[int]],
        metrics: Metrics,
    ) -> None:
        super().__init__()
        self.known = known
        self._connect = connect
        self._observe = observe
        self._producer = producer
        self._owned = owned
        self._metrics = metrics
        self._has_new_partitions = asyncio.Event()

    async def on_start(self) -> None:
        self.known.among = await self._producer.partition_count(self.known.terms.target)
        self.add_future(self._for_ever("cannot be followed", self._follow_until_it_fails))
        self.add_future(self._for_ever("cannot be looked at", self._look_until_it_fails))

    async def _for_ever(self, what: str, work: Callable[[], Awaitable[None]]) -> None:
        while not self.should_stop:
            try:
                await work()
            except Exception as error:  # noqa: BLE001 - whatever it is, it must not end the worker
                self.known.problems[what] = f"{what}: {printable(in_words(error))}"
                log.warning("consent %s", self.known.problems[what])
                await self.sleep(RECONNECT_PAUSE_SECONDS)

    async def _follow_until_it_fails(self) -> None:
        async with started(self._connect) as consumer:
            assigned: frozenset[int] = frozenset()
            while not self.should_stop:
                # Without an assignment, in a rebalance, it goes on with what it had: most of it comes back.
                if (owned := self._owned() or assigned) != assigned:
                    self._assign(consumer, owned)
                    assigned = owned
                if not assigned:  # the driver would wait for an assignment for ever
                    await self.sleep(FETCH_MILLISECONDS / 1000)
                    continue
                await self._take(consumer)
                self.known.problems.pop("cannot be followed", None)

    def _assign(self, consumer: AIOKafkaConsumer, numbers: frozenset[int]) -> None:
        self.known.follow(numbers)
        partitions = {number: TopicPartition(self.known.terms.target, number) for number in numbers}
        consumer.assign([*partitions.values()])
        for number, followed in self.known.partitions.items():
            consumer.seek(partitions[number], followed.next_offset)
        self._has_new_partitions.set()

    async def _take(self, consumer: AIOKafkaConsumer) -> None:
        try:
            fetched = await consumer.getmany(timeout_ms=FETCH_MILLISECONDS, max_records=FETCH_RECORDS)
        except (OffsetOutOfRangeError, NoOffsetForPartitionError):
            self.known.partitions.clear()  # the topic is not what it was: nothing is known until it was read anew
            raise
        for partition, records in fetched.items():
            followed = self.known.partitions[partition.partition]
            for record in records:
                apply_record(followed.opt_outs, record)
            followed.next_offset = await consumer.position(partition)
        await asyncio.sleep(0)  # what was fetched before is returned at once: the others are to have their turn
        await self._write_again()

    async def _write_again(self) -> None:
        """What others have overwritten, and what stands in the wrong partition; of partitions read to their end."""
        target, among = self.known.terms.target, self.known.among
        for number, followed in self.known.partitions.items():
            if followed.known_at is None:
                continue
            there, here = moved(followed.opt_outs.take_misplaced(), target, number, among)
            again = [placed(change, target, number) for change in followed.opt_outs.overwritten()]
            for outputs in ([*there, *again], here):
                if undelivered := await self._producer.deliver(outputs):
                    raise undelivered[0].error

    async def _look_until_it_fails(self) -> None:
        async with started(self._observe) as consumer:
            progress = ConsentProgress(consumer, self.known.terms.source, self.known.terms.target)
            while not self.should_stop:
                await self._look(progress)
                self.known.problems.pop("cannot be looked at", None)
                self._report()
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self._has_new_partitions.wait()

    async def _look(self, progress: ConsentProgress) -> None:
        """One that takes too long is of no use: a new one knows of more."""
        began = monotonic()
        self._has_new_partitions.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(self.known.terms.stale_seconds):
                await progress.until_rekeyed(self._waits_for)
                followed = dict(self.known.partitions)
                await progress.until_read(followed, partial(self._read_up_to, followed), self._waits_for)
                self.known.obeyed(followed, began)
                self.known.waits_for = ""

    def _read_up_to(self, followed: Mapping[int, FollowedPartition]) -> dict[int, int]:
        return {number: each.next_offset for number, each in self.known.still_followed(followed).items()}

    def _waits_for(self, what: str) -> None:
        self.known.waits_for = what

    def _report(self) -> None:
        report = self.known.report()
        self._metrics.gauge(Metric.CONSENT_OPT_OUTS, report.opt_outs)
        if report.age_seconds is not None:
            self._metrics.gauge(Metric.CONSENT_AGE, report.age_seconds)
