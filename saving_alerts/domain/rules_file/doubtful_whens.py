"""Comparisons in a `when` that can be made, and whose outcome is always the same or not what was meant."""

import re
from collections.abc import Callable, Iterator
from datetime import date
from difflib import get_close_matches

from saving_alerts.domain.coupons import Channel, DiscountKind
from saving_alerts.domain.events import EventType
from saving_alerts.domain.rules.clauses import WEEKDAYS
from saving_alerts.domain.rules.expression_hints import without_texts
from saving_alerts.domain.texts.discounts import DECIMALS

_NAME = r"(?<![\w.])(?P<name>(?:event|local|merchant|coupon)(?:\.\w+)+)"
_VALUE = r"""(?P<value>'[^']*'|"[^"]*"|-?\d+(?:\.\d+)?|\[[^\]]*\])"""
_OPERATOR = r"(?P<operator>==|!=|<=|>=|<|>|\bin\b)"
_COMPARED = (re.compile(rf"{_NAME}\s*{_OPERATOR}\s*{_VALUE}"), re.compile(rf"{_VALUE}\s*{_OPERATOR}\s*{_NAME}"))
_TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
_SINGLE = re.compile(r"""'([^']*)'|"([^"]*)"|(-?\d+(?:\.\d+)?)""")
_VERSION_IN_ORDER = re.compile(r"event\.app\.version\s*(?:<|>)|(?:<|>)=?\s*event\.app\.version")
_DISCOUNT = re.compile(r"coupon\.discount\s*(?:==|!=|in\b)")
_WHOLE_NUMBERS = {"local.hour": range(24), "local.minute": range(60)}


def doubts_of(text: str, event_types: frozenset[EventType], today: date) -> Iterator[str]:
    """Each in one sentence. What it does not understand it passes over."""
    if _VERSION_IN_ORDER.search(without_texts(text)):
        yield "compares versions as texts, so 10.0 is less than 9.4: use min_app_version"
    if _DISCOUNT.search(without_texts(text)):
        yield "compares coupon.discount, which has fields: compare coupon.discount.amount, and coupon.discount.kind"
    for name, operator, value in _comparisons(text):
        told = _impossible(name, operator, value, event_types) or _over(name, operator, value, today)
        if told is not None:
            yield told


def _comparisons(text: str) -> Iterator[tuple[str, str, str]]:
    """Name, operator and each single value, as if the name stood first."""
    for number, looks in enumerate(_COMPARED):
        for found in looks.finditer(text):
            operator = found["operator"] if number == 0 else _TURNED.get(found["operator"], found["operator"])
            for one, other, digits in _SINGLE.findall(found["value"]):
                yield found["name"], operator, one or other or digits


def _impossible(name: str, operator: str, value: str, event_types: frozenset[EventType]) -> str | None:
    if name in _WHOLE_NUMBERS:
        return _beyond(name, operator, value, _WHOLE_NUMBERS[name])
    if name == "local.date":
        return None if _day(value) else f"local.date is never {value!r}: days are written like '2026-12-24'"
    if name == "coupon.discount.currency" and value not in DECIMALS:
        return f"coupon.discount.currency is never {value!r}: currencies are written like 'EUR'"
    there = _TEXTS[name](event_types) if name in _TEXTS else None
    if there is None or value in there:
        return None
    near = get_close_matches(value.casefold(), there, n=1)
    there = near or there
    return f"{name} is never {value!r}: {'did you mean' if near else 'it is one of'} {', '.join(there)}"


def _beyond(name: str, operator: str, value: str, numbers: range) -> str | None:
    """Where the number is none of them, or all of them are on one side of it."""
    number = float(value) if value.lstrip("-").replace(".", "", 1).isdigit() else None
    if number is None:
        return None
    low, high = numbers[0], numbers[-1]
    always_same = {
        "<": number <= low or number > high,
        "<=": number < low or number >= high,
        ">": number < low or number >= high,
        ">=": number <= low or number > high,
    }
    if not always_same.get(operator, number not in numbers):
        return None
    return f"{name} is from {low} to {high}: {operator} {value} is always the same"


def _over(name: str, operator: str, value: str, today: date) -> str | None:
    day = _day(value) if name == "local.date" else None
    if day is None or operator not in {"<", "<=", "=="} or (day >= today if operator != "<" else day > today):
        return None
    return f"local.date {operator} {value!r} never holds any more: today is {today}"


def _day(value: str) -> date | None:
    try:
        day = date.fromisoformat(value)
    except ValueError:
        return None
    return day if str(day) == value else None


_TEXTS: dict[str, Callable[[frozenset[EventType]], list[str]]] = {
    "local.weekday": lambda _: [str(day) for day in WEEKDAYS],
    "event.type": lambda event_types: sorted(map(str, event_types)),
    "coupon.channel": lambda _: [str(each) for each in Channel],
    "coupon.discount.kind": lambda _: [str(each) for each in DiscountKind],
}
