"""Mistakes that the types of single fields cannot show: fields that contradict each other, expressions that fail.

It reads the plain JSON, not the validated document, so that these mistakes are reported together with the wrong types.
"""

from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from saving_alerts.domain.caps import MAX_CAP_HOURS, CapPer
from saving_alerts.domain.events import EventType
from saving_alerts.domain.rules.expressions import MAX_WHEN_CHARACTERS, WhenRefusedError, compile_when
from saving_alerts.domain.rules.index import is_pattern
from saving_alerts.domain.rules.ranking import Ranking
from saving_alerts.domain.rules_file.mistakes import Mistake, Place
from saving_alerts.domain.rules_file.schema import MAX_RULES, TRIGGER_TYPES


def contradictions(tree: object) -> Iterator[Mistake]:
    """The mistakes in the JSON of a rules file. Never raises, whatever the file holds."""
    if not isinstance(tree, dict):
        return
    yield from _same_window((), tree)
    yield from _useless_caps(_list(tree.get("caps")))
    rules = _list(tree.get("rules"))[:MAX_RULES]
    yield from _ids_twice(rules)
    for number, rule in enumerate(rules):
        if isinstance(rule, dict):
            yield from _in_rule(("rules", number), rule)


def _in_rule(place: Place, rule: dict[str, Any]) -> Iterator[Mistake]:
    yield from _same_window(place, rule)
    yield from _null_quiet_hours(place, rule)
    yield from _no_merchant_left(place, _dict(rule.get("merchants")))
    yield from _missing_fallback(place, _dict(rule.get("message")))
    yield from _bad_when(place, rule)
    if rule.get("rank_coupons_by") == Ranking.HIGHEST_AMOUNT and "min_discount_percent" in rule:
        yield (
            (*place, "rank_coupons_by"),
            "min_discount_percent passes over every fixed amount, so none is left to rank: leave out one of the two",
        )


def _null_quiet_hours(place: Place, rule: dict[str, Any]) -> Iterator[Mistake]:
    if "quiet_hours" in rule and rule["quiet_hours"] is None:
        yield (*place, "quiet_hours"), 'null says nothing: write "none" for no quiet hours, or leave it out'


def _same_window(place: Place, holder: dict[str, Any]) -> Iterator[Mistake]:
    quiet = _dict(holder.get("quiet_hours"))
    if isinstance(quiet.get("from"), str) and quiet["from"] == quiet.get("to"):
        instead = 'write "none"' if place else "leave quiet_hours out"
        yield (*place, "quiet_hours"), f"`from` and `to` are the same: {instead} for no quiet hours"


def _ids_twice(rules: list[Any]) -> Iterator[Mistake]:
    ids = [rule.get("id") if isinstance(rule, dict) else None for rule in rules]
    times = Counter(rule_id for rule_id in ids if isinstance(rule_id, str))
    for number, rule_id in enumerate(ids):
        if isinstance(rule_id, str) and times[rule_id] > 1 and ids.index(rule_id) != number:
            first = ids.index(rule_id)
            yield ("rules", number, "id"), f"the same id as $.rules[{first}]: each rule needs one of its own"


def _useless_caps(caps: list[Any]) -> Iterator[Mistake]:
    """A cap has no effect if another one is always full before it."""
    good = [(number, cap) for number, cap in enumerate(caps) if _is_cap(cap)]
    for number, cap in good:
        tighter = next(
            (other for other, each in good if other != number and _is_tighter(each, cap, other < number)), None
        )
        if tighter is not None:
            yield (
                ("caps", number),
                f"$.caps[{tighter}] is always reached first: change one of the two or remove this one",
            )


def _is_cap(cap: object) -> bool:
    if not isinstance(cap, dict) or cap.get("per") not in set(CapPer):
        return False
    pushes, hours = cap.get("pushes"), cap.get("hours")
    return isinstance(pushes, int) and isinstance(hours, int | float) and 0 < hours <= MAX_CAP_HOURS


def _is_tighter(one: dict[str, Any], other: dict[str, Any], comes_first: bool) -> bool:  # noqa: FBT001 - settles equals
    """Whether `one` is always full before `other`. A cap per user counts all that one per user and merchant counts."""
    if one["per"] != other["per"] and one["per"] != CapPer.USER:
        return False
    if (one["per"], one["pushes"], one["hours"]) == (other["per"], other["pushes"], other["hours"]):
        return comes_first
    return bool(one["pushes"] <= other["pushes"] and one["hours"] >= other["hours"])


def _no_merchant_left(place: Place, merchants: dict[str, Any]) -> Iterator[Mistake]:
    allow = _list(merchants.get("allow", ["*"]))
    deny = [glob for glob in _list(merchants.get("deny")) if isinstance(glob, str)]
    if allow and all(isinstance(glob, str) and _is_denied(glob, deny) for glob in allow):
        yield (*place, "merchants"), "every merchant that is allowed is denied too, so the rule can never match"


def _is_denied(glob: str, deny: list[str]) -> bool:
    """Whether every merchant that `glob` allows is denied. False where that cannot be decided."""
    return any(each == glob or _covers(each, glob) for each in deny)


def _covers(denied: str, glob: str) -> bool:
    if not is_pattern(glob):
        return fnmatchcase(glob, denied)
    prefix = denied.removesuffix("*")
    return denied.endswith("*") and not is_pattern(prefix) and glob.startswith(prefix)


def _missing_fallback(place: Place, message: dict[str, Any]) -> Iterator[Mistake]:
    fallback, texts = message.get("fallback"), message.get("texts")
    if isinstance(fallback, str) and isinstance(texts, dict) and texts and fallback not in texts:
        there = ", ".join(sorted(map(str, texts))[:20])
        yield (
            (*place, "message", "fallback"),
            f"there is no text for the fallback locale {fallback!r}: add one, or name one of {there}",
        )


def _bad_when(place: Place, rule: dict[str, Any]) -> Iterator[Mistake]:
    text = rule.get("when")
    types = frozenset(each for each in TRIGGER_TYPES if each in _list(rule.get("event_types"))) or set(TRIGGER_TYPES)
    if isinstance(text, str) and 0 < len(text) <= MAX_WHEN_CHARACTERS:
        try:
            compile_when(text, frozenset(map(EventType, types)))
        except WhenRefusedError as error:
            yield (*place, "when"), str(error)


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
