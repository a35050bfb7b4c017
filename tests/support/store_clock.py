"""What the clock on a store's wall says of its opening hours, minute by minute: slow, with nothing joined."""

from datetime import date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from saving_alerts.domain.opening_hours import Opening

DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
HOLIDAYS = ("2026-01-01", "2026-04-03", "2026-04-06", "2026-05-01", "2026-10-03", "2026-12-25", "2026-12-26")
CLOCKS = [f"{hour:02}:{minute:02}" for hour in range(24) for minute in (0, 15, 30, 45)]


def random_opening(random: Random, zone: str) -> Opening:
    """One span a day at most, of any length, perhaps over midnight; closed on the holidays."""
    week = []
    for day in DAYS:
        begin = random.randrange(len(CLOCKS))
        lasts = random.randrange(1, len(CLOCKS))
        span = f"{CLOCKS[begin]}-{CLOCKS[(begin + lasts) % len(CLOCKS)]}"
        week.append(f"{day} {span if random.random() < 0.85 else 'off'}")
    return Opening(timezone=zone, hours="; ".join(week), closed_days=HOLIDAYS)


def is_open(opening: Opening, moment: datetime) -> bool:
    """For hours that are written day by day, like `Mo 09:00-12:00,14:00-02:00; Tu off`."""
    wall = moment.astimezone(ZoneInfo(str(opening.timezone)))
    today, clock = wall.date(), f"{wall:%H:%M}"
    if today.isoformat() in opening.closed_days:
        return False
    yesterday = today - timedelta(days=1)
    overnight = [] if yesterday.isoformat() in opening.closed_days else _spans(opening, yesterday)
    return any(_covers(begin, end, clock) for begin, end in _spans(opening, today)) or any(
        end <= begin and clock < end for begin, end in overnight
    )


def _covers(begin: str, end: str, clock: str) -> bool:
    return begin <= clock and (clock < end or end <= begin)


def _spans(opening: Opening, day: date) -> list[tuple[str, str]]:
    written = dict(part.strip().split(" ") for part in str(opening.hours).split(";"))
    texts = written.get(DAYS[day.weekday()], "off")
    return [] if texts == "off" else [(each[:5], each[6:]) for each in texts.split(",")]
