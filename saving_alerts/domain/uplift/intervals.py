"""How far apart two proportions are, and how exactly that is known."""

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Arm:
    """One side of a comparison: so many users were assigned to it, and so many of them did it.

    Raises ValueError where that cannot be.
    """

    users: int
    successes: int

    def __post_init__(self) -> None:
        if not 0 <= self.successes <= self.users:
            raise ValueError(f"{self.successes} of {self.users} users")

    @property
    def rate(self) -> float:
        """0 of nobody."""
        return self.successes / self.users if self.users else 0.0


@dataclass(frozen=True, slots=True)
class Interval:
    """From `low` to `high`, both included."""

    low: float
    high: float

    @property
    def width(self) -> float:
        return self.high - self.low

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


def z_of(confidence: float) -> float:
    """The quantile of the normal distribution for a two-sided interval: 1.96 for 0.95."""
    return NormalDist().inv_cdf((1 + confidence) / 2)


def wilson(arm: Arm, confidence: float = CONFIDENCE) -> Interval:
    """Wilson's score interval of one proportion. Of nobody nothing is known: 0 to 1."""
    if not arm.users:
        return Interval(0.0, 1.0)
    z, users = z_of(confidence), arm.users
    centre = (arm.rate + z * z / (2 * users)) / (1 + z * z / users)
    half = z * sqrt(arm.rate * (1 - arm.rate) / users + z * z / (4 * users * users)) / (1 + z * z / users)
    # Rounding must not take the rate itself out of it, at 0 and at 1.
    return Interval(max(0.0, min(centre - half, arm.rate)), min(1.0, max(centre + half, arm.rate)))


def difference(treated: Arm, control: Arm, confidence: float = CONFIDENCE) -> Interval:
    """The interval of the treated rate less the control rate: Newcombe's hybrid of two Wilson intervals.

    R. G. Newcombe, Statistics in Medicine 17 (1998), 873-890, method 10: without continuity correction. The users of
    both arms are to be independent of each other: one user counts once (docs/adr/0045).
    """
    mine, theirs = wilson(treated, confidence), wilson(control, confidence)
    apart = treated.rate - control.rate
    down = sqrt((treated.rate - mine.low) ** 2 + (theirs.high - control.rate) ** 2)
    up = sqrt((mine.high - treated.rate) ** 2 + (control.rate - theirs.low) ** 2)
    return Interval(max(-1.0, apart - down), min(1.0, apart + up))
