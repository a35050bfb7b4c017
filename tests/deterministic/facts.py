"""What the world knows of each event, to judge the workers by at the end."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from saving_alerts.domain.decisions import Decision
from saving_alerts.domain.reasons import Reason


@dataclass(slots=True)
class EventFacts:
    """Of one source position.

    `unclear`: an attempt got no answer. `hit`: a fault struck between its reserve and its end, so that its worker may
    not know. `wiped`, `orphaned`: Redis forgot its claim, its worker lost it, before its send was durable; both
    together are the limit that docs/claims.md names. `unheard`: a claim was granted, and nobody heard of it.
    `slept_through`: a worker that had it in work was paused for longer than its session.
    `unasked`: Redis answered no `look` and no `reserve` of a dispatch that decided it.
    """

    position: str
    event_id: str
    user_id: str
    deadline: datetime
    is_trigger: bool
    partition: int
    taken: Counter[str] = field(default_factory=Counter)
    decisions: list[Decision] = field(default_factory=list)
    receipts: int = 0
    has_entry: bool = False
    is_durable: bool = False
    is_acked: bool = False
    unclear: bool = False
    hit: bool = False
    wiped: bool = False
    orphaned: bool = False
    unheard: bool = False
    slept_through: bool = False
    unasked: bool = False

    @property
    def is_answered(self) -> bool:
        return bool(self.decisions or self.receipts)

    @property
    def is_at_the_limit(self) -> bool:
        return self.wiped and self.orphaned

    @property
    def answer(self) -> Reason:
        """The ledger's: of several decisions the strongest counts, of equals the first."""
        if not self.decisions:
            return Reason.NOT_A_TRIGGER
        return max(self.decisions, key=lambda decision: decision.reason.row.strength).reason

    def lose(self, what: str) -> None:
        """Redis forgot (`wiped`), or its worker is gone (`orphaned`), as in `tests/claims_model/faults.py`."""
        in_work = not self.is_acked and not self.is_durable
        if in_work and (self.wiped or self.orphaned or self.has_entry):
            setattr(self, what, True)
            self.hit = True


@dataclass(frozen=True, slots=True)
class AcceptedPush:
    """A push that reached its shopper: `at` by the clock of the push API."""

    user_id: str
    event_id: str
    at: datetime
    deadline: datetime
