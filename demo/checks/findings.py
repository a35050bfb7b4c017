"""What a fault has cost: sets that must be empty, and numbers that are only told."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from demo.stub_apis.push_api import AcceptedPush

SHOWN = 3
HEADINGS = ("case", "events", "lost", "doubled", "silenced", "late", "wrong", "echoes", "gap s", "took s")


@dataclass(frozen=True, slots=True)
class Findings:
    """One case. `lost` are events without an answer, `doubled` users with more pushes than their one, `silenced` users
    without it, `late` users pushed after their deadline, `wrong` whatever else was not as it must be.

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
    def faults(self) -> tuple[str, ...]:
        """In sentences; none when nothing was broken."""
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


def table(findings: Sequence[Findings]) -> str:
    """All cases, one a line."""
    rows = [HEADINGS, *(_row(each) for each in findings)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    return "\n".join(_line(row, widths) for row in rows)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    numbers = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
    return "  ".join([row[0].ljust(widths[0]), *numbers])


def _row(findings: Findings) -> tuple[str, ...]:
    sets = (findings.lost, findings.doubled, findings.silenced, findings.late, findings.wrong)
    gap = "-" if findings.gap_seconds is None else f"{findings.gap_seconds:.1f}"
    numbers = (*(str(len(names)) for names in sets), str(findings.echoes))
    return (findings.case, str(findings.events), *numbers, gap, f"{findings.seconds:.0f}")
