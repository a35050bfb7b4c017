"""What the watchdog asks of the driver's private state: whether the consumer still works."""

from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.group_coordinator import GroupCoordinator
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from saving_alerts.delivery.consumer_thread import state_of


class ConsumerState:
    """A look at one consumer of Faust's, at this moment."""

    def __init__(self, consumer: driver.Consumer) -> None:
        self._consumer = consumer

    def coordinator_failure(self) -> str | None:
        """Why the group's coordinator stands still for good, or None while it works or has not begun."""
        coordinator = self._coordinator
        if coordinator is None:
            return None
        if coordinator._pending_exception is not None:  # noqa: SLF001 - it waits for somebody to take it; Faust never does
            return repr(coordinator._pending_exception)  # noqa: SLF001
        task = coordinator._coordination_task  # noqa: SLF001
        return "its coordination task ended" if task.done() else None

    def is_member(self) -> bool:
        """Whether the group knows this worker, with or without partitions."""
        coordinator = self._coordinator
        return coordinator is not None and coordinator.generation > 0

    def absence(self) -> str | None:
        """Why the group does not hear of this worker now, or None. The driver retries all of it by itself.

        A member stays one in its own eyes while it looks for its coordinator; if that never ends, the group has
        expelled it long ago.
        """
        coordinator = self._coordinator
        if coordinator is None or not self.is_member():
            return "the worker is not in its group"
        if coordinator.coordinator_id is None:
            return "the worker does not find the coordinator of its group"
        heartbeats = coordinator._heartbeat_task  # noqa: SLF001
        return "the worker sends no heartbeats to its group" if heartbeats is None or heartbeats.done() else None

    def member_id(self) -> str | None:
        """This worker's member ID in the group; None while it is no member."""
        coordinator = self._coordinator
        return (coordinator.member_id or None) if coordinator is not None and self.is_member() else None

    def stalled_positions(self) -> frozenset[tuple[TP, int]]:
        """Where partitions stand that have more to read, and whose intake is stopped neither by us nor by Faust."""
        consumer, driver_consumer = self._consumer, self._driver_consumer
        if driver_consumer is None or not consumer.flow_active:
            return frozenset()
        free = consumer.assignment() - consumer._buffered_partitions - consumer._paused_partitions  # noqa: SLF001
        states = ((tp, state_of(driver_consumer, tp)) for tp in free if consumer.app.topics.acks_enabled_for(tp.topic))
        return frozenset((tp, state.position) for tp, state in states if state and state.position < (state.lso or 0))

    @property
    def _driver_consumer(self) -> AIOKafkaConsumer | None:
        thread = self._consumer._thread  # noqa: SLF001
        return thread._consumer if thread else None  # noqa: SLF001

    @property
    def _coordinator(self) -> GroupCoordinator | None:
        """None before it is there and while the worker stops."""
        coordinator = getattr(self._driver_consumer, "_coordinator", None)
        is_there = isinstance(coordinator, GroupCoordinator) and not self._consumer.should_stop
        return coordinator if is_there else None
