"""Mistakes in a rule's message that the types of single fields cannot show. Reads the plain JSON, whatever it holds."""

from collections.abc import Iterator
from typing import Any

from saving_alerts.domain.rules_file.mistakes import Mistake, Place, cut
from saving_alerts.domain.rules_file.schema import MAX_VARIANTS

SHOWN_LOCALES = 20  # of those that are there, in a mistake
_TEXTS_EXAMPLE = '{"en": {"title": "$discount off at $merchant", "body": "Show $coupon at the till."}}'


def message_contradictions(place: Place, message: object) -> Iterator[Mistake]:
    if not isinstance(message, dict):
        return
    variants = message.get("variants")
    if "variants" not in message:
        yield from _one_text(place, message)
    elif "texts" in message:
        yield (
            (*place, "variants"),
            "there are `texts` as well: nobody would read them; make them a variant, or remove them",
        )
    elif isinstance(variants, list) and len(variants) == 1:
        yield (*place, "variants"), "there is only one: write its texts as `texts`, without `variants`"
    elif isinstance(variants, list):
        yield from _in_variants(place, message.get("fallback"), variants[:MAX_VARIANTS])


def _one_text(place: Place, message: dict[str, Any]) -> Iterator[Mistake]:
    if "texts" not in message:
        yield (*place, "texts"), f"missing; write it like {_TEXTS_EXAMPLE}"
    if "salt" in message:
        yield (*place, "salt"), "it deals out `variants`, and there are none"
    yield from _missing_fallback((*place, "fallback"), message.get("fallback"), message.get("texts"))


def _in_variants(place: Place, fallback: object, variants: list[Any]) -> Iterator[Mistake]:
    yield from _ids_twice((*place, "variants"), variants)
    texts = [each.get("texts") if isinstance(each, dict) else None for each in variants]
    for number, found in enumerate(texts):
        yield from _missing_fallback((*place, "variants", number, "texts"), fallback, found)
        if isinstance(found, dict) and isinstance(texts[0], dict) and found.keys() != texts[0].keys():
            others = ", ".join(cut(locale) for locale in sorted(found.keys() ^ texts[0].keys())[:SHOWN_LOCALES])
            yield (
                (*place, "variants", number, "texts"),
                f"the first variant has texts for other locales ({others}): give all the same ones",
            )


def _ids_twice(place: Place, variants: list[Any]) -> Iterator[Mistake]:
    first: dict[str, int] = {}
    for number, variant in enumerate(variants):
        name = variant.get("id") if isinstance(variant, dict) else None
        if isinstance(name, str) and first.setdefault(name, number) != number:
            yield (*place, number, "id"), f"the same id as variant {first[name]}: each needs one of its own"


def _missing_fallback(place: Place, fallback: object, texts: object) -> Iterator[Mistake]:
    if isinstance(fallback, str) and isinstance(texts, dict) and texts and fallback not in texts:
        there = ", ".join(cut(locale) for locale in sorted(texts)[:SHOWN_LOCALES])
        yield (
            place,
            f"there is no text for the fallback locale {cut(fallback)!r}: add one, or name one of {there}",
        )
