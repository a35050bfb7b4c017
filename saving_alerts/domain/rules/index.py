"""Which rules listen to an event, without trying every rule: 500 rules cost little more than 5.

docs/adr/0022-rules-are-indexed.md.
"""

import re
from collections.abc import Iterable
from fnmatch import translate
from functools import lru_cache
from typing import NamedTuple

from saving_alerts.domain.events import EventType
from saving_alerts.domain.rules.rule import Rule

REMEMBERED_SHORTLISTS = 8192  # pairs of event type and merchant: bounds the memory with a million merchants
_GLOB_SIGNS = re.compile(r"[*?\[]")


class Globs:
    """Merchant ids and patterns like `m-9*`, case-sensitive."""

    def __init__(self, globs: Iterable[str]) -> None:
        patterns = [glob for glob in globs if is_pattern(glob)]
        self._ids = frozenset(glob for glob in globs if not is_pattern(glob))
        self._all = "*" in patterns
        self._pattern = re.compile("|".join(map(translate, patterns))) if patterns else None

    def match(self, merchant_id: str) -> bool:
        if self._all or merchant_id in self._ids:
            return True
        return self._pattern is not None and self._pattern.match(merchant_id) is not None

    @property
    def only_ids(self) -> frozenset[str] | None:
        """The listed ids; None if there is a pattern among them."""
        return None if self._pattern is not None else self._ids


def is_pattern(glob: str) -> bool:
    return _GLOB_SIGNS.search(glob) is not None


class _Listener(NamedTuple):
    """A rule with its merchants. `number` is its place in the order in which rules are tried."""

    number: int
    rule: Rule
    allow: Globs
    deny: Globs


class Shortlist(NamedTuple):
    """The rules that listen to an event type at a merchant, in their order.

    The others are counted: `other_types` do not listen to the event type, `other_merchants` not at this merchant.
    """

    rules: tuple[Rule, ...]
    other_types: int
    other_merchants: int


class RuleIndex:
    """Finds rules by event type, then by merchant. `shortlist` caches the last REMEMBERED_SHORTLISTS results."""

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        listeners = [_Listener(number, rule, Globs(rule.allow), Globs(rule.deny)) for number, rule in enumerate(rules)]
        self._count = len(rules)
        self._by_type = {
            event_type: _ForType([each for each in listeners if event_type in each.rule.event_types])
            for event_type in EventType
        }
        self.shortlist = lru_cache(maxsize=REMEMBERED_SHORTLISTS)(self._shortlist)

    def _shortlist(self, event_type: EventType, merchant_id: str | None) -> Shortlist:
        of_type = self._by_type[event_type]
        rules = of_type.at(merchant_id) if merchant_id is not None else ()
        return Shortlist(rules, self._count - of_type.count, of_type.count - len(rules))


class _ForType:
    """The rules that listen to one event type."""

    def __init__(self, listeners: list[_Listener]) -> None:
        self.count = len(listeners)
        self._patterned = [each for each in listeners if each.allow.only_ids is None]
        self._by_id: dict[str, list[_Listener]] = {}
        for each in listeners:
            for merchant_id in each.allow.only_ids or ():
                self._by_id.setdefault(merchant_id, []).append(each)

    def at(self, merchant_id: str) -> tuple[Rule, ...]:
        allowed = [each for each in self._patterned if each.allow.match(merchant_id)]
        allowed += self._by_id.get(merchant_id, [])
        return tuple(
            each.rule for each in sorted(allowed, key=lambda each: each.number) if not each.deny.match(merchant_id)
        )
