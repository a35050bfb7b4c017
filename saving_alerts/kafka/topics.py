"""Every topic with its settings, in the order in which an event passes them."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from saving_alerts.domain.decisions import Stage

WEEK = timedelta(days=7)
MONTH = timedelta(days=30)
FOR_EVER = timedelta(milliseconds=-1)  # Kafka's value for no limit


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic and the settings that it must have. `retention` None: it is upstream's to set (the source)."""

    name: str
    retention: timedelta | None
    cleanup: Literal["delete", "compact", "compact,delete"] = "delete"
    partitions: int | None = None  # None: as many as all others


@dataclass(frozen=True, slots=True)
class Topics:
    """All topics of one deployment. All but the kill switches have the same number of partitions."""

    source: Topic
    validated: Topic
    candidates: Topic
    alerts: Topic
    decisions: Topic
    dead_letters: Topic
    push_sends: Topic
    kill_switches: Topic

    @classmethod
    def named(cls, source: str, prefix: str, *, dry_run: bool = False) -> "Topics":
        """The topics of a deployment that reads `source` and whose own topics begin with `prefix`.

        A dry run remembers on a topic of its own what it would have sent.
        """
        push_sends = f"{prefix}.dry-run-push-sends" if dry_run else f"{prefix}.push-sends"
        return cls(
            source=Topic(source, None),
            validated=Topic(f"{prefix}.validated", WEEK),
            candidates=Topic(f"{prefix}.candidates", WEEK),
            alerts=Topic(f"{prefix}.alerts", WEEK),
            decisions=Topic(f"{prefix}.decisions", MONTH),
            dead_letters=Topic(f"{prefix}.dead-letters", MONTH),
            # The Table's changelog. It must be kept for longer than any cap looks back: MAX_CAP_HOURS is a week.
            push_sends=Topic(push_sends, WEEK + timedelta(days=1), "compact,delete"),
            kill_switches=Topic(f"{prefix}.kill-switches", FOR_EVER, "compact", partitions=1),
        )

    @property
    def inputs(self) -> dict[Stage, Topic]:
        """The topic that each stage reads, in the order of the stages."""
        topics = (self.source, self.validated, self.candidates, self.alerts)
        return dict(zip(Stage, topics, strict=True))

    @property
    def next_stage(self) -> dict[Stage, Topic]:
        """The topic that each stage but the last writes for the next one."""
        topics = (self.validated, self.candidates, self.alerts)
        return dict(zip(Stage, topics, strict=False))

    @property
    def partitioned(self) -> tuple[Topic, ...]:
        """The topics that must have the same number of partitions: all but the kill switches."""
        inputs = (self.source, self.validated, self.candidates, self.alerts)
        return (*inputs, self.decisions, self.dead_letters, self.push_sends)

    @property
    def all(self) -> tuple[Topic, ...]:
        return (*self.partitioned, self.kill_switches)


def place_of_source(partition: int, partitions: int) -> int:
    """Where what is written about a source partition as a whole stands, on a topic of ours with so many partitions."""
    return partition % partitions
