"""What happened in a universe, in order, and the promises that were broken in it."""

from dataclasses import dataclass, field

from tests.deterministic.seeded_loop import SeededLoop

SHOWN = 400  # of the last lines; a universe has a thousand


class ProcessDiedError(BaseException):
    """Ends what a process that was killed is in the middle of. Nobody catches it, and it reaches nobody."""


@dataclass(frozen=True, slots=True)
class Happened:
    """One effect: `who` did `what`; `details` are shown as they are."""

    at: float
    who: str
    what: str
    details: tuple[object, ...]

    def __str__(self) -> str:
        return f"{self.at:9.3f}  {self.who:6} {self.what} {' '.join(map(str, self.details))}".rstrip()


@dataclass
class Trace:
    loop: SeededLoop
    lines: list[Happened] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def tell(self, who: str, what: str, *details: object) -> None:
        self.lines.append(Happened(self.loop.time(), who, what, details))

    def breaks(self, promise: str) -> None:
        if self.loop.is_over:  # what is abandoned does in its `finally` whatever it likes
            return
        self.broken.append(promise)
        self.tell("!!!", promise)

    def __str__(self) -> str:
        return "\n".join(map(str, self.lines[-SHOWN:]))
