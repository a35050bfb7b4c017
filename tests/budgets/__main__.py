"""Prints the figures of docs/adr/0056 and of docs/operating.md: `python -m tests.budgets [days]`."""

import asyncio
import sys
from itertools import product
from random import Random

from tests.budgets.alternatives import BUDGETS, rows
from tests.budgets.day import Day
from tests.budgets.demand import SHAPES, reachable

DAYS = 20
TIMES = (1.2, 3)


def main(days: int) -> None:
    lines = [
        f"{days} days each, 12 partitions, 3 workers, a rebalance every hour",
        "| demand | of the budget | budget | most pushes | used, mean | used, worst day | of what could be, worst |",
        *(_row(shape, times, pushes, days) for shape in SHAPES for times, pushes in product(TIMES, BUDGETS)),
        "\nWhat else there could be, used of a budget:",
        *rows(Random(days), 10 * days),
    ]
    print(*lines, sep="\n")  # noqa: T201


def _row(shape: str, times: float, pushes: int, days: int) -> str:
    made = [asyncio.run(Day(seed, pushes, round(times * pushes), shape).run()) for seed in range(days)]
    used = [day.accepted / pushes for day in made]
    of_reachable = min(day.accepted / reachable(day.day, day.moments) for day in made)
    above = " ABOVE" if any(day.api.above for day in made) else ""
    most = f"{max(day.accepted for day in made):,}{above}"
    shares = " | ".join(f"{100 * each:.1f} %" for each in (sum(used) / days, min(used), of_reachable))
    return f"| {shape} | {times:g} times | {pushes:,} | {most} | {shares} |"


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else DAYS)
