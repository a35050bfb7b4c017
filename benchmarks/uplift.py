"""How good the interval of `rules results` is: how often it holds the truth, and how wide it is beside an exact one.

    .venv/bin/python -m benchmarks.uplift

Ends with 1 where it holds the truth in fewer than 930 or in more than 970 of 1,000 made worlds, or is more than 1.2
times as wide as the exact interval. A made world has so many users that `rules results` would say something.
"""

import sys

import click

from saving_alerts.domain.uplift.intervals import Arm, difference
from saving_alerts.domain.uplift.verdict import users_needed
from tests.support.exact_difference import exact_difference
from tests.support.made_world import arms

SEEDS = 1_000
LEAST_HELD, MOST_HELD = 930, 970
MOST_WIDTH = 1.2
WORLDS = [  # control rate, uplift, control share
    (0.10, 0.05, 0.1),
    (0.10, 0.0, 0.1),
    (0.10, 0.05, 0.5),
    (0.02, 0.01, 0.1),
    (0.02, 0.0, 0.05),
    (0.40, -0.05, 0.2),
]
SMALL = [(16, 12), (20, 8)]  # users of both arms, of which the exact interval can be worked out


@click.command(help=__doc__)
def main() -> None:
    print("control rate  uplift  control share   users  truth held  width")
    held = [_coverage(seed, *world) for seed, world in enumerate(WORLDS)]
    print("\nusers  widest beside the exact one")
    widths = [_widest(*users) for users in SMALL]
    sys.exit(0 if all(LEAST_HELD <= each <= MOST_HELD for each in held) and max(widths) <= MOST_WIDTH else 1)


def _coverage(block: int, rate: float, uplift: float, share: float) -> int:
    users = min(users_needed(rate, share, max(abs(uplift), rate / 3)) // 4, 8_000)
    found = [difference(*arms(block * SEEDS + seed, users, share, rate, uplift)) for seed in range(SEEDS)]
    held = sum(uplift in each for each in found)
    width = sum(each.width for each in found) / SEEDS
    print(f"{rate:12.0%}  {uplift:+6.0%}  {share:13.0%}  {users:6,}  {held:10,}  {width:.4f}")
    return held


def _widest(treated: int, control: int) -> float:
    pairs = [
        (Arm(treated, mine), Arm(control, theirs))
        for mine in range(0, treated + 1, 4)
        for theirs in range(0, control + 1, 3)
    ]
    widest = max(difference(*pair).width / exact_difference(*pair).width for pair in pairs)
    print(f"{treated:2} and {control:2}  {widest:.2f} times")
    return widest


if __name__ == "__main__":
    main()
