"""What a shopper reads: in the shopper's language, with numbers as people write them, as long as a phone shows."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from string import Template

import pytest

from saving_alerts.domain.coupons import Channel, Coupon, Discount, DiscountKind, usable
from saving_alerts.domain.merchants import Merchant
from saving_alerts.domain.rules.messages import MAX_BODY_CHARACTERS, Message, Text, discount_text, locale_for, render

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
    [("de", "10 % bei Laden"), ("de-AT", "10 % bei Laden"), ("en-GB", "10 % at Shop"), ("fr-FR", "10 % at Shop")],
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
    ("discount", "text"),
    [
        (Discount(DiscountKind.PERCENT, 10), "10 %"),
        (Discount(DiscountKind.PERCENT, 12.5), "12.5 %"),
        (Discount(DiscountKind.AMOUNT, 5, "EUR"), "5 EUR"),
        (Discount(DiscountKind.AMOUNT, 1999.99, "EUR"), "1999.99 EUR"),
        (Discount(DiscountKind.AMOUNT, 1_500_000, "IDR"), "1500000 IDR"),
        (Discount(DiscountKind.AMOUNT, 100), "100"),
    ],
    ids=str,
)
def test_a_discount_is_written_out(discount: Discount, text: str) -> None:
    assert discount_text(coupon(discount)) == text


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
