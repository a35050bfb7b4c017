"""Which partitions this worker owns now, as the Faust app says."""

from typing import Protocol

from faust.types import TP

from saving_alerts.kafka.topics import Topics
from saving_alerts.worker.consent import partitions_of


class Assigned(Protocol):
    """What is asked of the Faust app."""

    @property
    def rebalancing(self) -> bool: ...

    def assignment_now(self) -> frozenset[TP]: ...


def owned(app: Assigned, topics: Topics) -> frozenset[int]:
    return partitions_of(topics, frozenset((tp.topic, tp.partition) for tp in app.assignment_now()))


def settled(app: Assigned, topics: Topics) -> frozenset[int]:
    """The owned ones, once the Table knows all of them: a rebalance has ended when that is so."""
    return frozenset() if app.rebalancing else owned(app, topics)
