"""What is promised, and how fast the budget for less is used up."""

from dataclasses import dataclass

from deploy.queries import OURS, Query, selector
from saving_alerts.metrics import PREFIX, Metric

PUSH_SECONDS = 10.0  # an end of a bucket of AGE_BUCKETS


@dataclass(frozen=True, slots=True)
class Burn:
    """So many times faster than the budget of a month allows, over a long window, and still in a short one.

    The pairs are those of Google's book on reliability: 2 % of the budget in an hour, 5 % in six.
    """

    factor: float
    long: str
    short: str


FAST = Burn(14.4, "1h", "5m")
SLOW = Burn(6.0, "6h", "30m")


@dataclass(frozen=True, slots=True)
class PushesInTime:
    """Of the pushes, so many were accepted within 10 s of `received_at`."""

    objective: float = 0.99

    def share(self, window: str) -> Query:
        in_time = f"sum(rate({selector(Metric.PUSH_AGE, '_bucket', le=f'{PUSH_SECONDS}')}[{window}]))"
        all_pushes = f"sum(rate({selector(Metric.PUSH_AGE, '_count')}[{window}]))"
        return Query(f"{in_time} / {all_pushes}", f"p99:{PREFIX}{Metric.PUSH_AGE}{{{OURS}}}")

    def burns(self, burn: Burn) -> str:
        """Prometheus' expression: true while the budget burns that fast."""
        budget = 1 - self.objective
        return " and ".join(
            f"(1 - {self.share(window).prometheus}) > {burn.factor * budget:g}" for window in (burn.long, burn.short)
        )


@dataclass(frozen=True, slots=True)
class NoneMissing:
    """No source offset is missing: of those that the audits looked at, at most one in a million."""

    objective: float = 0.999999

    def burns(self, burn: Burn) -> str:
        """As above. An audit is rare: the newest one says it for both windows, until the next one does."""
        missing = selector(Metric.AUDIT_OFFSETS, answer="missing")
        most, of = (f"sum(max_over_time({each}[{burn.long}]))" for each in (missing, selector(Metric.AUDIT_OFFSETS)))
        return f"{most} / {of} > {burn.factor * (1 - self.objective):.3g} and sum({missing}) > 0"


PUSHES_IN_TIME = PushesInTime()
NONE_MISSING = NoneMissing()
