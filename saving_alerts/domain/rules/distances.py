"""How far a phone was from a store."""

from math import asin, cos, radians, sin, sqrt

import msgspec

from saving_alerts.domain.events import SavingEvent, ValidatedEvent
from saving_alerts.domain.merchants import Merchant, Store

EARTH_RADIUS_M = 6_371_000.0


def distance_m(event: SavingEvent, merchant: Merchant | None) -> float | None:
    """Metres from the phone to the store of the event, or to the nearest store if the event names none.

    None if the event has no location, or if the directory does not have the merchant or the store.
    """
    location = event.location
    if location is None or merchant is None:
        return None
    wanted = event.store_id
    stores = merchant.stores if wanted is None else [store for store in merchant.stores if store.store_id == wanted]
    metres = (metres_between(location.latitude, location.longitude, store) for store in stores)
    return min(metres, default=None)


def without_coordinates(validated: ValidatedEvent, merchant: Merchant | None) -> ValidatedEvent:
    """The same, with distance and accuracy in the place of where the phone was: no rule reads more."""
    location = validated.event.location
    if location is None:
        return validated
    return msgspec.structs.replace(
        validated,
        event=msgspec.structs.replace(validated.event, location=None),
        distance_m=distance_m(validated.event, merchant),
        accuracy_m=location.accuracy_m,
    )


def metres_between(latitude: float, longitude: float, store: Store) -> float:
    """The great-circle distance (haversine formula). The error is at most half a percent: the earth is no sphere."""
    here, there = radians(latitude), radians(store.latitude)
    north, east = sin((there - here) / 2) ** 2, sin(radians(store.longitude - longitude) / 2) ** 2
    return 2 * EARTH_RADIUS_M * asin(min(1.0, sqrt(north + cos(here) * cos(there) * east)))
