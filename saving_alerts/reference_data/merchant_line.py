"""One line of the merchant directory: a merchant, or what is wrong with it, in words for whoever wrote it."""

import re
from collections.abc import Iterator
from typing import Any

from saving_alerts.domain.decoding import Decoder, Unreadable
from saving_alerts.domain.merchants import (
    MAX_HOST_CHARACTERS,
    MAX_HOSTS,
    MAX_LOCALE_CHARACTERS,
    MAX_NAME_CHARACTERS,
    MAX_NAMES,
    MAX_STORES,
    Merchant,
)
from saving_alerts.domain.opening_hours import EXAMPLE, MAX_CLOSED_DAYS, MAX_HOURS_CHARACTERS, Opening, opening_problem
from saving_alerts.domain.rules_file.json_reader import read_json
from saving_alerts.domain.rules_file.mistakes import RulesRefusedError, printable, shown
from saving_alerts.ports.object_store import MAX_LINE_BYTES

_STORE = '{"store_id": "s-77", "latitude": 52.52, "longitude": 13.405}'
_IDENTIFIER = "a text of 1 to 128 characters"
_OPENING = '{"timezone": "Europe/Berlin", "hours": "Mo-Fr 09:00-20:00; Sa 10:00-18:00", "closed_days": ["2026-12-25"]}'
_OF_OPENING = {
    "": f"an object in {{ }}, like {_OPENING}",
    ".timezone": 'the name of a time zone, like "Europe/Berlin"',
    ".hours": f"hours of at most {MAX_HOURS_CHARACTERS} characters, like {EXAMPLE}",
    ".closed_days": f'a list in [ ] of at most {MAX_CLOSED_DAYS} dates, like ["2026-12-25"]',
    ".closed_days[]": 'a date from the year 2000 on, like "2026-12-25"',
}
_EXPECTED = {  # where in a line, without the numbers in lists → what belongs there
    "$": 'an object in { }, like {"merchant_id": "m-123", "names": {"en": "Shop"}}',
    "$.merchant_id": f'{_IDENTIFIER}, like "m-123"',
    "$.names": f'a name for each of at most {MAX_NAMES} locales, like {{"de": "Laden", "en": "Shop"}}',
    "$.names[...]": f"a text of at most {MAX_NAME_CHARACTERS} characters as a name",
    "key in $.names": f"a locale of at most {MAX_LOCALE_CHARACTERS} characters",
    "$.stores": f"a list in [ ] of at most {MAX_STORES} stores, like [{_STORE}]",
    "$.stores[]": f"a store, like {_STORE}",
    "$.stores[].store_id": f'{_IDENTIFIER}, like "s-77"',
    "$.stores[].latitude": "degrees from -90 to 90",
    "$.stores[].longitude": "degrees from -180 to 180",
    **{f"$.opening{part}": expected for part, expected in _OF_OPENING.items()},
    **{f"$.stores[].opening{part}": expected for part, expected in _OF_OPENING.items()},
    "$.deep_link_hosts": f'a list in [ ] of at most {MAX_HOSTS} hosts, like ["shop.example"]',
    "$.deep_link_hosts[]": f'a host of 1 to {MAX_HOST_CHARACTERS} characters, like "shop.example"',
}
_MISSING = re.compile(r"missing required field `(?P<name>\w+)`")
_OF_A_VALUE = re.compile("Expected|Object missing")  # how the decoder begins if it is JSON and not a merchant
_KEY_IN = "key` in `"  # where a key is refused, its object is named behind this
_PART = re.compile(r"\.(\w+)|\[(\d+)\]")
_NUMBER = re.compile(r"\[\d+\]")

_merchants = Decoder(Merchant, MAX_LINE_BYTES + 1)  # with the end of the line


def read_line(line: bytes) -> Merchant | str:
    """The merchant, or the place and the mistake. Never raises."""
    if len(line.removesuffix(b"\n")) > MAX_LINE_BYTES:
        return f"longer than {MAX_LINE_BYTES} bytes"
    merchant = _merchants.read(line)
    if isinstance(merchant, Unreadable):
        is_json = merchant.path != "$" or _OF_A_VALUE.match(merchant.problem)
        return _wrong_value(line, merchant) if is_json else _wrong_json(line, merchant)
    return _wrong_opening(line, merchant) or merchant


def openings_in(merchant: Merchant) -> Iterator[tuple[str, Opening]]:
    """Its own and those of its stores, each with its place."""
    if merchant.opening is not None:
        yield "$.opening", merchant.opening
    for number, store in enumerate(merchant.stores):
        if store.opening is not None:
            yield f"$.stores[{number}].opening", store.opening


def _wrong_opening(line: bytes, merchant: Merchant) -> str | None:
    for place, opening in openings_in(merchant):
        if (field := opening_problem(opening)) is not None:
            return _not_what_belongs(line, f"{place}.{field}")
    return None


def _wrong_json(line: bytes, found: Unreadable) -> str:
    """In the words of the rules file, which knows the usual mistakes."""
    try:
        read_json(line.rstrip())
    except RulesRefusedError as refused:
        mistake = refused.mistakes[0].removeprefix("line 1, ").removeprefix("$: ")
        return mistake.replace("the file ends", "the line ends")
    return f"not JSON: {found}"


def _wrong_value(line: bytes, found: Unreadable) -> str:
    is_key = found.path.startswith(_KEY_IN)
    place = found.path.removeprefix(_KEY_IN)
    missing = _MISSING.search(found.problem)
    if missing:
        return f"{place}.{missing['name']}: missing; write {_expected(f'{place}.{missing[1]}')}"
    if is_key or "[...]" in place:
        return f"{place}: one of them is not what belongs here: {_expected(f'key in {place}' if is_key else place)}"
    return _not_what_belongs(line, place)


def _not_what_belongs(line: bytes, place: str) -> str:
    return f"{place}: {_value_at(line, place)} is not what belongs here: {_expected(place)}"


def _expected(place: str) -> str:
    return _EXPECTED.get(_NUMBER.sub("[]", place), "something else")


def _value_at(line: bytes, place: str) -> str:
    """What stands there; a key that stands there twice, or a number with thousands of digits, may hide it."""
    try:
        value: Any = read_json(line)
        for name, number in _PART.findall(place):
            value = value[name] if name else value[int(number)]
    except (RulesRefusedError, LookupError, TypeError):
        return "what stands there"
    return printable(shown(value))
