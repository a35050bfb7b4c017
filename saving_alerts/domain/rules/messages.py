"""The text of a push, in the shopper's language."""

from collections.abc import Mapping
from dataclasses import dataclass
from string import Template

from saving_alerts.domain.coupons import Coupon
from saving_alerts.domain.merchants import Merchant

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
    """The texts of a rule by locale. `fallback` is the locale for everybody else; it has a text."""

    texts: Mapping[str, Text]
    fallback: str

    def text_for(self, locale: str) -> Text:
        return self.texts[locale_for(self, locale)]


def locale_for(message: Message, locale: str) -> str:
    """The locale of the text that a shopper gets: their own, else their language, else the fallback."""
    language = locale.split("-", maxsplit=1)[0]
    return next((each for each in (locale, language) if each in message.texts), message.fallback)


def localised(texts: Mapping[str, str], locale: str, fallback: str | None = None) -> str | None:
    """The text for `de-DE`, else for `de`, else for the fallback locale, else the first; None if there is no text."""
    for candidate in (locale, locale.split("-", maxsplit=1)[0], fallback):
        if candidate is not None and candidate in texts:
            return texts[candidate]
    return next(iter(texts.values()), None)


def render(message: Message, locale: str, merchant: Merchant, coupon: Coupon) -> tuple[str, str]:
    """Title and body with their placeholders filled in, cut to what a phone shows."""
    text = message.text_for(locale)
    values = {
        "merchant": localised(merchant.names, locale, message.fallback) or merchant.merchant_id,
        "coupon": localised(coupon.title, locale, message.fallback) or "",
        "discount": discount_text(coupon),
    }
    return (
        _cut(text.title.substitute(values), MAX_TITLE_CHARACTERS),
        _cut(text.body.substitute(values), MAX_BODY_CHARACTERS),
    )


def discount_text(coupon: Coupon) -> str:
    unit = "%" if coupon.discount.percent is not None else coupon.discount.currency or ""
    amount = f"{coupon.discount.amount:.2f}".rstrip("0").rstrip(".")  # `:g` writes a million as 1e+06
    return f"{amount} {unit}".strip()


def _cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: characters - 1].rstrip() + "…"
