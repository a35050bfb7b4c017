"""What the fake throttle keeps of each user."""

from dataclasses import dataclass, field
from datetime import datetime

from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.ports.throttle import Claim
from tests.support.fakes.slot_times import Span
from tests.support.fakes.taken_budgets import TakenBudgets


@dataclass(slots=True)
class Entry:
    """All that is known of one event at a position: a send (`sent_at`), or a claim to `lease_until`, then a charge."""

    claim: Claim
    lease_until: datetime
    taken_over: bool = False
    sent_at: datetime | None = None
    uncertain: bool = False
    control: bool = False
    erased: bool = False  # it stands under a token
    slot: tuple[str, ...] = ()
    budgets: dict[str, datetime] = field(default_factory=dict)  # of which it has a part, with the end of their day
    slot_times: Span | None = None

    @property
    def charged_at(self) -> datetime:
        return self.sent_at or self.lease_until


@dataclass(slots=True)
class User:
    """`entries` by position and event id: another event at the same position is another one.

    `released` by incarnation: the highest number that was released, and when the last one was. The latest is the last.
    """

    entries: dict[tuple[SourcePosition, str], Entry] = field(default_factory=dict)
    released: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    budgets: TakenBudgets = field(default_factory=TakenBudgets)  # those of all, of a user whom nobody is
