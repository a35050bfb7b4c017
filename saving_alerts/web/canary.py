"""Rules that are tried on some of the users, for the page: on whom, until when, and what the guards have seen."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from saving_alerts.domain.canary.evidence import guards_of, together
from saving_alerts.domain.canary.order import CanaryOrder
from saving_alerts.domain.decoding import Instant, printable
from saving_alerts.domain.kill_switches import StandingSwitch
from saving_alerts.ports.heartbeats import WorkerRow

MAX_NOTE_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class GuardSeen:
    """One guard: of so many events so many have it. `share` is of the evidence that breaks it."""

    name: str
    events: int
    hits: int
    foretold: float
    limit: float
    share: float


@dataclass(frozen=True, slots=True)
class Canary:
    """A canary that counts with the rules that are live, and that so many `workers` use.

    `state` is in words, and says what to do where somebody has to. There are no `guards` once it is taken back: then
    nobody counts, and the state says what they had seen.
    """

    id: str
    version: str
    instead_of: str
    percent: float
    by: str
    note: str
    begins: Instant
    ends: Instant
    state: str
    is_taken_back: bool
    workers: int
    guards: tuple[GuardSeen, ...]


def canary_seen(order: CanaryOrder, switch: StandingSwitch | None, rows: Iterable[WorkerRow], now: datetime) -> Canary:
    """`switch`: the one by which it is taken back. `rows` are those of all workers."""
    using = [row for row in rows if row.canary == order.id]
    guards = () if switch is not None else guards_of(order, together(row.evidence for row in using))
    return Canary(
        id=order.id,
        version=order.version,
        instead_of=order.instead_of,
        percent=order.percent,
        by=printable(order.by, MAX_NOTE_CHARACTERS),
        note=printable(order.note, MAX_NOTE_CHARACTERS),
        begins=order.begins,
        ends=order.ends,
        state=_state(order, switch, now),
        is_taken_back=switch is not None,
        workers=len(using),
        guards=tuple(
            GuardSeen(each.name, each.events, each.hits, each.foretold, each.limit, each.share) for each in guards
        ),
    )


def _state(order: CanaryOrder, switch: StandingSwitch | None, now: datetime) -> str:
    if switch is not None:
        return f"taken back, everybody has the other rules; `rules canary abort` puts it away: {switch}"
    if order.is_for_everybody(now):
        return "everybody has it; `rules canary promote` writes it down, `rules canary abort` takes it back"
    return "tried on some of the users, then everybody has it"
