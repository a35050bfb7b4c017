"""What the demo puts into S3: the merchant directory and the rules file."""

from datetime import timedelta
from pathlib import Path
from random import Random

import msgspec

from demo.traffic.cities import CITIES, City
from saving_alerts.domain.merchants import Merchant, Store

RULES_FILE = Path(__file__).parent.parent / "rules.json"
DENIED_MERCHANTS = 8
DIRECTORY_SEED = 2018
STORE_SPREAD_DEGREES = 0.04
EVERY_NTH_WITHOUT_HOSTS = 10

_BRANDS = (
    "Lindenhof", "Nordlicht", "Kastanie", "Seeblick", "Morgenrot",
    "Adler", "Kranich", "Silberbach", "Falkenberg", "Ahorn",
    "Birkenau", "Rosengarten", "Steinweg", "Wiesental", "Goldammer",
    "Eichhorn", "Hafenkante", "Sonneneck", "Talheim", "Ulmen",
)  # fmt: skip
_TRADES = (
    ("Bäckerei", "Bakery"),
    ("Drogerie", "Drugstore"),
    ("Supermarkt", "Supermarket"),
    ("Baumarkt", "Hardware"),
    ("Möbelhaus", "Furniture"),
    ("Buchhandlung", "Bookshop"),
    ("Sporthaus", "Sports"),
    ("Elektronik", "Electronics"),
    ("Schuhhaus", "Shoes"),
    ("Gartencenter", "Gardens"),
)


def rules_json() -> bytes:
    """The demo's rules file, as a product manager would have written it."""
    return RULES_FILE.read_bytes()


def rules_with_freshness(freshness: timedelta) -> bytes:
    """The demo's rules file with this freshness, in whole minutes, for all types of events."""
    rules = msgspec.json.decode(rules_json())
    minutes = freshness // timedelta(minutes=1)
    rules["freshness_minutes"] = dict.fromkeys(rules["freshness_minutes"], minutes)
    return msgspec.json.encode(rules)


def store_id(merchant_id: str, city: City) -> str:
    return f"s-{merchant_id.removeprefix('m-')}-{city.code}"


def _merchant(merchant_id: str, brand: str, german: str, english: str, *, owns_hosts: bool) -> Merchant:
    host = f"{brand.lower()}-{english.lower()}.example"
    spread = Random(f"{DIRECTORY_SEED}:{merchant_id}")
    return Merchant(
        merchant_id=merchant_id,
        names={"de": f"{german} {brand}", "en": f"{brand} {english}"},
        stores=tuple(_store(merchant_id, city, spread) for city in CITIES),
        deep_link_hosts=(f"www.{host}", f"app.{host}") if owns_hosts else (),
    )


def _store(merchant_id: str, city: City, spread: Random) -> Store:
    north, east = (spread.uniform(-STORE_SPREAD_DEGREES, STORE_SPREAD_DEGREES) for _ in range(2))
    return Store(store_id(merchant_id, city), round(city.latitude + north, 5), round(city.longitude + east, 5))


def _welcome() -> tuple[Merchant, ...]:
    names = [(brand, *trade) for trade in _TRADES for brand in _BRANDS]
    return tuple(
        _merchant(f"m-{100 + number}", *name, owns_hosts=number % EVERY_NTH_WITHOUT_HOSTS > 0)
        for number, name in enumerate(names)
    )


def _denied() -> tuple[Merchant, ...]:
    brands = _BRANDS[:DENIED_MERCHANTS]
    return tuple(
        _merchant(f"m-{900 + number}", brand, "Spielhalle", "Casino", owns_hosts=True)
        for number, brand in enumerate(brands)
    )


MERCHANTS = _welcome()  # 200 that the rules allow, each with a store in every city
DENIED = _denied()  # the rules deny `m-9*`


_PLACES = {store.store_id: (store.latitude, store.longitude) for each in MERCHANTS + DENIED for store in each.stores}


def place_of(merchant_id: str, city: City) -> tuple[float, float]:
    """Latitude and longitude of the merchant's store in this city; the city's centre for an unknown merchant."""
    return _PLACES.get(store_id(merchant_id, city), (city.latitude, city.longitude))


def merchants_jsonl() -> bytes:
    """The merchant directory: one JSON object a line."""
    return b"".join(msgspec.json.encode(merchant) + b"\n" for merchant in MERCHANTS + DENIED)
