"""How two rules files differ in what they say, in words: not in how they are written."""

import json
from collections.abc import Iterator
from typing import Any

from saving_alerts.domain.caps import Cap
from saving_alerts.domain.rules_file.json_reader import read_json
from saving_alerts.domain.rules_file.mistakes import printable
from saving_alerts.domain.rules_file.schema import RuleDocument, RulesDocument

_UNORDERED = {"caps", "event_types", "weekdays", "merchants.allow", "merchants.deny"}
_CLOCKS = {"from", "to"}
_VARIANTS = "variants"
_MAX_VALUE_CHARACTERS = 600  # a text has 500


def differences(before: bytes, after: bytes) -> list[str]:
    """Of two files without mistakes, a line for each. Rules are the same if their ids are. Empty: they say the same."""
    old, new = _document(before), _document(after)
    return [printable(each) for each in (*_for_all(old, new), *_of_rules(old, new), *_in_order(old, new))]


def _document(raw: bytes) -> RulesDocument:
    return RulesDocument.model_validate(read_json(raw))


def _for_all(old: RulesDocument, new: RulesDocument) -> Iterator[str]:
    yield from _changes("", _of_file(old), _of_file(new))


def _of_file(document: RulesDocument) -> dict[str, Any]:
    fields = document.model_dump(mode="json", by_alias=True, exclude={"rules", "caps"})
    return {"caps": [str(Cap(cap.per, cap.pushes, cap.hours)) for cap in document.caps], **_flat(fields)}


def _of_rules(old: RulesDocument, new: RulesDocument) -> Iterator[str]:
    before, after = ({rule.id: rule for rule in each.rules} for each in (old, new))
    for rule_id, rule in before.items():
        if rule_id not in after:
            yield f"rule {rule_id}: gone" + ("" if rule.enabled else "; it did nothing")
    for rule_id, rule in after.items():
        if rule_id not in before:
            yield f"rule {rule_id}: new" + ("" if rule.enabled else "; it does nothing yet")
        else:
            yield from _changes(f"rule {rule_id}: ", _fields(before[rule_id]), _fields(rule))


def _fields(rule: RuleDocument) -> dict[str, Any]:
    return _flat(rule.model_dump(mode="json", by_alias=True, exclude={"id"}))


def _flat(fields: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Every value by its path: message.texts.de.title, message.variants.friendly.texts.de.title."""
    flat: dict[str, Any] = {}
    for name, found in fields.items():
        value = _by_id(found) if name == _VARIANTS else found
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value[: len("22:00")] if name in _CLOCKS and value else value
    return flat


def _by_id(variants: list[dict[str, Any]]) -> dict[str, Any]:
    """Their order says nothing."""
    return {each["id"]: {name: value for name, value in each.items() if name != "id"} for each in variants}


def _changes(whose: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    for path in dict.fromkeys((*before, *after)):
        old, new = before.get(path), after.get(path)
        if path in _UNORDERED and isinstance(old, list) and isinstance(new, list):
            if told := _of_lists(old, new):
                yield f"{whose}{path}: {told}"
        elif old != new:
            yield f"{whose}{path}: {_value(old)} → {_value(new)}"


def _of_lists(old: list[str], new: list[str]) -> str:
    also, gone = sorted(set(new) - set(old)), sorted(set(old) - set(new))
    told = [f"also {', '.join(also)}" if also else "", f"no longer {', '.join(gone)}" if gone else ""]
    return "; ".join(filter(None, told))


def _value(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, float):
        return f"{value:g}"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MAX_VALUE_CHARACTERS else f"{text[:_MAX_VALUE_CHARACTERS]}…"


def _in_order(old: RulesDocument, new: RulesDocument) -> Iterator[str]:
    """Of the rules that do something in both files."""
    before, after = _order(old), _order(new)
    there = set(before) & set(after)
    was, now = [each for each in before if each in there], [each for each in after if each in there]
    if was != now:
        yield f"order: {', '.join(was)} → {', '.join(now)}"


def _order(document: RulesDocument) -> list[str]:
    return [rule.id for rule in sorted(document.rules, key=lambda rule: rule.priority) if rule.enabled]
