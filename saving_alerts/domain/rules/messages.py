"""The text of a push, in the shopper's language and with numbers as the shopper writes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from string import Template

from saving_alerts.domain.coupons import Coupon
from saving_alerts.domain.merchants import Merchant
from saving_alerts.domain.texts.discounts import amount_text, percent_text
from saving_alerts.domain.texts.locales import is_same_language, lookup
from saving_alerts.domain.texts.plain import cut, filled_in, plain

PLACEHOLDERS = frozenset({"merchant", "coupon", "discount"})
# What a phone shows of a push (docs/contracts.md, "The push API").
MAX_TITLE_CHARACTERS = 80
MAX_BODY_CHARACTERS = 240


@dataclass(frozen=True, slots=True)
class Text:
    """Title and body as templates; their placeholders were checked when the rules were loaded."""

    title: Template
    body: Template


@dataclass(frozen=True, slots=True)
class Message:
    """The texts of a rule by locale. `fallback` is the locale for everybody else; it has a text.

    With `variants` the texts are those of the first one, and `text_for` (`variants.py`) says which a user reads.
    """

    texts: Mapping[str, Text]
    fallback: str
    variants: tuple["Variant", ...] = ()
    salt: str = ""


@dataclass(frozen=True, slots=True)
class Variant:
    """One of several messages of a rule in turn. Of 3 and 1 as weights three of four users read the first."""

    id: str
    weight: float
    message: Message


def locale_for(message: Message, locale: str) -> str:
    """The locale of the text that a shopper gets: the nearest to their own, else the fallback."""
    return lookup(locale, message.texts) or message.fallback


def localised(texts: Mapping[str, str], locale: str, fallback: str) -> str:
    """The text nearest to a locale, else to the fallback locale, else the first, as a phone can show it.

    A text of which nothing is left is none. Empty if there is none.
    """
    found = lookup(locale, texts) or lookup(fallback, texts)
    name = plain(texts[found]) if found is not None else ""
    return name or next((each for text in texts.values() if (each := plain(text))), "")


def shown_name(merchant: Merchant, locale: str) -> str:
    """What the merchant is called in this locale; its id where the directory has no name that a phone can show."""
    return localised(merchant.names, locale, "") or plain(merchant.merchant_id)


def render(message: Message, locale: str, merchant: Merchant, coupon: Coupon) -> tuple[str, str]:
    """Title and body with their placeholders filled in, cut to what a phone shows."""
    of_text = locale_for(message, locale)
    text = message.texts[of_text]
    around = text.title.template + text.body.template
    name = localised(merchant.names, locale, of_text) or plain(merchant.merchant_id)
    discount = discount_text(coupon, locale if is_same_language(locale, of_text) else of_text)
    values = {
        "merchant": filled_in(name, around),
        "coupon": filled_in(localised(coupon.title, locale, of_text), around),
        "discount": filled_in(discount, around),
    }
    return (
        cut(text.title.substitute(values), MAX_TITLE_CHARACTERS),
        cut(text.body.substitute(values), MAX_BODY_CHARACTERS),
    )


def discount_text(coupon: Coupon, locale: str) -> str:
    """Never more than the coupon gives. Of a coupon whose discount is one (`Discount.problem`)."""
    discount = coupon.discount
    if discount.percent is not None:
        return percent_text(discount.percent, locale)
    return amount_text(discount.amount, discount.currency, locale)
