"""A discount as people write it in their locale, by CLDR; and which numbers are a discount at all.

A text never promises more than the coupon gives: what is cut off for the currency, or for two decimals of a percentage,
is cut off downwards.
"""

import copy
import re
from decimal import ROUND_DOWN, Decimal
from functools import lru_cache

from babel import Locale, localedata
from babel.core import get_global
from babel.numbers import NumberPattern

from saving_alerts.domain.decoding import printable
from saving_alerts.domain.texts.locales import cldr_name

MAX_PERCENT = 100.0
# More than any coupon gives, in any currency: a billion rials are a thousand euros.
MAX_AMOUNT = 1e9
MAX_SHOWN_CURRENCY = 20  # characters of one that is none
PERCENT_DECIMALS = 2
NO_CURRENCY_DECIMALS = 2
# Of the texts: coupons of a day have few discounts, and shoppers few locales.
REMEMBERED_TEXTS = 4096
# A locale's data takes 0.4 MiB, and senders choose the locales: all 1,147 would take more than a worker has.
MAX_LOADED_LOCALES = 32
# CLDR has them to say that there is no currency, or for tests.
_NO_CURRENCIES = {"XXX", "XTS"}
_LETTERS_AT_A_DIGIT = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")
_NO_BREAK_SPACE = "\xa0"

_fractions = get_global("currency_fractions")
# How many decimals each currency has.
DECIMALS: dict[str, int] = {
    currency: _fractions.get(currency, _fractions["DEFAULT"])[0]
    for currency in get_global("all_currencies")
    if currency not in _NO_CURRENCIES
}
_SMALLEST = {currency: 10.0**-decimals for currency, decimals in DECIMALS.items()}
_SMALLEST_PERCENT = 10.0**-PERCENT_DECIMALS
_SMALLEST_NUMBER = 10.0**-NO_CURRENCY_DECIMALS


def percent_problem(percent: float) -> str | None:
    """Why nobody can be promised so many percent; None if they can."""
    if _SMALLEST_PERCENT <= percent <= MAX_PERCENT:
        return None
    return f"{percent:g} % off is no discount: it must be {_SMALLEST_PERCENT:g} to {MAX_PERCENT:g}"


def amount_problem(amount: float, currency: str | None) -> str | None:
    """Why nobody can be promised this amount; None if they can. `currency` is None or empty where there is none."""
    smallest = _SMALLEST.get(currency.upper()) if currency else _SMALLEST_NUMBER
    if smallest is None:
        return f"nobody knows the currency {printable(currency or '', MAX_SHOWN_CURRENCY)}"
    if smallest <= amount <= MAX_AMOUNT:
        return None
    named = f"{amount:g} {currency}" if currency else f"{amount:g}"
    return f"{named} off is no discount: it must be {smallest:g} to {MAX_AMOUNT:.0f}"


@lru_cache(maxsize=REMEMBERED_TEXTS)
def percent_text(percent: float, locale: str) -> str:
    """Like `20 %` in German and `20%` in English. At most 2 decimals."""
    value = _cut(percent, PERCENT_DECIMALS)
    pattern = _with_decimals(_locale(locale).percent_formats[None], *_decimals_of(value, shortest=True))
    text: str = pattern.apply(value.scaleb(-2), _locale(locale))
    return text


@lru_cache(maxsize=REMEMBERED_TEXTS)
def amount_text(amount: float, currency: str | None, locale: str) -> str:
    """Like `5 €` and `12,50 €`: with the decimals of the currency, or with none. A number where there is no currency.

    `currency` is one that CLDR has, in any case of letters.
    """
    code = (currency or "").upper()
    value = _cut(amount, DECIMALS[code] if code else NO_CURRENCY_DECIMALS)
    found = _locale(locale)
    formats = found.currency_formats["standard"] if code else found.decimal_formats[None]
    pattern = _with_decimals(formats, *_decimals_of(value, shortest=not code))
    text: str = pattern.apply(value, found, currency=code or None, currency_digits=False)
    return _LETTERS_AT_A_DIGIT.sub(_NO_BREAK_SPACE, text) if code else text


def _cut(number: float, decimals: int) -> Decimal:
    """As the number was written, not as a processor holds it: 0.29 is 0.29."""
    return Decimal(repr(float(number))).quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_DOWN)


def _decimals_of(value: Decimal, *, shortest: bool) -> tuple[int, int]:
    """How many are shown, at least and at most: none of a whole number, else all that the value has."""
    if value == value.to_integral_value():
        return 0, 0
    exponent = int((value.normalize() if shortest else value).as_tuple().exponent)
    return -exponent, -exponent


def _with_decimals(pattern: NumberPattern, least: int, most: int) -> NumberPattern:
    ours = copy.copy(pattern)
    ours.frac_prec = (least, most)
    return ours


@lru_cache(maxsize=MAX_LOADED_LOCALES)
def _locale(locale: str) -> Locale:
    """The data of CLDR. Babel keeps all that it has ever loaded, so its own store is emptied at a limit."""
    loaded: dict[str, object] = vars(localedata)["_cache"]  # Babel has no other way to let go of one
    if len(loaded) > MAX_LOADED_LOCALES:
        loaded.clear()
    found = Locale.parse(cldr_name(locale))
    symbols = found.number_symbols["latn"]
    if symbols["group"] == "'":  # which Babel takes for a quotation mark, and leaves out, unless it is doubled
        symbols["group"] = "''"
    return found
