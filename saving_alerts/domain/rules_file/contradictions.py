"""Mistakes that the types of single fields cannot show: fields that contradict each other, expressions that fail.

It reads the plain JSON, not the validated document, so that these mistakes are reported together with the wrong types.
"""

from collections.abc import Callable, Iterator
from typing import Any

from saving_alerts.domain.caps import MAX_CAP_HOURS, CapPer
from saving_alerts.domain.events import EventType
from saving_alerts.domain.rules.expressions import MAX_WHEN_CHARACTERS, WhenRefusedError, compile_when
from saving_alerts.domain.rules.ranking import Ranking
from saving_alerts.domain.rules_file.globs import covers
from saving_alerts.domain.rules_file.message_contradictions import message_contradictions
from saving_alerts.domain.rules_file.mistakes import Mistake, Place, in_words
from saving_alerts.domain.rules_file.schema import MAX_CAPS, MAX_GLOB_CHARACTERS, MAX_GLOBS, MAX_RULES, TRIGGER_TYPES

Checks = list[tuple[Place, Iterator[Mistake]]]


def contradictions(tree: object, between_steps: Callable[[], None]) -> Iterator[Mistake]:
    """The mistakes in the JSON of a rules file. Raises nothing, whatever the file holds, but what `between_steps` does.

    It is called before the checks of each rule.
    """
    for place, mistakes in _checks(tree):
        between_steps()
        yield from _none_raised(place, mistakes)


def _checks(tree: object) -> Checks:
    """Each with the place that it looks at."""
    if not isinstance(tree, dict):
        return []
    rules = _list(tree.get("rules"))[:MAX_RULES]
    whole: Checks = [
        (("quiet_hours",), _same_window((), tree)),
        (("caps",), _useless_caps(_list(tree.get("caps"))[:MAX_CAPS])),
        (("rules",), _ids_twice(rules)),
        ((), _idle_salt((), tree)),
    ]
    places = [(("rules", number), rule) for number, rule in enumerate(rules) if isinstance(rule, dict)]
    return whole + [(place, _in_rule(place, rule)) for place, rule in places]


def _none_raised(place: Place, mistakes: Iterator[Mistake]) -> Iterator[Mistake]:
    """A check that fails refuses the file: nobody knows what else is wrong there."""
    try:
        yield from mistakes
    except Exception as error:  # noqa: BLE001 - a check is our code, and this file is the one that it cannot cope with
        yield place, in_words(error)


def _in_rule(place: Place, rule: dict[str, Any]) -> Iterator[Mistake]:
    yield from _same_window(place, rule)
    yield from _null_quiet_hours(place, rule)
    yield from _no_merchant_left(place, _dict(rule.get("merchants")))
    yield from message_contradictions((*place, "message"), rule.get("message"))
    yield from _bad_when(place, rule)
    yield from _wrong_moment(place, rule)
    yield from _idle_salt(place, rule)
    if rule.get("rank_coupons_by") == Ranking.HIGHEST_AMOUNT and "min_discount_percent" in rule:
        yield (
            (*place, "rank_coupons_by"),
            "min_discount_percent passes over every fixed amount, so none is left to rank: leave out one of the two",
        )


def _idle_salt(place: Place, fields: dict[str, Any]) -> Iterator[Mistake]:
    if "control_salt" in fields and not fields.get("control_percent"):
        yield (*place, "control_salt"), "nobody is kept back without a control_percent: give one, or leave out the salt"


def _wrong_moment(place: Place, rule: dict[str, Any]) -> Iterator[Mistake]:
    first, last = rule.get("active_from"), rule.get("active_until")
    if isinstance(first, str) and isinstance(last, str) and len(first) == len(last) and last < first:
        yield (*place, "active_until"), "before active_from, so the rule can never match"
    if "unknown_hours" in rule and "open_for_minutes" not in rule:
        yield (*place, "unknown_hours"), "says nothing without open_for_minutes"
    if "min_dwell_seconds" in rule and (others := _without_dwell(rule)):
        yield (
            (*place, "min_dwell_seconds"),
            f"{', '.join(others)} does not say how long: listen to geofence_dwelled alone, or leave it out",
        )


def _without_dwell(rule: dict[str, Any]) -> list[str]:
    """The types of its events that do not say how long somebody was there."""
    listed = {each for each in _list(rule.get("event_types")) if isinstance(each, str)}
    return sorted(listed.intersection(TRIGGER_TYPES) - {EventType.GEOFENCE_DWELLED})


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
    first: dict[str, int] = {}
    for number, rule_id in enumerate(ids):
        if isinstance(rule_id, str) and first.setdefault(rule_id, number) != number:
            yield ("rules", number, "id"), f"the same id as $.rules[{first[rule_id]}]: each rule needs one of its own"


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
    if not isinstance(cap, dict) or cap.get("per") not in tuple(CapPer):  # by ==: it may be a list, which has no hash
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
    allow, deny = _list(merchants.get("allow", ["*"])), _list(merchants.get("deny"))
    if allow and _are_globs(allow) and _are_globs(deny) and covers(deny, allow):
        yield (*place, "merchants"), "every merchant that is allowed is denied too, so the rule can never match"


def _are_globs(globs: list[Any]) -> bool:
    """Within the limits of the schema, which also bound what comparing them costs."""
    return len(globs) <= MAX_GLOBS and all(isinstance(glob, str) and len(glob) <= MAX_GLOB_CHARACTERS for glob in globs)


def _bad_when(place: Place, rule: dict[str, Any]) -> Iterator[Mistake]:
    text = rule.get("when")
    listed = {each for each in _list(rule.get("event_types")) if isinstance(each, str)}
    types = listed.intersection(TRIGGER_TYPES) or TRIGGER_TYPES
    if isinstance(text, str) and 0 < len(text) <= MAX_WHEN_CHARACTERS:
        try:
            compile_when(text, frozenset(map(EventType, types)))
        except WhenRefusedError as error:
            yield (*place, "when"), str(error)


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
