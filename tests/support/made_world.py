"""Users of a made world, in which it is known how much a rule helps."""

from random import Random

from saving_alerts.domain.uplift.intervals import Arm


def arms(seed: int, users: int, control_share: float, rate: float, uplift: float) -> tuple[Arm, Arm]:
    """Treated and control: each user is drawn into one of both, and then does it or not."""
    drawn = Random(seed)
    control = sum(drawn.random() < control_share for _ in range(users))
    treated = users - control
    return (
        Arm(treated, sum(drawn.random() < rate + uplift for _ in range(treated))),
        Arm(control, sum(drawn.random() < rate for _ in range(control))),
    )
