"""The result of one case: failures, of which there must be none, and numbers that are only reported."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from demo.stub_apis.push_api import AcceptedPush

SHOWN = 3
HEADINGS = ("case", "events", "lost", "doubled", "silenced", "late", "wrong", "echoes", "gap s", "took s")


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One fault under load, or a load alone.

    `lost`: events without an answer. `doubled`: users with more than the one push they may get. `silenced`: users
    without the push they must get. `late`: users pushed after their deadline. `wrong`: all other failures.

    `gap_seconds`: from the fault until the last of the partitions concerned was worked on again.
    """

    case: str
    events: int
    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    silenced: tuple[str, ...]
    late: tuple[str, ...]
    wrong: tuple[str, ...]
    echoes: int
    gap_seconds: float | None
    seconds: float

    @property
    def failures(self) -> tuple[str, ...]:
        """In sentences; empty when the case passed."""
        sets = {
            "lost": self.lost,
            "doubled": self.doubled,
            "silenced": self.silenced,
            "late": self.late,
            "wrong": self.wrong,
        }
        return tuple(f"{len(names)} {kind}: {_some(names)}" for kind, names in sets.items() if names)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")


def doubled(pushes: Sequence[AcceptedPush]) -> tuple[str, ...]:
    """The users with more than the one push that the cap allows, or with the same event pushed twice."""
    times = Counter(push.push.user_id for push in pushes)
    twice = {push.push.user_id for push in pushes if push.second}
    return tuple(sorted({user for user, number in times.items() if number > 1} | twice))


def table(results: Sequence[CaseResult]) -> str:
    """All cases, one a line."""
    rows = [HEADINGS, *(_row(each) for each in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    return "\n".join(_line(row, widths) for row in rows)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    numbers = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
    return "  ".join([row[0].ljust(widths[0]), *numbers])


def _row(result: CaseResult) -> tuple[str, ...]:
    sets = (result.lost, result.doubled, result.silenced, result.late, result.wrong)
    gap = "-" if result.gap_seconds is None else f"{result.gap_seconds:.1f}"
    numbers = (*(str(len(names)) for names in sets), str(result.echoes))
    return (result.case, str(result.events), *numbers, gap, f"{result.seconds:.0f}")
