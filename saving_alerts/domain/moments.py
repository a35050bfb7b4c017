"""Moments at the edges of what a date can say: what others write is not to raise in the arithmetic of ours."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def in_utc(moment: datetime) -> datetime:
    """The same moment in UTC; the nearest that UTC has, for the last hours of the year 9999 further west."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return LAST if moment.replace(tzinfo=None) > FIRST.replace(tzinfo=None) + timedelta(days=1) else FIRST


def of_milliseconds(milliseconds: int) -> datetime:
    """What Kafka and Redis write as milliseconds since 1970; the nearest moment that there is."""
    try:
        return EPOCH + milliseconds * _MILLISECOND
    except OverflowError:
        return LAST if milliseconds > 0 else FIRST
