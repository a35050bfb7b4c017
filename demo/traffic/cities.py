"""Real cities around the globe, so that at any hour there are some where it is day and some where it is night."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import Enum
from functools import lru_cache
from zoneinfo import ZoneInfo

# The demo's rules are quiet from 22:00 to 08:00; an hour of margin lets an event wait without crossing an edge.
DAY = (time(9), time(21))
NIGHT = (time(23), time(7))


class TimeOfDay(Enum):
    """The local time that the shopper's city must have when the event is produced."""

    DAY = "day"
    NIGHT = "night"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class City:
    """A city with its centre in degrees; `code` is part of the ids of its stores."""

    code: str
    timezone: str
    latitude: float
    longitude: float


CITIES = (
    City("ber", "Europe/Berlin", 52.520, 13.405),
    City("muc", "Europe/Berlin", 48.137, 11.575),
    City("ham", "Europe/Berlin", 53.551, 9.994),
    City("vie", "Europe/Vienna", 48.208, 16.373),
    City("lon", "Europe/London", 51.507, -0.128),
    City("par", "Europe/Paris", 48.857, 2.352),
    City("waw", "Europe/Warsaw", 52.230, 21.012),
    City("dxb", "Asia/Dubai", 25.205, 55.271),
    City("bom", "Asia/Kolkata", 19.076, 72.878),
    City("bkk", "Asia/Bangkok", 13.756, 100.502),
    City("sin", "Asia/Singapore", 1.352, 103.820),
    City("tyo", "Asia/Tokyo", 35.677, 139.650),
    City("bne", "Australia/Brisbane", -27.470, 153.026),
    City("akl", "Pacific/Auckland", -36.851, 174.765),
    City("hnl", "Pacific/Honolulu", 21.307, -157.858),
    City("anc", "America/Anchorage", 61.218, -149.900),
    City("lax", "America/Los_Angeles", 34.052, -118.244),
    City("den", "America/Denver", 39.739, -104.990),
    City("chi", "America/Chicago", 41.878, -87.630),
    City("nyc", "America/New_York", 40.713, -74.006),
    City("gru", "America/Sao_Paulo", -23.551, -46.633),
    City("pdl", "Atlantic/Azores", 37.740, -25.668),
)


def cities(time_of_day: TimeOfDay, now: datetime) -> tuple[City, ...]:
    """The cities where it is so at `now` and for the hour around it; never none."""
    return CITIES if time_of_day is TimeOfDay.ANY else _cities(time_of_day, now - timedelta(seconds=now.second))


@lru_cache(maxsize=256)
def _cities(time_of_day: TimeOfDay, minute: datetime) -> tuple[City, ...]:
    return tuple(city for city in CITIES if _is(time_of_day, minute.astimezone(ZoneInfo(city.timezone)).time()))


def _is(time_of_day: TimeOfDay, local: time) -> bool:
    if time_of_day is TimeOfDay.DAY:
        return DAY[0] <= local < DAY[1]
    return local >= NIGHT[0] or local < NIGHT[1]
