"""What a shopper reads: in the shopper's language, with numbers as people write them, as long as a phone shows."""

import unicodedata
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from string import Template

import msgspec
import pytest
import regex

from saving_alerts.domain.coupons import Channel, Coupon, Discount, DiscountKind, usable
from saving_alerts.domain.merchants import MAX_NAME_CHARACTERS, Merchant
from saving_alerts.domain.rules.messages import (
    MAX_BODY_CHARACTERS,
    MAX_TITLE_CHARACTERS,
    Message,
    Text,
    discount_text,
    locale_for,
    render,
)
from saving_alerts.domain.texts.plain import plain
from tests.support.names_of_many_scripts import NAMES

NOW = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
TEN_PERCENT = Discount(DiscountKind.PERCENT, 10)
MERCHANT = Merchant(merchant_id="m-1", names={"en": "Shop", "de": "Laden"})
MESSAGE = Message(
    {
        "en": Text(Template("$discount at $merchant"), Template("$coupon")),
        "de": Text(Template("$discount bei $merchant"), Template("$coupon")),
    },
    "en",
)


def coupon(
    discount: Discount = TEN_PERCENT,
    title: str = "Coupon",
    *,
    channel: Channel = Channel.BOTH,
    store_ids: tuple[str, ...] = (),
    remaining: int | None = None,
    redeemed: bool = False,
) -> Coupon:
    return Coupon(
        coupon_id="c-1",
        merchant_id="m-1",
        title={"en": title},
        discount=discount,
        valid_from=NOW,
        valid_until=NOW + timedelta(days=1),
        channel=channel,
        store_ids=store_ids,
        remaining=remaining,
        redeemed=redeemed,
        deep_link="app://c-1",
    )


@pytest.mark.parametrize(
    ("locale", "title"),
    [("de", "10\xa0% bei Laden"), ("de-AT", "10\xa0% bei Laden"), ("en-GB", "10% at Shop"), ("fr-FR", "10% at Shop")],
)
def test_a_push_speaks_the_shoppers_language_or_the_fallback(locale: str, title: str) -> None:
    assert render(MESSAGE, locale, MERCHANT, coupon()) == (title, "Coupon")


@pytest.mark.parametrize("fallback", ["en", "de"])
def test_the_fallback_is_the_one_that_the_rule_names(fallback: str) -> None:
    assert locale_for(replace(MESSAGE, fallback=fallback), "fr-FR") == fallback


def test_what_is_filled_in_is_not_read_as_a_template() -> None:
    assert render(MESSAGE, "en", MERCHANT, coupon(title="$merchant $$ ${"))[1] == "$merchant $$ ${"


def test_a_text_is_cut_to_what_a_phone_shows() -> None:
    body = render(MESSAGE, "en", MERCHANT, coupon(title="x" * 1_000))[1]

    assert body == "x" * (MAX_BODY_CHARACTERS - 1) + "…"


@pytest.mark.parametrize(
    ("discount", "locale", "text"),
    [
        (Discount(DiscountKind.PERCENT, 10), "en", "10%"),
        (Discount(DiscountKind.PERCENT, 12.5), "de", "12,5\xa0%"),
        (Discount(DiscountKind.AMOUNT, 5, "EUR"), "de-AT", "€\xa05"),
        (Discount(DiscountKind.AMOUNT, 1999.99, "EUR"), "de", "1.999,99\xa0€"),
        (Discount(DiscountKind.AMOUNT, 1_500_000, "IDR"), "id", "Rp\xa01.500.000"),
        (Discount(DiscountKind.AMOUNT, 100), "en", "100"),
    ],
    ids=str,
)
def test_a_discount_is_written_out(discount: Discount, locale: str, text: str) -> None:
    assert discount_text(coupon(discount), locale) == text


@pytest.mark.parametrize(
    ("locale", "title"),
    [
        pytest.param("de-CH", "CHF\xa05.50 bei Laden", id="the shopper's own numbers in the shopper's language"),
        pytest.param("DE_ch", "CHF\xa05.50 bei Laden", id="however the phone writes it"),
        pytest.param("fr-CH", "CHF\xa05.50 at Shop", id="the text's numbers in another language"),
    ],
)
def test_a_number_is_written_as_in_the_language_around_it(locale: str, title: str) -> None:
    assert render(MESSAGE, locale, MERCHANT, coupon(Discount(DiscountKind.AMOUNT, 5.505, "CHF")))[0] == title


@pytest.mark.parametrize(
    ("discount", "is_one"),
    [
        (Discount(DiscountKind.PERCENT, 100), True),
        (Discount(DiscountKind.PERCENT, 101), False),
        (Discount(DiscountKind.PERCENT, 0.001), False),
        (Discount(DiscountKind.AMOUNT, 0.5, "JPY"), False),
        (Discount(DiscountKind.AMOUNT, 0.5, "EUR"), True),
        (Discount(DiscountKind.AMOUNT, 1e300, "EUR"), False),
        (Discount(DiscountKind.AMOUNT, 5, "QQQ"), False),
        (Discount(DiscountKind.AMOUNT, 5), True),
    ],
    ids=str,
)
def test_a_discount_is_one_that_can_be_promised(discount: Discount, *, is_one: bool) -> None:
    assert (discount.problem is None) is is_one


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_whatever_its_names_are_a_text_is_whole_closed_and_plain(name: str) -> None:
    merchant = Merchant(merchant_id="m-1", names={"en": name[:MAX_NAME_CHARACTERS]})

    title, body = render(MESSAGE, "en", merchant, coupon(TEN_PERCENT, name))

    assert len(title) <= MAX_TITLE_CHARACTERS
    assert len(body) <= MAX_BODY_CHARACTERS
    assert title.startswith("10% at")
    for text in (title, body):
        assert not any(unicodedata.category(sign) in {"Cc", "Cs", "Zl", "Zp"} for sign in text)
        assert text.count("\u2069") == sum(text.count(opener) for opener in "\u2066\u2067\u2068")
    assert set(regex.findall(r"\X", body)) <= {*regex.findall(r"\X", plain(name)), "…", "\u2068", "\u2069"}


def test_a_name_of_which_nothing_is_left_is_no_name() -> None:
    merchant = Merchant(merchant_id="m-\x1b1", names={"en": "\n\x00", "fr": "Magasin"})

    assert render(MESSAGE, "en", merchant, coupon())[0] == "10% at Magasin"
    assert render(MESSAGE, "en", msgspec.structs.replace(merchant, names={}), coupon())[0] == "10% at m-1"


def test_a_text_in_two_directions_keeps_its_parts_apart() -> None:
    merchant = Merchant(merchant_id="m-1", names={"en": "\u05d0\u05d1 24"})

    assert render(MESSAGE, "en", merchant, coupon())[0] == "10% at \u2068\u05d0\u05d1 24\u2069"


@pytest.mark.parametrize(
    ("given", "store_id", "is_usable"),
    [
        pytest.param(coupon(), "s-1", True, id="everywhere"),
        pytest.param(coupon(store_ids=("s-1",)), "s-1", True, id="in this store"),
        pytest.param(coupon(store_ids=("s-2",)), "s-1", False, id="in another store"),
        pytest.param(coupon(store_ids=("s-2",)), None, True, id="the user is in no store"),
        pytest.param(coupon(channel=Channel.ONLINE), "s-1", False, id="online only, in a store"),
        pytest.param(coupon(channel=Channel.ONLINE), None, True, id="online only, in no store"),
        pytest.param(coupon(remaining=1), "s-1", True, id="the last one"),
        pytest.param(coupon(remaining=0), "s-1", False, id="none left"),
        pytest.param(coupon(remaining=-1), "s-1", False, id="fewer than none left"),
        pytest.param(coupon(redeemed=True), "s-1", False, id="redeemed"),
    ],
)
def test_a_coupon_is_usable_here_and_now(given: Coupon, store_id: str | None, *, is_usable: bool) -> None:
    assert usable(given, store_id, NOW) is is_usable


@pytest.mark.parametrize(
    ("hours", "is_usable"), [(-0.001, False), (0, True), (23.999, True), (24, False)], ids=["early", "at", "in", "late"]
)
def test_a_coupon_is_valid_up_to_its_end(hours: float, *, is_usable: bool) -> None:
    assert usable(coupon(), None, NOW + timedelta(hours=hours)) is is_usable
