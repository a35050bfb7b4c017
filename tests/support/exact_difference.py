"""The exact interval of a difference of two proportions, to compare ours with: slow, for small arms only.

I. S. F. Chan and Z. Zhang, Biometrics 55 (1999), 1202-1209: the differences that neither of two one-sided exact tests
refuses, each at half of the error. The tests order the outcomes by the score statistic, and take the worst rate of all.
"""

from math import comb, sqrt

from saving_alerts.domain.uplift.intervals import Arm, Interval

RATES = 100  # at so many rates the worst one is looked for
STEPS = 12  # of the search for a bound: to a two thousandth


def exact_difference(treated: Arm, control: Arm, confidence: float = 0.95) -> Interval:
    half = (1 - confidence) / 2
    apart = treated.rate - control.rate
    low = _bound(-1.0, apart, lambda delta: _tail(treated, control, delta) >= half)
    turned = (
        Arm(treated.users, treated.users - treated.successes),
        Arm(control.users, control.users - control.successes),
    )
    high = -_bound(-1.0, -apart, lambda delta: _tail(*turned, delta) >= half)
    return Interval(low, high)


def _bound(below: float, apart: float, is_possible: object) -> float:
    """The least difference that is possible; `below` is not, and `apart` is."""
    assert callable(is_possible)
    low, high = below, apart
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if is_possible(middle) else (middle, high)
    return low


def _tail(treated: Arm, control: Arm, delta: float) -> float:
    """The probability of an outcome at least as far above `delta`, at the rate where it is greatest."""
    seen = _score(treated, control, delta) - 1e-9
    extreme = [
        (mine, theirs)
        for mine in range(treated.users + 1)
        for theirs in range(control.users + 1)
        if _score(Arm(treated.users, mine), Arm(control.users, theirs), delta) >= seen
    ]
    first, last = max(0.0, -delta), min(1.0, 1 - delta)
    rates = (first + (last - first) * number / RATES for number in range(RATES + 1))
    return max(_probability(extreme, treated.users, control.users, rate, delta) for rate in rates)


def _probability(outcomes: list[tuple[int, int]], treated: int, control: int, rate: float, delta: float) -> float:
    mine = _binomial(treated, min(1.0, max(0.0, rate + delta)))
    theirs = _binomial(control, rate)
    return sum(mine[one] * theirs[other] for one, other in outcomes)


def _binomial(users: int, rate: float) -> list[float]:
    return [comb(users, count) * rate**count * (1 - rate) ** (users - count) for count in range(users + 1)]


def _score(treated: Arm, control: Arm, delta: float) -> float:
    rate = _likeliest(treated, control, delta)
    other = rate + delta
    spread = max(0.0, other * (1 - other) / treated.users + rate * (1 - rate) / control.users)
    above = treated.rate - control.rate - delta
    if spread < 1e-12:
        return 0.0 if abs(above) < 1e-9 else above * 1e9
    return above / sqrt(spread)


def _likeliest(treated: Arm, control: Arm, delta: float) -> float:
    """The control rate that fits best where the treated one is `delta` more: the slope falls from plus to minus."""
    low, high = max(0.0, -delta), min(1.0, 1 - delta)
    for _ in range(25):
        middle = (low + high) / 2
        low, high = (middle, high) if _slope(treated, control, delta, middle) > 0 else (low, middle)
    return (low + high) / 2


def _slope(treated: Arm, control: Arm, delta: float, rate: float) -> float:
    tiny = 1e-15
    other = rate + delta
    mine = treated.successes / max(other, tiny) - (treated.users - treated.successes) / max(1 - other, tiny)
    theirs = control.successes / max(rate, tiny) - (control.users - control.successes) / max(1 - rate, tiny)
    return mine + theirs
