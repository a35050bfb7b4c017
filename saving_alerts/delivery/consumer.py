"""Whole fetched batches into Faust's agents, and a commit that stays behind unfinished work.

Faust pays about 100 microseconds a record and loses events when they are acknowledged out of order. So it moves
batches: one Faust message is the list of raw records that one fetch returned for one partition, and its offset is the
last one's. What is inside is our business.

    batches.py          cuts what was fetched into such messages, and hands them through undecoded
    changelog.py        hands what was fetched of a changelog to its store, and tells Faust how far it is
    consumer_thread.py  the thread that fetches: reads committed records only, and goes back to where a fetch began
    BatchConsumer       commits behind the highest acknowledged offset below the lowest one that is not acknowledged;
                        seeks back what Faust would throw away; drains with a limit

Why the commit is right: what is delivered of a partition has no gap, because a fetch is delivered or read again. A
message enters `_unacked_messages` the moment the stream takes it off its queue, in the order of its partition, so
nothing queued can be skipped. The set is weak: `InFlight` holds the strong references.
"""

import asyncio
import logging
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Protocol, cast

from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from saving_alerts.delivery import faust_internals as private_surface
from saving_alerts.delivery.begun import BeginsAtOnce
from saving_alerts.delivery.changelog import hand_to_stores
from saving_alerts.delivery.changelog_producer import ChangelogProducer
from saving_alerts.delivery.consumer_thread import ConsumerThread, Fetched, assignment_of
from saving_alerts.delivery.memo_commits import MemoCommits, partition_of
from saving_alerts.delivery.poison_pills.commit_metadata import Partition
from saving_alerts.delivery.poison_pills.detector import PoisonPillDetector
from saving_alerts.delivery.poison_pills.finished_before import Behind
from saving_alerts.delivery.reborn_topics import RebornTopics
from saving_alerts.failpoints import Failpoint, Failpoints
from saving_alerts.kafka.last_commit import LAST_COMMIT_SECONDS
from saving_alerts.kafka.unpacking import size_of_poll

log = logging.getLogger(__name__)

private_surface.check()


class RebalanceHooks(Protocol):
    """What the consumer asks of its app when partitions go and come."""

    failpoints: Failpoints
    detector: PoisonPillDetector

    def expect(self, partition: Partition, records: int, size_bytes: int) -> None:
        """So many records are handed on: whoever takes them may have enough with them."""

    def held_back(self) -> Mapping[Partition, Behind]:
        """Where much is finished behind a record that is not."""

    async def drain(self) -> None: ...

    def resume(self) -> None: ...


class BatchConsumer(BeginsAtOnce, driver.Consumer):
    """Commits behind the oldest unfinished batch, and drains with a limit."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - Faust's signature
        super().__init__(*args, **options)
        # Of which assignment Faust has gone back to what is committed; and whether it has resumed for good since.
        self._assigned, self._sought = object(), object()
        self._feeds_streams = False
        self._reborn = RebornTopics(self, self._own_thread, self._forget)
        self.memo_commits = MemoCommits(self._own_thread, lambda: self._hooks.detector)

    def _own_thread(self) -> ConsumerThread:
        return cast("ConsumerThread", self._thread)

    @property
    def _hooks(self) -> RebalanceHooks:
        return cast("RebalanceHooks", self.app)

    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def _wait_next_records(self, timeout: float) -> Any:  # noqa: ANN401 - Faust's signature
        """What was fetched, as far as Faust will deliver it; the rest it would throw away, and go on reading behind it.

        None while its flow stands still: to anything else it answers by seeking, in the middle of its own recovery.
        """
        records, active = await super()._wait_next_records(timeout)
        if isinstance(records, Fetched):
            await self._return_undeliverable(records)
            await self._reborn.follow(records)
            await self._return_undeliverable(records)
            self._reborn.delivered(records)
            hand_to_stores(records, self.app.tables)
            for tp, of_tp in records.items():
                self._hooks.expect(partition_of(tp), len(of_tp), size_of_poll(of_tp) or 0)
        return records if self.flow_active else None, active

    async def _return_undeliverable(self, fetched: Fetched) -> None:
        """Give the rest back. What comes of an assignment that has ended is nobody's: the new one reads it again.

        A fetch runs in another thread, and may end when partitions have been paused or assigned anew.
        """
        if fetched.assignment is not self._current_assignment():
            log.info(
                "a fetch of %d partitions came after they had been assigned anew; it is fetched again", len(fetched)
            )
            fetched.clear()
        while undeliverable := fetched.keys() - self._deliverable():
            thread = self._own_thread()
            await thread.call_thread(thread.seek_back, fetched, undeliverable)
            for tp in undeliverable:
                del fetched[tp]

    def _forget(self, tp: TP) -> None:
        """The partition was made again: where it was read to, and what is known of its records, was another topic's."""
        self._hooks.detector.forget(partition_of(tp))
        self._read_offset[tp] = None
        self._committed_offset.pop(tp, None)
        self.memo_commits.forget(tp)

    def _deliverable(self) -> AbstractSet[TP]:
        """The partitions whose records reach their agent now."""
        if not self.flow_active:
            return frozenset()
        active = self._get_active_partitions() | self._buffered_partitions
        is_stream = self.app.topics.acks_enabled_for
        return active if self._feeds_streams else frozenset(tp for tp in active if not is_stream(tp.topic))

    async def perform_seek(self) -> None:
        assigned = self._assigned
        await super().perform_seek()
        self._sought = assigned

    def resume_flow(self) -> None:
        """Faust resumes several times while it recovers, and empties the agents' queues whenever it does so.

        The last time comes after it has sought: not before that may a record of a stream be in a queue.
        """
        super().resume_flow()
        self._feeds_streams = self._sought is self._assigned

    def _current_assignment(self) -> object:
        consumer = self._thread._consumer if self._thread else None  # noqa: SLF001
        return assignment_of(consumer) if consumer else None

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        return await self.memo_commits.commit(offsets)

    async def commit(self, *arguments: Any, **options: Any) -> bool:  # noqa: ANN401 - Faust's signature
        """And note what is finished behind records that hold a commit back, although there is nothing to commit."""
        committed = await super().commit(*arguments, **options)
        await self.memo_commits.note(self._hooks.held_back())
        return committed

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Nothing: Faust's own look for standstills only logs, and fails where a partition has no position yet."""

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """No gap guessing: offsets between batches are the records inside them."""

    def _filter_committable_offsets(self, tps: Any) -> dict[TP, int]:  # noqa: ANN401 - Faust's signature
        lowest_unacked = self._lowest_unacked()
        ready = {tp: offset for tp in list(tps) if (offset := self._take_acked(tp, lowest_unacked.get(tp))) is not None}
        return {tp: offset + 1 for tp, offset in ready.items() if self._should_commit(tp, offset + 1)}

    def _lowest_unacked(self) -> dict[TP, int]:
        """The lowest offset per partition that was delivered and is not acknowledged."""
        lowest: dict[TP, int] = {}
        for message in list(self._unacked_messages):
            if not message.acked:
                lowest[message.tp] = min(message.offset, lowest.get(message.tp, message.offset))
        return lowest

    def _take_acked(self, tp: TP, below: int | None) -> int | None:
        """The highest acknowledged offset below this one (None: of all); those up to it are forgotten."""
        acked = self._acked[tp]
        ready = [offset for offset in acked if below is None or offset < below]
        if not ready:
            return None
        acked[:] = [offset for offset in acked if below is not None and offset >= below]
        self._acked_index[tp].difference_update(ready)
        return max(ready)

    async def _commit_offsets(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:  # noqa: FBT001, FBT002 - Faust's signature
        self._hooks.failpoints.reach(Failpoint.BEFORE_COMMIT)
        committed = await super()._commit_offsets(offsets, start_new_transaction)
        self._hooks.failpoints.reach(Failpoint.AFTER_COMMIT)
        if not committed:
            self._put_back(offsets)
        return bool(committed)

    def _put_back(self, offsets: Mapping[TP, int]) -> None:
        """Faust takes a commit that failed for done; without this an idle partition would stay behind for good."""
        for tp, offset in offsets.items():
            self._committed_offset.pop(tp, None)
            if tp in self.assignment() and offset - 1 not in self._acked_index[tp]:
                self._acked[tp].insert(0, offset - 1)
                self._acked_index[tp].add(offset - 1)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        # Faust forgets what is acknowledged and not committed when it takes partitions away: that would be redelivered.
        await self._commit_in_time()
        await super().on_partitions_revoked(revoked)

    async def wait_empty(self) -> None:
        """Faust waits here for every message without a limit. Ours has one; what is left is never acknowledged."""
        await self._hooks.drain()
        await self._commit_in_time(ending=True)
        # A traceback could keep an abandoned message alive in the weak set: nothing behind it would be committed.
        self._unacked_messages.clear()
        self._buffered_partitions.clear()
        self._acked.clear()
        self._acked_index.clear()

    async def _commit_in_time(self, *, ending: bool = False) -> None:
        """Without Kafka a commit waits for ever. What is not committed is redelivered, which is harmless."""
        try:
            async with asyncio.timeout(LAST_COMMIT_SECONDS):
                await self.commit_and_end_transactions()
                if ending:
                    await self._hooks.detector.end_well()
        except TimeoutError:
            log.warning(
                "nothing was committed within %g s; what was finished since may be redelivered", LAST_COMMIT_SECONDS
            )

    async def on_partitions_assigned(self, assigned: Any, generation_id: int = 0) -> None:  # noqa: ANN401 - Faust's signature
        self._hooks.failpoints.reach(Failpoint.DURING_REBALANCE)
        self.memo_commits.assigned_anew()
        self._reborn.assigned_anew()
        self._assigned, self._feeds_streams = object(), False
        self._hooks.detector.begin()
        self._hooks.resume()
        await super().on_partitions_assigned(assigned, generation_id)


class BatchTransport(driver.Transport):
    Consumer = BatchConsumer
    Producer = ChangelogProducer
