"""What the rules of a canary have done so far, and which guard it breaks, if it breaks one.

Each worker counts what it decides itself and tells the others; whoever looks adds up. The ratio of a guard depends on
the sums alone, so it does not matter who has counted what, and in which order. What is missing, of a worker that died
before it told, is less evidence, and no other one.
"""

from collections.abc import Iterable

import msgspec

from saving_alerts.domain.canary.guards import Guard, against_both
from saving_alerts.domain.canary.order import CanaryOrder
from saving_alerts.domain.decoding import Count

_ALL_PERCENT = 100


class Evidence(msgspec.Struct, frozen=True, omit_defaults=True):
    """`evaluated` events with coupons; for `wanted` of them a rule wanted a push, in `when_errors` a `when` failed.

    Of `tried` pushes the push API refused `refused`. Of `opt_outs` by anybody `opt_outs_tried` are of users on whom the
    rules are tried.
    """

    evaluated: Count = 0
    wanted: Count = 0
    when_errors: Count = 0
    tried: Count = 0
    refused: Count = 0
    opt_outs: Count = 0
    opt_outs_tried: Count = 0

    @property
    def is_sound(self) -> bool:
        """Whether no part is more than its whole: others can write what is read here."""
        return (
            max(self.wanted, self.when_errors) <= self.evaluated
            and self.refused <= self.tried
            and self.opt_outs_tried <= self.opt_outs
        )


def together(each: Iterable[Evidence]) -> Evidence:
    """Of all of them; what is not sound is left out."""
    sound = [msgspec.structs.astuple(one) for one in each if one.is_sound]
    return Evidence(*(sum(numbers) for numbers in zip(*sound, strict=True))) if sound else Evidence()


def guards_of(order: CanaryOrder, found: Evidence) -> tuple[Guard, ...]:
    """All guards, with what they have seen."""
    foretold = order.foretold
    too_many, too_few = against_both("pushes", foretold.pushes, foretold.factor)
    errors, refused = (
        Guard(name, bounds.foretold, bounds.limit)
        for name, bounds in (("when errors", foretold.when_errors), ("push_refused", foretold.push_refused))
    )
    opt_outs = _opt_outs(order.percent / _ALL_PERCENT)
    for guard in (too_many, too_few):
        guard.count(found.evaluated, found.wanted)
    errors.count(found.evaluated, found.when_errors)
    refused.count(found.tried, found.refused)
    opt_outs.count(found.opt_outs, found.opt_outs_tried)
    return too_many, too_few, errors, refused, opt_outs


def broken(order: CanaryOrder, found: Evidence) -> str | None:
    """Why it is to be taken back, in words; None while every guard holds."""
    return next((guard.broken for guard in guards_of(order, found) if guard.broken is not None), None)


def _opt_outs(share: float) -> Guard:
    """Of all who opt out, how many are users on whom the rules are tried; too many, if these do it twice as often."""
    return Guard("opt-outs", share, 2 * share / (1 + share))
