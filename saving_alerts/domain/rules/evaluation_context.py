"""What evaluation reads beside the coupons: one event at its merchant, at one moment."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from saving_alerts.domain.events import SavingEvent
from saving_alerts.domain.merchants import Merchant
from saving_alerts.domain.opening_hours import Opening
from saving_alerts.domain.rules.quiet_hours import local_time
from saving_alerts.domain.rules.store_hours import open_until, opening_of


@dataclass(frozen=True)
class EvaluationContext:
    """`distance_m` is how far the phone was from the store, and `accuracy_m` how exactly that is known, in metres; None
    where it is not known.

    `link_schemes` are those of the apps that a push may open, beside https, in lower case.

    It has no slots, because `cached_property` keeps `local` and others in `__dict__`.
    """

    event: SavingEvent
    merchant: Merchant | None
    now: datetime
    distance_m: float | None = None
    accuracy_m: float | None = None
    link_schemes: frozenset[str] = frozenset()

    @cached_property
    def local(self) -> datetime | None:
        """The date and time in the user's time zone; None for an unknown zone."""
        return local_time(self.event.timezone, self.now)

    @cached_property
    def opening(self) -> Opening | None:
        """When the event's store is open; None if nobody knows."""
        return opening_of(self.merchant, self.event.store_id)

    @cached_property
    def open_until(self) -> datetime | None:
        """When the store closes, in UTC; None if it is closed, or if nobody knows."""
        return open_until(self.opening, self.now) if self.opening is not None else None
