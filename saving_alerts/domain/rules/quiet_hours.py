"""The hours in which nobody is disturbed, on the user's own clock."""

from dataclasses import dataclass
from datetime import datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `start` up to, not including, `end`, in local time; across midnight when `end` is the smaller one."""

    start: time
    end: time

    def covers(self, local: time) -> bool:
        if self.start < self.end:
            return self.start <= local < self.end
        return local >= self.start or local < self.end


def is_quiet(quiet_hours: QuietHours | None, local: datetime | None) -> bool:
    """Whether the user's clock is in the quiet hours. Without a clock it is quiet: better silent than at 3 am."""
    if quiet_hours is None:
        return False
    return local is None or quiet_hours.covers(local.time())


def local_time(timezone: str, now: datetime) -> datetime | None:
    """The date and the clock in a zone; None for a zone that this tzdata does not know."""
    zone = _zone(timezone)
    return None if zone is None else now.astimezone(zone)


@lru_cache(maxsize=1024)
def _zone(timezone: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # unknown, malformed, or the name of a folder
        return None
