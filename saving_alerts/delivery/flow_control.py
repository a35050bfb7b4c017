"""Stops and resumes what the consumer hands to the stages, per partition."""

from collections.abc import Hashable
from typing import Protocol, cast

import faust
from faust.types import TP


class Message(Protocol):
    """What Faust says of a batch beside its records. Below one that is not `acked` it commits."""

    tp: Hashable
    generation_id: int
    acked: bool


class FlowControl(Protocol):
    """The consumer's flow control, as a stage uses it."""

    def is_current(self, message: Message) -> bool:
        """Whether the message belongs to the assignment that is in force."""

    def stop(self, partition: Hashable) -> None:
        """Hand out no more of this partition. What was fetched of it is kept."""

    def resume(self, partition: Hashable) -> None: ...


class ConsumerFlowControl:
    """`FlowControl` on Faust's consumer.

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
