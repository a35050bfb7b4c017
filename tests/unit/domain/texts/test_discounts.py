"""What a discount is, and how it is written: in every locale and currency of CLDR, and never more than there is."""

import re
from collections.abc import Iterable
from decimal import Decimal

import pytest
from babel import Locale, localedata
from babel.core import get_global
from babel.localedata import locale_identifiers
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.texts.discounts import (
    DECIMALS,
    MAX_AMOUNT,
    MAX_LOADED_LOCALES,
    amount_problem,
    amount_text,
    percent_problem,
    percent_text,
)

LOCALES = sorted(set(locale_identifiers()) - {"root"})
CURRENCIES = sorted(DECIMALS)


def written(text: str, locale: str) -> Decimal:
    """The number in a text, by the locale's own decimal sign."""
    symbols = Locale.parse(locale.replace("-", "_")).number_symbols["latn"]
    digits = re.search(r"[0-9](?:.*[0-9])?", text)
    assert digits is not None
    number = digits[0].replace(symbols["decimal"], "#")
    return Decimal("".join(each for each in number if each.isdigit() or each == "#").replace("#", "."))


def exact(amount: float) -> Decimal:
    return Decimal(repr(amount))


@pytest.mark.parametrize(
    ("percent", "locale", "text"),
    [
        (20, "en", "20%"),
        (20, "de", "20\xa0%"),
        (20, "tr", "%20"),
        (12.5, "de-AT", "12,5\xa0%"),
        (33.339, "en", "33.33%"),
        (99.999, "en", "99.99%"),
        (0.29, "en", "0.29%"),
        (100, "fr", "100\xa0%"),
    ],
)
def test_a_percentage_is_written_as_its_readers_write_it(percent: float, locale: str, text: str) -> None:
    assert percent_text(percent, locale) == text


@pytest.mark.parametrize(
    ("amount", "currency", "locale", "text"),
    [
        (5, "EUR", "en", "€5"),
        (5, "EUR", "de", "5\xa0€"),
        (12.5, "EUR", "de", "12,50\xa0€"),
        (1999.999, "EUR", "en-IE", "€1,999.99"),
        (99.99, "JPY", "ja", "￥99"),
        (1.2345, "KWD", "en", "KWD\xa01.234"),
        (1_500_000, "IDR", "id", "Rp\xa01.500.000"),
        (1234567, "CHF", "de-CH", "CHF\xa01'234'567"),
        (1234567, "INR", "en-IN", "₹12,34,567"),
        (5, "USD", "en-CA", "US$5"),
        (5, "eur", "en", "€5"),
        (100, None, "en", "100"),
        (1.999, None, "de", "1,99"),
        (5, "", "en", "5"),
    ],
)
def test_an_amount_is_written_as_its_readers_write_it(
    amount: float, currency: str | None, locale: str, text: str
) -> None:
    assert amount_text(amount, currency, locale) == text


@pytest.mark.parametrize("locale", LOCALES)
def test_in_every_locale_no_text_promises_more_than_there_is(locale: str) -> None:
    percents, amounts = (0.01, 19.999, 33.335, 99.995, 100), (1.005, 19.999, 1234.5, 1_234_567.999)

    assert [each for each in percents if written(percent_text(each, locale), locale) > exact(each)] == []
    assert [each for each in amounts if written(amount_text(each, "EUR", locale), locale) > exact(each)] == []
    assert written(amount_text(1_234_567, "EUR", locale), locale) == 1_234_567


@pytest.mark.parametrize("currency", CURRENCIES)
def test_in_every_currency_an_amount_is_cut_to_its_decimals(currency: str) -> None:
    smallest = Decimal(1).scaleb(-DECIMALS[currency])
    texts = {locale: amount_text(9.99999, currency, locale) for locale in ("en", "de", "ja", "ar")}

    assert amount_problem(9.99999, currency) is None
    assert {locale: written(text, locale) for locale, text in texts.items()} == dict.fromkeys(texts, 10 - smallest)
    assert amount_problem(float(smallest), currency) is None
    assert amount_problem(float(smallest) * 0.99, currency) is not None


def test_the_currencies_are_those_of_cldr_with_their_decimals() -> None:
    assert set(get_global("all_currencies")) - set(DECIMALS) == {"XXX", "XTS"}
    assert (DECIMALS["EUR"], DECIMALS["JPY"], DECIMALS["KWD"], DECIMALS["CLF"]) == (2, 0, 3, 4)


@pytest.mark.parametrize("percent", [0, 0.004, 100.01, 150, 1e300, -5, float("inf"), float("nan")])
def test_nobody_is_promised_a_percentage_that_is_none(percent: float) -> None:
    assert percent_problem(percent) is not None


@pytest.mark.parametrize(
    ("amount", "currency", "why"),
    [
        (1e300, "EUR", "1e+300 EUR off is no discount: it must be 0.01 to 1000000000"),
        (0.5, "JPY", "0.5 JPY off is no discount: it must be 1 to 1000000000"),
        (0.001, None, "0.001 off is no discount: it must be 0.01 to 1000000000"),
        (float("inf"), "USD", "inf USD off is no discount: it must be 0.01 to 1000000000"),
        (5, "QQQ", "nobody knows the currency QQQ"),
        (5, "XXX", "nobody knows the currency XXX"),
        (5, "€", "nobody knows the currency €"),
        (5, " EUR", "nobody knows the currency  EUR"),
        (5, "\x1b[2J", r"nobody knows the currency \x1b[2J"),
    ],
)
def test_nobody_is_promised_an_amount_that_is_none(amount: float, currency: str | None, why: str) -> None:
    assert amount_problem(amount, currency) == why


amounts = st.floats(0.0001, MAX_AMOUNT * 1.1, allow_nan=False)
currencies: st.SearchStrategy[str | None] = st.none() | st.sampled_from(CURRENCIES)


@given(amount=amounts, currency=currencies, locale=st.sampled_from(["en", "de-CH", "fr", "ja", "ar-EG", "he", "en-IN"]))
def test_no_amount_promises_more_and_none_promises_nothing(amount: float, currency: str | None, locale: str) -> None:
    if amount_problem(amount, currency) is None:
        assert 0 < written(amount_text(amount, currency, locale), locale) <= exact(amount)


@given(percent=st.floats(0.001, 101), locale=st.sampled_from(["en", "de", "tr", "eu", "ar"]))
def test_no_percentage_promises_more_and_none_promises_nothing(percent: float, locale: str) -> None:
    if percent_problem(percent) is None:
        assert 0 < written(percent_text(percent, locale), locale) <= exact(percent)


def test_the_data_of_locales_has_a_limit() -> None:
    """More are loaded than are kept, with those that each of them inherits from."""
    texts: Iterable[str] = [percent_text(17, locale) for locale in LOCALES]

    assert all("17" in each for each in texts)
    assert len(vars(localedata)["_cache"]) <= MAX_LOADED_LOCALES + 5
