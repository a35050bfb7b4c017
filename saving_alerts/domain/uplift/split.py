"""Whether users were split as they were to be. Where they were not, no comparison of the arms means anything."""

from dataclasses import dataclass
from math import exp, lgamma, log, log1p

# Looked at every day, a sound split is called broken less often than once in 27 years.
BROKEN_BELOW = 1 / 10_000
_NEGLIGIBLE = 1e-17  # of the sum so far: less than a float shows


@dataclass(frozen=True, slots=True)
class Split:
    """So many users came to each arm, where the share `expected` was to come to the control arm.

    Raises ValueError for a share that splits nobody.
    """

    treated: int
    control: int
    expected: float

    def __post_init__(self) -> None:
        if not 0 < self.expected < 1 or min(self.treated, self.control) < 0:
            raise ValueError(f"{self.control} and {self.treated} users, a share of {self.expected:g} is expected")

    @property
    def users(self) -> int:
        return self.treated + self.control

    @property
    def probability(self) -> float:
        """How probable a split at least as far off is, where everything is sound: exact, by the binomial distribution.

        Twice the smaller tail.
        """
        lower = _tail(self.control, self.users, self.expected)
        upper = _tail(self.treated, self.users, 1 - self.expected)
        return min(1.0, 2 * min(lower, upper))

    @property
    def is_broken(self) -> bool:
        return self.probability < BROKEN_BELOW

    @property
    def problem(self) -> str | None:
        """What is wrong with it, in words; None for a split as it was to be."""
        if not self.is_broken:
            return None
        found = self.control / self.users
        return (
            f"the split is broken: {self.control:,} of {self.users:,} users are control, which is {found:.2%}, "
            f"where {self.expected:.2%} were to be; chance does so once in {1 / max(self.probability, 1e-12):,.0f}. "
            "Do not read the difference: find out first where users were lost or added"
        )


def _tail(most: int, users: int, share: float) -> float:
    """The probability of at most `most` of `users`, each with this share. Its time grows with the root of `users`."""
    if most >= users:
        return 1.0
    if most > users * share:  # the other side is the shorter way
        return 1.0 - _tail(users - most - 1, users, 1 - share)
    term = total = exp(_log_probability(most, users, share))
    odds = (1 - share) / share
    while most and term > total * _NEGLIGIBLE:
        term *= odds * most / (users - most + 1)
        total += term
        most -= 1
    return min(1.0, total)


def _log_probability(count: int, users: int, share: float) -> float:
    ways = lgamma(users + 1) - lgamma(count + 1) - lgamma(users - count + 1)
    return ways + count * log(share) + (users - count) * log1p(-share)
