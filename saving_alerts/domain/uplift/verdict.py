"""What a comparison of treated and control users says, in words: it helps, it harms, it does nothing, or not yet."""

from dataclasses import dataclass
from enum import StrEnum
from math import ceil, sqrt
from statistics import NormalDist

from saving_alerts.domain.uplift.intervals import CONFIDENCE, Arm, Interval, difference, z_of
from saving_alerts.domain.uplift.split import Split

# How often an effect of the least size is seen where it is there. With so many users the interval is as wide as the
# least size, so that it leaves out either 0 or an effect of that size: every comparison comes to an end.
POWER = 0.975
# Before there are as many users as planned, somebody may look every day: only what is far beyond doubt ends it then
# (the boundary of Haybittle and Peto; with 0.95 every fifth rule without effect would seem to have one after a month).
EARLY_CONFIDENCE = 0.999
MOST_DAYS = 365  # beyond, nobody waits


class Finding(StrEnum):
    """What the interval of the difference says."""

    HELPS = "helps"
    HARMS = "harms"
    NO_EFFECT = "no effect"  # of at least the least size, either way
    NOT_YET = "not enough yet"
    BROKEN_SPLIT = "the split is broken"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Treated against control users over so many days. Each user counts once, in the arm of the first assignment.

    `least` is the smallest difference that matters, as a share: 0.02 are two points. `expected` is the share of users
    that was to be control.
    """

    treated: Arm
    control: Arm
    expected: float
    days: float
    least: float

    @property
    def apart(self) -> float:
        """The treated rate less the control rate."""
        return self.treated.rate - self.control.rate

    @property
    def interval(self) -> Interval:
        return difference(self.treated, self.control)

    @property
    def split(self) -> Split:
        return Split(self.treated.users, self.control.users, self.expected)

    @property
    def users(self) -> int:
        return self.treated.users + self.control.users

    @property
    def is_enough(self) -> bool:
        """Whether there are as many users as a comparison needs that is sure to end."""
        return self.users >= self._needed

    @property
    def finding(self) -> Finding:
        if self.split.is_broken:
            return Finding.BROKEN_SPLIT
        interval = difference(self.treated, self.control, CONFIDENCE if self.is_enough else EARLY_CONFIDENCE)
        if interval.low > 0:
            return Finding.HELPS
        if interval.high < 0:
            return Finding.HARMS
        is_small = -self.least < interval.low and interval.high < self.least
        return Finding.NO_EFFECT if is_small else Finding.NOT_YET

    @property
    def days_to_go(self) -> int | None:
        """Until there are enough users, with as many users a day as so far; None where that is more than MOST_DAYS.

        It is worked out from the rates, the split and the traffic that were seen, and from the least difference that
        matters; not from the difference that was seen, which is mostly noise as long as there is not enough.
        """
        if not self.users or self.days <= 0:
            return None
        days = ceil(max(self._needed - self.users, 1) / (self.users / self.days))
        return days if days <= MOST_DAYS else None

    @property
    def _needed(self) -> int:
        """At the rate of both arms, which is never quite 0 or 1: after few users that would be too sure."""
        rate = (self.treated.successes + self.control.successes + 1) / (self.users + 2)
        return users_needed(rate, self.expected, self.least)

    @property
    def sentence(self) -> str:
        finding = self.finding
        if finding is Finding.BROKEN_SPLIT:
            return self.split.problem or ""
        if finding is Finding.NO_EFFECT:
            return f"no effect of {_points(self.least)} or more, either way: {self._figures}"
        return f"{self._not_yet if finding is Finding.NOT_YET else finding}: {self._figures}"

    @property
    def _not_yet(self) -> str:
        days = self.days_to_go
        wait = f"more than {MOST_DAYS} days to go" if days is None else f"about {days} day{'s' * (days != 1)} to go"
        return f"{Finding.NOT_YET}: {wait}"

    @property
    def _figures(self) -> str:
        low, high = self.interval.low, self.interval.high
        return f"{self.apart * 100:+.1f} points, {CONFIDENCE:.0%} interval {low * 100:+.1f} to {high * 100:+.1f}"


def users_needed(rate: float, control_share: float, least: float) -> int:
    """How many users both arms need together, to see a difference of `least` from `rate` with POWER.

    Of the two directions the one that needs more. Raises ValueError for a difference or share of 0.
    """
    if least <= 0 or not 0 < control_share < 1:
        raise ValueError(f"no number of users shows a difference of {least:g} with a share of {control_share:g}")
    others = [other for other in (rate - least, rate + least) if 0 <= other <= 1]
    return max((_users(rate, other, control_share, least) for other in others), default=1)


def _users(control: float, treated: float, share: float, least: float) -> int:
    """The usual formula: the error of a difference of 0, and the one of this difference, have to fit into it."""
    pooled = share * control + (1 - share) * treated
    if_none = z_of(CONFIDENCE) * sqrt(pooled * (1 - pooled) * (1 / share + 1 / (1 - share)))
    spread = control * (1 - control) / share + treated * (1 - treated) / (1 - share)
    return ceil(((if_none + NormalDist().inv_cdf(POWER) * sqrt(spread)) / least) ** 2)


def _points(share: float) -> str:
    return f"{share * 100:g} point{'s' * (share * 100 != 1)}"
