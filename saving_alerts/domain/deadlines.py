"""Until when a push about an event is in time."""

from datetime import datetime, timedelta

from saving_alerts.domain.events import SavingEvent
from saving_alerts.domain.moments import in_utc


def deadline_of(event: SavingEvent, freshness: timedelta, read_at: datetime) -> datetime:
    """The moment after which a push about this event would come too late, in UTC.

    It counts from the earliest of the phone's time, the tracking API's and ours: whoever is ahead, it is never later
    than `freshness` after the event was read.
    """
    return in_utc(min(event.occurred_at, event.received_at, read_at)) + freshness


def latest_deadline(read_at: datetime, freshness: timedelta, now: datetime) -> datetime:
    """How late the deadline of an event can be that was read at `read_at`, whatever a record says."""
    return in_utc(min(read_at, now)) + freshness
