"""What the merchant directory shows of rules: patterns for nobody, texts too long for names, hours that nobody has."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from functools import cached_property
from heapq import nlargest

from saving_alerts.domain.merchants import Merchant
from saving_alerts.domain.rules.index import Globs, is_pattern
from saving_alerts.domain.rules.messages import MAX_BODY_CHARACTERS, MAX_TITLE_CHARACTERS, Message, Text, localised
from saving_alerts.domain.rules.rule import Rule
from saving_alerts.domain.rules.store_hours import opening_of
from saving_alerts.domain.rules_file.globs import prefix_of
from saving_alerts.domain.rules_file.mistakes import Mistake, Place, shown

# Names are looked at from the longest on, so many of them: with a million merchants nobody waits for the others.
_LONGEST_NAMES = 200
_NAME, _COUPON, _DISCOUNT = "x" * 20, "x" * 30, "12,50 €"  # of a usual length


class Directory:
    """A merchant directory as the doubts ask it: sorted once, for any number of rules. It may be empty: not known."""

    def __init__(self, merchants: Mapping[str, Merchant]) -> None:
        self._merchants = merchants
        self._ids = sorted(merchants)
        longest = nlargest(_LONGEST_NAMES, merchants.values(), key=_longest_name)
        self._longest = [each for each in longest if each.names]
        self._known: dict[str, bool] = {}

    def doubts(self, rules: tuple[Rule, ...], places: Mapping[str, Place]) -> Iterator[Mistake]:
        for rule in rules:
            place = places[rule.id]
            yield from self._cut(rule, place)
            if not self._ids:
                continue
            yield from self._nobody(rule, place)
            if rule.open_for_minutes is not None and not rule.unknown_hours_pass and not self._has_hours(rule):
                yield (
                    (*place, "open_for_minutes"),
                    "the directory has no hours of any merchant that is allowed, so the rule can never match",
                )

    def _nobody(self, rule: Rule, place: Place) -> Iterator[Mistake]:
        for name, globs in (("allow", rule.allow), ("deny", rule.deny)):
            for number, glob in enumerate(globs):
                if not self._has(glob):
                    what = f"{shown(glob)} is none of the {len(self._ids):,} merchants in the directory"
                    yield (*place, "merchants", name, number), what

    def _has(self, glob: str) -> bool:
        if glob not in self._known:
            self._known[glob] = self._matches(glob)
        return self._known[glob]

    def _matches(self, glob: str) -> bool:
        if not is_pattern(glob):
            return glob in self._merchants
        prefix = prefix_of(glob)
        if prefix is None:
            return any(map(Globs([glob]).match, self._ids))
        first = bisect_left(self._ids, prefix)
        return first < len(self._ids) and self._ids[first].startswith(prefix)

    def _has_hours(self, rule: Rule) -> bool:
        allow, deny = Globs(rule.allow), Globs(rule.deny)
        return any(allow.match(each) and not deny.match(each) for each in self._with_hours)

    @cached_property
    def _with_hours(self) -> list[str]:
        return [
            merchant_id
            for merchant_id, merchant in self._merchants.items()
            if any(opening_of(merchant, store.store_id) is not None for store in merchant.stores)
        ]

    def _cut(self, rule: Rule, place: Place) -> Iterator[Mistake]:
        """Each text with the longest name that it can have, and that it is too long for."""
        allow, deny = Globs(rule.allow), Globs(rule.deny)
        allowed = [each for each in self._longest if allow.match(each.merchant_id) and not deny.match(each.merchant_id)]
        for part, locale, text in _texts(rule):
            names = ((localised(each.names, locale, locale), each.merchant_id) for each in allowed)
            name, merchant_id = max(names, key=lambda each: len(each[0]), default=(_NAME, ""))
            whose = f"at {merchant_id}, with its name" if merchant_id else f"with a name of {len(name)} characters"
            for field, length, most in _lengths(text, name):
                if length > most:
                    what = (
                        f"{length} characters {whose} and a coupon's title of {len(_COUPON)}, and a phone shows {most}"
                    )
                    yield (*place, *part, field), f"{what}: it is cut"


def _texts(rule: Rule) -> Iterator[tuple[Place, str, Text]]:
    """Each with its place in the rule, and its locale. Of texts in turn those of every variant."""
    variants = rule.message.variants
    found: list[tuple[Place, Message]] = [
        (("message", "variants", number), each.message) for number, each in enumerate(variants)
    ]
    for place, message in found or [(("message",), rule.message)]:
        for locale, text in message.texts.items():
            yield (*place, "texts", locale), locale, text


def _lengths(text: Text, name: str) -> Iterator[tuple[str, int, int]]:
    values = {"merchant": name, "coupon": _COUPON, "discount": _DISCOUNT}
    yield "title", len(text.title.substitute(values)), MAX_TITLE_CHARACTERS
    yield "body", len(text.body.substitute(values)), MAX_BODY_CHARACTERS


def _longest_name(merchant: Merchant) -> int:
    return max(map(len, merchant.names.values()), default=0)
