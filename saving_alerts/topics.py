"""Every topic with its settings, in the order an event meets them."""

from dataclasses import dataclass
from datetime import timedelta

from saving_alerts.domain.decisions import Stage

WEEK = timedelta(days=7)
MONTH = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it has to be. None as retention: it is not ours to set (the source)."""

    name: str
    retention: timedelta | None


@dataclass(frozen=True, slots=True)
class Topics:
    """All topics of one deployment. All have the same number of partitions."""

    source: Topic
    validated: Topic
    candidates: Topic
    alerts: Topic
    decisions: Topic
    dead_letters: Topic

    @classmethod
    def named(cls, source: str, prefix: str) -> "Topics":
        """The topics of a deployment that reads `source` and whose own topics begin with `prefix`."""
        return cls(
            source=Topic(source, None),
            validated=Topic(f"{prefix}.validated", WEEK),
            candidates=Topic(f"{prefix}.candidates", WEEK),
            alerts=Topic(f"{prefix}.alerts", WEEK),
            decisions=Topic(f"{prefix}.decisions", MONTH),
            dead_letters=Topic(f"{prefix}.dead-letters", MONTH),
        )

    @property
    def inputs(self) -> dict[Stage, Topic]:
        """What each stage reads, in the order of the stages."""
        topics = (self.source, self.validated, self.candidates, self.alerts)
        return dict(zip(Stage, topics, strict=True))

    @property
    def outputs(self) -> dict[Stage, Topic]:
        """What each stage but the last writes for the next one."""
        topics = (self.validated, self.candidates, self.alerts)
        return dict(zip(Stage, topics, strict=False))

    @property
    def all(self) -> tuple[Topic, ...]:
        return (self.source, self.validated, self.candidates, self.alerts, self.decisions, self.dead_letters)
