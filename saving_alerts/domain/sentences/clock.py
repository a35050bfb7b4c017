"""Moments as they are told to one shopper: on their own clock, and as near to now as they are."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from saving_alerts.domain.moments import in_utc
from saving_alerts.domain.rules.quiet_hours import local_time
from saving_alerts.domain.sentences.language import Words
from saving_alerts.domain.texts.calendars import date_text, time_text, weekday_text

# A weekday says which day it is within so many days; the same one a week away would be mistaken for today.
NEAR_DAYS = 6
_NAMES = {-1: "yesterday", 0: "today", 1: "tomorrow"}


@dataclass(frozen=True, slots=True)
class ShopperClock:
    """`zone` is the shopper's; None where it is not known: then all times are UTC, and said to be."""

    words: Words
    now: datetime
    zone: tzinfo | None

    @classmethod
    def of(cls, timezone: str | None, words: Words, now: datetime) -> "ShopperClock":
        local = None if timezone is None else local_time(timezone, now)
        return cls(words, in_utc(now), None if local is None else local.tzinfo)

    def local(self, moment: datetime) -> datetime:
        try:
            return in_utc(moment).astimezone(self.zone or UTC)
        except (OverflowError, ValueError):  # at the edges of what a date can say
            return in_utc(moment)

    def lead(self, moment: datetime | None) -> str:
        """How a sentence begins: `On Tuesday at 21:47 your time`."""
        if moment is None:
            return self.words.leads["unknown_time"]
        local = self.local(moment)
        day = self.words.days[f"lead_{self._nearness(local)}"].format(**self._parts(local))
        pattern = self.words.leads["local" if self.zone is not None else "utc"]
        return pattern.format(day=day, time=time_text(local, self.words.locale))

    def at(self, moment: datetime) -> str:
        """In a sentence: `at 14:05`, `yesterday at 14:05`, `on Thursday at 14:05`."""
        return self._said("at", moment)

    def since(self, moment: datetime) -> str:
        """In a sentence: `from 14:05`, `from tomorrow 14:05`, `from Thursday 14:05`."""
        return self._said("from", moment)

    def _said(self, kind: str, moment: datetime) -> str:
        local = self.local(moment)
        return self.words.days[f"{kind}_{self._nearness(local)}"].format(**self._parts(local))

    def _nearness(self, local: datetime) -> str:
        days = (local.date() - self.local(self.now).date()) // timedelta(days=1)
        return _NAMES.get(days) or ("weekday" if abs(days) <= NEAR_DAYS else "date")

    def _parts(self, local: datetime) -> dict[str, str]:
        locale = self.words.locale
        with_year = local.year != self.local(self.now).year
        return {
            "time": time_text(local, locale),
            "weekday": weekday_text(local, locale),
            "date": date_text(local, locale, with_year=with_year),
        }
