"""Hours without pushes, by the user's local time."""

from dataclasses import dataclass
from datetime import datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `start` up to, not including, `end`, in local time; across midnight if `end` is not after `start`."""

    start: time
    end: time

    def covers(self, local: time) -> bool:
        if self.start < self.end:
            return self.start <= local < self.end
        return local >= self.start or local < self.end


def is_quiet(quiet_hours: QuietHours | None, local: datetime | None) -> bool:
    """Whether the user's local time is in the quiet hours.

    If it is not known (None) it is quiet: the push could come in the middle of the night.
    """
    if quiet_hours is None:
        return False
    return local is None or quiet_hours.covers(local.time())


def local_time(timezone: str, now: datetime) -> datetime | None:
    """The date and time in a zone; None for a zone that the installed tzdata does not have."""
    zone = _zone(timezone)
    return None if zone is None else now.astimezone(zone)


@lru_cache(maxsize=1024)  # more than there are time zones; senders choose the text, so there must be a limit
def _zone(timezone: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # unknown, malformed, or the name of a folder
        return None
