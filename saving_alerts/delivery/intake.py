"""Whole fetched batches into Faust's agents, and a commit that stays behind unfinished work.

Faust pays about 100 microseconds a record and loses events when they are acknowledged out of order. So it moves
batches: one Faust message is the list of raw records that one fetch returned for one partition, and its offset is the
last one's. What is inside is our business.

    BatchScheduler   cuts what was fetched into such messages (a public setting)
    BatchSchema      hands them through undecoded (public)
    BatchConsumer    commits the highest acknowledged offset below the lowest one delivered and not acknowledged, + 1;
                     drains with a limit; reads committed records only (the private surface named below)

Why the commit is right: a message enters `_unacked_messages` the moment the stream takes it off its queue, in the
order of its partition, so nothing queued can be skipped. The set is weak: our window holds the strong references.
"""

from collections.abc import Hashable, Iterator, Mapping
from typing import Any, Protocol, cast

import faust
from aiokafka import ConsumerRecord
from aiokafka.consumer.group_coordinator import GroupCoordinator
from faust.transport.conductor import Conductor
from faust.transport.drivers import aiokafka as driver
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP

from saving_alerts.delivery.stage import Message

# What we use of Faust that it does not promise: checked at import, so that an upgrade fails at once and by name.
PRIVATE_SURFACE = {
    driver.Consumer: (
        "_add_gap",
        "_filter_committable_offsets",
        "_should_commit",
        "_new_consumer_thread",
        "wait_empty",
        "commit_and_end_transactions",
        "on_partitions_assigned",
    ),
    driver.AIOKafkaConsumerThread: ("_create_worker_consumer",),
    faust.App: ("_new_transport",),
    Conductor: ("acks_enabled_for",),
}
PRIVATE_STATE = ("_unacked_messages", "_acked", "_acked_index", "_buffered_partitions")


def missing_surface() -> list[str]:
    """The names that the installed Faust no longer has."""
    missing = [
        f"{owner.__name__}.{name}"
        for owner, names in PRIVATE_SURFACE.items()
        for name in names
        if not hasattr(owner, name)
    ]
    annotated = {name for owner in driver.Consumer.__mro__ for name in getattr(owner, "__annotations__", {})}
    return missing + [f"Consumer.{name}" for name in PRIVATE_STATE if name not in annotated]


if missing_surface():
    raise ImportError(f"this release of faust-streaming is not supported: {', '.join(missing_surface())} not found")


def batch_scheduler(topics: frozenset[str], max_records: int) -> type[DefaultSchedulingStrategy]:
    """A scheduler that cuts the records of `topics` into batches; other topics pass one by one (changelogs)."""

    class BatchScheduler(DefaultSchedulingStrategy):
        def iterate(self, records: Mapping[TP, list[Any]]) -> Iterator[tuple[TP, Any]]:
            batched = {
                tp: list(_batches(fetched, max_records)) if tp.topic in topics else fetched
                for tp, fetched in records.items()
            }
            return super().iterate(batched)

    return BatchScheduler


def _batches(fetched: list[ConsumerRecord], max_records: int) -> Iterator[ConsumerRecord]:
    """Each batch as one record whose value is the list of records and whose offset is the last one's."""
    for start in range(0, len(fetched), max_records):
        batch = fetched[start : start + max_records]
        last = batch[-1]
        yield ConsumerRecord(
            last.topic, last.partition, last.offset, last.timestamp, last.timestamp_type, None, batch, None, 0, 0, ()
        )


class BatchSchema(faust.Schema[Any, Any]):
    """Hands keys and values through untouched: decoding is the stage's, so that a bad record is a decision."""

    def loads_key(self, app: Any, message: Any, **_: Any) -> Any:  # noqa: ANN401, ARG002 - Faust's signature
        return message.key

    def loads_value(self, app: Any, message: Any, **_: Any) -> Any:  # noqa: ANN401, ARG002 - Faust's signature
        return message.value


class DrainingApp(Protocol):
    """What the consumer asks of its app when partitions go and come."""

    async def drain(self) -> None: ...

    def resume(self) -> None: ...


class _CommittedReads(driver.AIOKafkaConsumerThread):
    """Faust reads uncommitted records, so an aborted upstream transaction would push."""

    def _create_worker_consumer(self, transport: Any) -> Any:  # noqa: ANN401 - Faust's signature
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"  # noqa: SLF001 - the fetcher takes it from here at its start
        return consumer


class BatchConsumer(driver.Consumer):
    """Commits behind the oldest unfinished batch, and drains with a limit."""

    @property
    def _draining_app(self) -> DrainingApp:
        return cast("DrainingApp", self.app)

    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return _CommittedReads(self, loop=self.loop, beacon=self.beacon)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """No gap guessing: offsets between batches are the records inside them."""

    def _filter_committable_offsets(self, tps: Any) -> dict[TP, int]:  # noqa: ANN401 - Faust's signature
        floor = self._floor()
        ready = {tp: offset for tp in list(tps) if (offset := self._take_acked(tp, floor.get(tp))) is not None}
        return {tp: offset + 1 for tp, offset in ready.items() if self._should_commit(tp, offset + 1)}

    def _floor(self) -> dict[TP, int]:
        """The lowest offset per partition that was delivered and is not acknowledged."""
        floor: dict[TP, int] = {}
        for message in list(self._unacked_messages):
            if not message.acked:
                floor[message.tp] = min(message.offset, floor.get(message.tp, message.offset))
        return floor

    def _take_acked(self, tp: TP, floor: int | None) -> int | None:
        """The highest acknowledged offset below the floor; what is below it is forgotten."""
        acked = self._acked[tp]
        ready = [offset for offset in acked if floor is None or offset < floor]
        if not ready:
            return None
        acked[:] = [offset for offset in acked if floor is not None and offset >= floor]
        self._acked_index[tp].difference_update(ready)
        return max(ready)

    async def wait_empty(self) -> None:
        """Faust waits here for every message without a limit. Ours has one; what is left is never acknowledged."""
        await self._draining_app.drain()
        await self.commit_and_end_transactions()
        # A traceback could keep an abandoned message alive in the weak set, and it would pin the floor.
        self._unacked_messages.clear()
        self._buffered_partitions.clear()

    def parked(self) -> str | None:
        """Why the group's coordinator stands still for good, or None while it works or has not begun."""
        consumer = self._thread._consumer if self._thread else None  # noqa: SLF001 - nobody else asks the driver
        coordinator = getattr(consumer, "_coordinator", None)
        if self.should_stop or not isinstance(coordinator, GroupCoordinator):
            return None
        if coordinator._pending_exception is not None:  # noqa: SLF001 - it waits for somebody to take it; Faust never does
            return repr(coordinator._pending_exception)  # noqa: SLF001
        task = coordinator._coordination_task  # noqa: SLF001
        return "its coordination task ended" if task.done() else None

    async def on_partitions_assigned(self, assigned: Any, generation_id: int = 0) -> None:  # noqa: ANN401 - Faust's signature
        self._draining_app.resume()
        await super().on_partitions_assigned(assigned, generation_id)


class BatchTransport(driver.Transport):
    Consumer = BatchConsumer


class ConsumerIntake:
    """Flow control of one worker, per partition.

    Never `pause_partitions`: what was fetched for a paused partition is dropped and committed past.

    Messages carry the driver's partitions, which are equal to Faust's but no TP: put back among the consumer's as they
    are, they would fail its next look at its own partitions, and with it the worker.
    """

    def __init__(self, app: faust.App) -> None:
        self._app = app

    def is_current(self, message: Message) -> bool:
        return bool(message.generation_id == self._app.consumer_generation_id)

    def stop(self, partition: Hashable) -> None:
        self._app.consumer.on_buffer_full(_faust_partition(partition))

    def resume(self, partition: Hashable) -> None:
        self._app.consumer.on_buffer_drop(_faust_partition(partition))


def _faust_partition(partition: Hashable) -> TP:
    return TP(*cast("tuple[str, int]", partition))
