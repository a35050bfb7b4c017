"""Whether a worker's own clock can be trusted, judged by what others say of the time. Pure.

Two witnesses, either of which is enough. Redis says its time, which is what leases are counted in. And events say when
they were received: one that is dated ahead has a wrong date; where most of them are, it is this clock that is behind.
"""

from dataclasses import dataclass
from datetime import timedelta

# Fewer events are no crowd: two broken phones at night must not stop the intake.
MIN_EVENTS = 20
NONE = timedelta(0)


@dataclass(frozen=True, slots=True)
class ClockLimits:
    """`max_ahead`: how far an event may be dated ahead. `margin`: by how much Redis and we may differ for leases."""

    max_ahead: timedelta
    margin: timedelta

    @property
    def max_difference(self) -> timedelta:
        """Half of what an event may be ahead: the other half is left for upstream's own clock."""
        return self.max_ahead / 2


@dataclass(frozen=True, slots=True)
class ClockEvidence:
    """`redis_ahead`: by how much Redis' clock is ahead of ours at least (negative: behind); None as long as it never
    answered. `events` of the last minute, and how many of them were dated `ahead`.
    """

    redis_ahead: timedelta | None = None
    events: int = 0
    ahead: int = 0


@dataclass(frozen=True, slots=True)
class ClockJudgement:
    """`trusted`: events may be judged by this clock. `agrees`: nobody needs to look at it. `text`: for an operator."""

    trusted: bool
    agrees: bool
    text: str


def judge(evidence: ClockEvidence, limits: ClockLimits) -> ClockJudgement:
    """Redis first: its word is exact. Where neither speaks against it, a clock is trusted."""
    if evidence.redis_ahead is not None and abs(evidence.redis_ahead) > limits.max_difference:
        return ClockJudgement(trusted=False, agrees=False, text=_redis_disagrees(evidence.redis_ahead, limits))
    if evidence.events >= MIN_EVENTS and evidence.ahead * 2 > evidence.events:
        return ClockJudgement(trusted=False, agrees=False, text=_events_disagree(evidence, limits))
    if evidence.redis_ahead is not None and abs(evidence.redis_ahead) > limits.margin:
        return ClockJudgement(trusted=True, agrees=False, text=_leases_at_risk(evidence.redis_ahead, limits))
    return ClockJudgement(trusted=True, agrees=True, text=_agreement(evidence))


def _redis_disagrees(ahead: timedelta, limits: ClockLimits) -> str:
    return (
        f"{_apart(ahead)}, more than {_seconds(limits.max_difference)}: nothing is taken from the source. "
        "If other workers say so too, set Redis' clock, else set this machine's (NTP)"
    )


def _events_disagree(evidence: ClockEvidence, limits: ClockLimits) -> str:
    return (
        f"{evidence.ahead} of the last {evidence.events} events are dated more than {_seconds(limits.max_ahead)} "
        "ahead of this machine's clock: nothing is taken from the source. Set this machine's clock (NTP). If it is "
        "right, upstream's is wrong: have that set, and raise SAVING_ALERTS_MAX_AHEAD_SECONDS to take what it wrote"
    )


def _leases_at_risk(ahead: timedelta, limits: ClockLimits) -> str:
    return f"{_apart(ahead)}, and claims need {_seconds(limits.margin)}: set this machine's clock, or Redis' (NTP)"


def _agreement(evidence: ClockEvidence) -> str:
    redis = "Redis has not said its time yet" if evidence.redis_ahead is None else "agrees with Redis' clock"
    return f"{redis}; {evidence.ahead} of {evidence.events} events of the last minute are dated ahead"


def _apart(ahead: timedelta) -> str:
    return f"Redis' clock is {_seconds(abs(ahead))} {'ahead of' if ahead > NONE else 'behind'} this machine's"


def _seconds(duration: timedelta) -> str:
    return f"{duration.total_seconds():.0f} s"
