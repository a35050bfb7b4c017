"""An event whose times and location are filled in when it is produced; all else is fixed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from random import Random

import msgspec

from demo.traffic.cities import City, TimeOfDay, cities
from demo.traffic.directory import place_of, store_id
from saving_alerts.domain.events import GEOFENCE_TYPES, TYPES_WITHOUT_MERCHANT, EventType

Document = dict[str, object]

EVERYTHING_ARRIVES_WITHIN = timedelta(seconds=2)
PHONE_SPREAD_DEGREES = 0.0005
LOCALES = {"de-DE": 50, "de-AT": 6, "de": 2, "en-GB": 14, "en-US": 6, "fr-FR": 10, "pl": 3, "pl-PL": 5, "it-IT": 4}
APPS = {
    ("9.4.1", "ios"): 30,
    ("9.4.1", "android"): 35,
    ("9.3.0", "android"): 20,
    ("8.12.3", "ios"): 10,
    ("10.0.0-beta.2", "ios"): 5,
}
NO_EXTRAS: tuple[Mapping[str, object], ...] = ({}, {}, {}, {}, {})
EXTRAS: tuple[Mapping[str, object], ...] = (
    {"session_id": "7f3a"},
    {"device": {"model": "Pixel 9", "battery_percent": 41}},
    {"experiments": ["map-v2", "dark-mode"], "sdk_version": "3.1"},
)


@dataclass(frozen=True, slots=True)
class Template:
    """All of an event but its times and its city.

    `time_of_day` chooses the city; `timezone` replaces the one of the city. `age` is how long before its production it
    occurred. `details` seeds everything that only adds variety: locale, app, place, milliseconds, unknown fields.
    """

    event_id: str
    user_id: str
    type: EventType
    merchant_id: str
    details: int
    time_of_day: TimeOfDay = TimeOfDay.DAY
    timezone: str | None = None
    consent: bool = True
    age: timedelta = field(default=timedelta())

    def document(self, now: datetime) -> Document:
        """The event as JSON types, produced at `now`: it occurred `age` and at most two more seconds before."""
        random = Random(self.details)
        possible = cities(self.time_of_day, now)
        city = possible[random.randrange(len(possible))]
        version, os = random.choices(list(APPS), list(APPS.values()))[0]
        return {
            "event_id": self.event_id,
            "schema": 1,
            "type": str(self.type),
            "user_id": self.user_id,
            **self._merchant(city, random),
            **self._times(now, random),
            "timezone": self.timezone or city.timezone,
            "locale": random.choices(list(LOCALES), list(LOCALES.values()))[0],
            "app": {"version": version, "os": os},
            **_location(place_of(self.merchant_id, city), random),
            "push": {"consent": self.consent},
            **random.choice(NO_EXTRAS + EXTRAS),
        }

    def value(self, now: datetime) -> bytes:
        return msgspec.json.encode(self.document(now))

    def _merchant(self, city: City, random: Random) -> Document:
        if self.type in TYPES_WITHOUT_MERCHANT:
            return {}
        in_a_store = self.type in GEOFENCE_TYPES or random.random() < 0.3  # noqa: PLR2004 - some browse in the store
        store = {"store_id": store_id(self.merchant_id, city)} if in_a_store else {}
        return {"merchant_id": self.merchant_id, **store}

    def _times(self, now: datetime, random: Random) -> Document:
        received = now - self.age - random.uniform(0, 0.25) * EVERYTHING_ARRIVES_WITHIN
        occurred = received - random.uniform(0, 0.75) * EVERYTHING_ARRIVES_WITHIN
        return {"occurred_at": instant(occurred, random.choice((0, 0, 0, 1, 5.5))), "received_at": instant(received)}


def instant(moment: datetime, offset_hours: float = 0) -> str:
    """RFC 3339 with milliseconds; `Z` in UTC, as the tracking API writes it."""
    zone = timezone(timedelta(hours=offset_hours)) if offset_hours else UTC
    return moment.astimezone(zone).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _location(place: tuple[float, float], random: Random) -> Document:
    if random.random() < 0.1:  # noqa: PLR2004 - a tenth does not share it
        return {}
    north, east = (random.uniform(-PHONE_SPREAD_DEGREES, PHONE_SPREAD_DEGREES) for _ in range(2))
    return {
        "location": {
            "latitude": round(place[0] + north, 6),
            "longitude": round(place[1] + east, 6),
            "accuracy_m": random.randint(5, 120),
        }
    }
