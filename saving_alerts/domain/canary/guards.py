"""Guards: whether something comes more often, or more seldom, than was foretold. Looked at after every event.

A guard is a sequential likelihood ratio test. As long as the true rate is what was foretold, or on the harmless side of
it, the ratio is a supermartingale that begins at 1: it ever comes to 1 / ERROR with a probability of at most ERROR,
however long and however often one looks (Ville's inequality). So a guard may be looked at after each event, and the
first evidence that is enough is taken.
"""

from dataclasses import dataclass, field
from math import log, log1p

# The probability that one guard ever breaks although the rate is as foretold.
ERROR = 1e-5
ENOUGH = -log(ERROR)
LEAST_RATE = 1e-6  # what was foretold never is guarded as one in a million: the first ones are no evidence yet
MOST_RATE = 1 - 1e-6


@dataclass(slots=True)
class Guard:
    """Of events, each of which has it or has it not.

    `foretold` is the rate that is still as foretold, `limit` the one that must be noticed: above it, the guard is
    against too many, below it against too few. Between the two it may or may not break.
    """

    name: str
    foretold: float
    limit: float
    events: int = 0
    hits: int = 0
    _evidence: float = 0.0  # the logarithm of the likelihood ratio
    _for_a_hit: float = field(init=False)
    _for_another: float = field(init=False)
    _broken: str | None = None

    def __post_init__(self) -> None:
        foretold, limit = (min(max(rate, LEAST_RATE), MOST_RATE) for rate in (self.foretold, self.limit))
        if foretold == limit:
            raise ValueError(
                f"{self.name}: a limit of {self.limit:g} cannot be told from the foretold {self.foretold:g}"
            )
        self._for_a_hit = log(limit / foretold)
        self._for_another = log1p(-limit) - log1p(-foretold)

    def count(self, events: int, hits: int) -> None:
        """So many more events, of which so many have it. Once broken it stays broken."""
        self.events += events
        self.hits += hits
        self._evidence += hits * self._for_a_hit + (events - hits) * self._for_another
        if self._evidence >= ENOUGH and self._broken is None:
            self._broken = self._in_words()

    @property
    def share(self) -> float:
        """How much of the evidence that breaks it is there: 0 for none, 1 where it is enough."""
        return min(max(self._evidence / ENOUGH, 0.0), 1.0)

    @property
    def broken(self) -> str | None:
        """Why it is, in words, as of the moment when it broke; None while it holds."""
        return self._broken

    def _in_words(self) -> str:
        found = self.hits / self.events
        return (
            f"{self.name}: {self.hits:,} of {self.events:,} events, which is {found:.2%}; "
            f"{self.foretold:.2%} was foretold, the limit is {self.limit:.2%}"
        )


def against_both(name: str, foretold: float, factor: float) -> tuple[Guard, Guard]:
    """Against `factor` times as many as foretold, and as many times fewer."""
    if not 0 < foretold < 1 or factor <= 1:
        raise ValueError(f"{name}: nothing comes {factor:g} times as often as {foretold:g} of all events")
    most = min(foretold * factor, (1 + foretold) / 2)
    return Guard(f"{name}, too many", foretold, most), Guard(f"{name}, too few", foretold, foretold / factor)
