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


def is_quiet(quiet_hours: QuietHours | None, timezone: str, now: datetime) -> bool:
    """Whether the user's clock is in the quiet hours. A zone that nobody knows is quiet: better silent than at 3 am."""
    if quiet_hours is None:
        return False
    zone = _zone(timezone)
    return zone is None or quiet_hours.covers(now.astimezone(zone).time())


@lru_cache(maxsize=1024)
def _zone(timezone: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # unknown, malformed, or the name of a folder
        return None
