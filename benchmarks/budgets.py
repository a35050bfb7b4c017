"""What a program that measures may find, as times of a reference in the same run; and its end where it is more."""

import sys
from collections.abc import Mapping

from rich.console import Console


def above(ratios: Mapping[str, float], budgets: Mapping[str, float], as_what: str) -> list[str]:
    """What takes more times as long than its budget, in words; `as_what` is as in "takes 2 times as long as ..."."""
    return [
        f"{name} takes {ratios[name]:.2f} times {as_what}; its budget is {budget:g} times"
        for name, budget in budgets.items()
        if ratios[name] > budget
    ]


def end(found: list[str]) -> None:
    """Say what is above its budget, and end with 1; else with 0."""
    for line in found:
        Console(stderr=True).print(line)
    sys.exit(1 if found else 0)
