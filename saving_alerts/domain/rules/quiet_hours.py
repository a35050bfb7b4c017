"""Hours without pushes, by the user's local time."""

import re
from dataclasses import dataclass
from datetime import datetime, time
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

# They mean whatever zone this machine is in, its rules for others, or that nobody has set one.
_OF_THE_MACHINE = re.compile(r"(?i)(?:posix/|right/)?(?:localtime|posixrules|factory|local)$|posix/|right/")


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
    """The date and time in a zone; None for one that is not known (`known_zones`)."""
    zone = zone_of(timezone)
    return None if zone is None else now.astimezone(zone)


@cache
def known_zones() -> frozenset[str]:
    """The names of all zones of the installed data that are the same on every machine."""
    return frozenset(zone for zone in available_timezones() if not _OF_THE_MACHINE.match(zone))


@lru_cache(maxsize=1024)  # more than there are zones
def _known(zone: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # its file has gone, or is broken
        return None


@lru_cache(maxsize=1024)
def zone_of(timezone: str) -> ZoneInfo | None:
    """Senders choose the text: one that is no name of a zone costs no look at the disk, and pushes no zone out."""
    return _known(timezone) if timezone in known_zones() else None
