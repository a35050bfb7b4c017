"""Every topic with its settings, in the order in which an event passes them."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from saving_alerts.domain.decisions import Stage

WEEK = timedelta(days=7)
MONTH = timedelta(days=30)
DAY = timedelta(days=1)
FOR_EVER = timedelta(milliseconds=-1)  # Kafka's value for no limit
SENDS_KEPT = WEEK + DAY  # the Table's changelog: for longer than any cap looks back, and MAX_CAP_HOURS is a week
REMOVED_IN = DAY  # what has a tombstone, and not only when there is enough to clean up
SLEEP = DAY  # what a worker that slept overwrites has to stay until it was written again (docs/adr/0034)


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic and the settings that it must have. `retention` None: it is upstream's to set (the source)."""

    name: str
    retention: timedelta | None
    cleanup: Literal["delete", "compact", "compact,delete"] = "delete"
    partitions: int | None = None  # None: as many as all others
    compaction_lag: timedelta | None = None  # so long a record stays that was overwritten
    max_compaction_lag: timedelta | None = None  # so long at most


@dataclass(frozen=True, slots=True)
class Topics:
    """All topics of one deployment. All but `others` have the same number of partitions.

    `consent_changes` is upstream's, with any number; it and `consent` are None where consent is as the event says.
    `erasures` is None where users cannot be erased.
    """

    source: Topic
    validated: Topic
    candidates: Topic
    alerts: Topic
    decisions: Topic
    dead_letters: Topic
    push_sends: Topic
    kill_switches: Topic
    consent: Topic | None = None
    consent_changes: Topic | None = None
    erasures: Topic | None = None

    @classmethod
    def named(
        cls,
        source: str,
        prefix: str,
        *,
        dry_run: bool = False,
        consent_changes: str | None = None,
        erases: bool = False,
    ) -> "Topics":
        """The topics of a deployment that reads `source` and whose own topics begin with `prefix`.

        A dry run remembers on a topic of its own what it would have sent, and forgets by orders of its own.
        """
        mine = f"{prefix}.dry-run-" if dry_run else f"{prefix}."
        return cls(
            source=Topic(source, None),
            validated=Topic(f"{prefix}.validated", WEEK),
            candidates=Topic(f"{prefix}.candidates", WEEK),
            alerts=Topic(f"{prefix}.alerts", WEEK),
            decisions=Topic(f"{prefix}.decisions", MONTH),
            dead_letters=Topic(f"{prefix}.dead-letters", MONTH),
            push_sends=Topic(f"{mine}push-sends", SENDS_KEPT, "compact,delete", max_compaction_lag=REMOVED_IN),
            kill_switches=Topic(f"{prefix}.kill-switches", FOR_EVER, "compact", partitions=1),
            consent=Topic(f"{prefix}.consent", FOR_EVER, "compact", compaction_lag=SLEEP) if consent_changes else None,
            consent_changes=Topic(consent_changes, None) if consent_changes else None,
            erasures=Topic(f"{mine}erasures", FOR_EVER, "compact", max_compaction_lag=REMOVED_IN) if erases else None,
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
        """The topics that must have the same number of partitions."""
        inputs = (self.source, self.validated, self.candidates, self.alerts)
        optional = (topic for topic in (self.consent, self.erasures) if topic is not None)
        return (*inputs, self.decisions, self.dead_letters, self.push_sends, *optional)

    @property
    def others(self) -> tuple[Topic, ...]:
        """The topics that must be there, with any number of partitions."""
        return (self.kill_switches, *(() if self.consent_changes is None else (self.consent_changes,)))

    @property
    def upstreams(self) -> tuple[Topic, ...]:
        """The topics that are not ours to have."""
        return (self.source, *(() if self.consent_changes is None else (self.consent_changes,)))

    @property
    def all(self) -> tuple[Topic, ...]:
        return (*self.partitioned, *self.others)


def place_of_source(partition: int, partitions: int) -> int:
    """Where what is written about a source partition as a whole stands, on a topic of ours with so many partitions."""
    return partition % partitions
