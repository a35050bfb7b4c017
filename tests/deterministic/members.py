"""A worker, as its assignment sees it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from saving_alerts.delivery.poison_pills.commit_metadata import Partition
from saving_alerts.delivery.poison_pills.detector import PoisonPillDetector
from saving_alerts.delivery.poison_pills.finished_before import Behind
from saving_alerts.delivery.uncommitted import FaustEvent
from saving_alerts.domain.decisions import Stage
from tests.deterministic.seeded_loop import Process

if TYPE_CHECKING:
    from tests.deterministic.assignment import Assignment


class Member(Protocol):
    name: str
    process: Process
    is_drained: bool
    detector: PoisonPillDetector
    assignment: "Assignment | None"

    def expect(self, stage: Stage, partition: Partition, records: int, size_bytes: int) -> None: ...

    def take(self, stage: Stage, event: FaustEvent) -> None: ...

    def held_back(self) -> Mapping[Partition, Behind]: ...

    def look_at_what_is_in_flight(self, stage: Stage, partition: Partition) -> None: ...
