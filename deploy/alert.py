"""What an alert is: it wakes somebody (`page`) or can wait for the day (`ticket`), and says what to do first."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["page", "ticket"]


@dataclass(frozen=True, slots=True)
class Monitor:
    """An alert in Datadog: `how` is said of `query`, as in `max(last_5m)`.

    With `silent_minutes` it is also about silence: twice its window, or more.
    """

    how: str
    query: str
    beyond: str
    silent_minutes: int = 0

    @property
    def text(self) -> str:
        return f"{self.how}:{self.query} {self.beyond}"


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. `expression` is Prometheus', and must hold for so many minutes. `meaning` says what it costs."""

    name: str
    severity: Severity
    summary: str
    meaning: str
    steps: tuple[str, str, str]
    expression: str
    minutes: int
    monitor: Monitor

    @property
    def anchor(self) -> str:
        """Of its paragraph in docs/operating.md."""
        return self.name.lower()


def monitor(query: str, beyond: str, how: str = "max(last_5m)", silent_minutes: int = 0) -> Monitor:
    return Monitor(how, query, beyond, silent_minutes)
