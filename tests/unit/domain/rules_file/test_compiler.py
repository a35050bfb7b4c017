"""A rules file goes live whole or not at all, and each mistake in it is named with its place."""

import hashlib
import json
from collections.abc import Sequence
from copy import deepcopy
from datetime import time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.caps import Cap, CapPer
from saving_alerts.domain.events import TYPES_WITHOUT_MERCHANT, EventType
from saving_alerts.domain.rules.quiet_hours import QuietHours
from saving_alerts.domain.rules_file.compiler import read_rules
from saving_alerts.domain.rules_file.mistakes import RulesRefusedError

Document = dict[str, Any]
Place = Sequence[str | int]

RULE: Document = {
    "id": "at-the-store",
    "priority": 10,
    "event_types": ["geofence_entered", "geofence_dwelled"],
    "merchants": {"allow": ["m-*"], "deny": ["m-9*"]},
    "min_discount_percent": 10,
    "message": {
        "fallback": "en",
        "texts": {"en": {"title": "$discount off", "body": "$coupon at ${merchant}, from $$1"}},
    },
}
GOOD: Document = {
    "caps": [{"per": "user", "pushes": 1, "hours": 24}, {"per": "user_and_merchant", "pushes": 2, "hours": 168}],
    "quiet_hours": {"from": "22:00", "to": "08:00"},
    "freshness_minutes": {"geofence_entered": 5},
    "rules": [RULE],
}
TITLE = ("rules", 0, "message", "texts", "en", "title")
REMOVED = object()


def changed(place: Place, value: object) -> Document:
    """The good document with one thing in another way."""
    document = deepcopy(GOOD)
    target: Any = document
    for part in place[:-1]:
        target = target[part]
    if value is REMOVED:
        del target[place[-1]]
    else:
        target[place[-1]] = value
    return document


def raw(document: Document) -> bytes:
    return json.dumps(document).encode()


def mistakes_in(content: bytes) -> list[str]:
    with pytest.raises(RulesRefusedError) as refused:
        read_rules(content)
    return refused.value.mistakes


def kept_back(salt: str | None) -> bytes:
    """20 % by the file, 10 % by its rule, with this salt of both."""
    salted = {} if salt is None else {"control_salt": salt}
    rule = {**RULE, "control_percent": 10, **salted}
    return raw({**GOOD, "control_percent": 20, **salted, "rules": [rule]})


def test_a_good_file_becomes_rules() -> None:
    rules = read_rules(raw(GOOD))

    rule = rules.rules[0]
    assert rules.caps == (Cap(CapPer.USER, 1, 24), Cap(CapPer.USER_AND_MERCHANT, 2, 168))
    assert rules.triggers == {EventType.GEOFENCE_ENTERED, EventType.GEOFENCE_DWELLED}
    assert (rule.id, rule.allow, rule.deny, rule.min_discount_percent) == ("at-the-store", ("m-*",), ("m-9*",), 10)
    assert rule.quiet_hours == QuietHours(time(22), time(8))
    assert rule.message.texts["en"].title.substitute(discount="10 %") == "10 % off"


def test_the_version_is_the_beginning_of_the_sha_256_of_the_file() -> None:
    content = raw(GOOD)

    assert read_rules(content).version == hashlib.sha256(content).hexdigest()[:12]


def test_what_is_left_out_has_a_default() -> None:
    message = RULE["message"]
    rule = {"id": "r", "event_types": ["offer_viewed"], "message": message}

    rules = read_rules(raw({"caps": GOOD["caps"], "rules": [rule]}))

    compiled = rules.rules[0]
    assert (compiled.allow, compiled.deny, compiled.min_discount_percent) == (("*",), (), None)
    assert compiled.quiet_hours is None


def test_file_and_rule_keep_back_users_of_their_own_also_with_one_salt() -> None:
    found = read_rules(kept_back("spring"))
    of_the_file, of_the_rule = found.control, found.rules[0].control

    assert of_the_file is not None
    assert of_the_rule is not None
    assert (of_the_file.percent, of_the_rule.percent) == (20, 10)
    assert of_the_file.salt != of_the_rule.salt


def test_without_a_salt_a_rule_keeps_back_by_its_id() -> None:
    named, unnamed = (read_rules(kept_back(salt)).rules[0].control for salt in ("at-the-store", None))

    assert named == unnamed


def test_freshness_is_ten_minutes_at_the_store_half_an_hour_elsewhere_and_what_the_file_says() -> None:
    freshness = read_rules(raw(GOOD)).freshness

    assert freshness[EventType.GEOFENCE_ENTERED] == timedelta(minutes=5)
    assert freshness[EventType.GEOFENCE_DWELLED] == timedelta(minutes=10)
    assert freshness[EventType.OFFER_VIEWED] == timedelta(minutes=30)
    assert set(freshness) == set(EventType) - TYPES_WITHOUT_MERCHANT


def test_rules_are_tried_by_priority_and_then_as_they_stand() -> None:
    rules = [RULE | {"id": rule_id, "priority": priority} for rule_id, priority in (("b", 2), ("c", 1), ("a", 2))]

    assert [rule.id for rule in read_rules(raw(GOOD | {"rules": rules})).rules] == ["c", "b", "a"]


def test_a_rule_that_is_not_enabled_listens_to_nothing() -> None:
    assert read_rules(raw(changed(("rules", 0, "enabled"), False))).triggers == frozenset()


BROKEN: dict[str, tuple[Place, object, str]] = {
    "an unknown field": (("colour",), "red", "$.colour: there is no such field"),
    "no caps": (("caps",), [], "$.caps: must not be empty"),
    "caps left out": (("caps",), REMOVED, "$.caps: missing"),
    "a cap per something else": (("caps", 1, "per"), "merchant", "$.caps[1].per: "),
    "a cap of no pushes": (("caps", 0, "pushes"), 0, "$.caps[0].pushes: "),
    "a number as text": (("caps", 0, "pushes"), "1", "$.caps[0].pushes: "),
    "yes as a number": (("caps", 0, "pushes"), True, "$.caps[0].pushes: "),
    "half a push": (("caps", 0, "pushes"), 1.5, "$.caps[0].pushes: "),
    "a cap longer than sends are remembered": (("caps", 0, "hours"), 168.5, "$.caps[0].hours: "),
    "a cap of no time": (("caps", 0, "hours"), 0, "$.caps[0].hours: "),
    "a time as YAML reads it": (("quiet_hours", "from"), 1320, "$.quiet_hours.from: a time of day"),
    "an hour that does not exist": (("quiet_hours", "to"), "24:00", "$.quiet_hours.to: "),
    "a minute that does not exist": (("quiet_hours", "to"), "08:60", "$.quiet_hours.to: "),
    "a time with one digit": (("quiet_hours", "to"), "8:00", "$.quiet_hours.to: a time of day"),
    "a time in other digits": (("quiet_hours", "to"), "\u0660\u0668:00", "$.quiet_hours.to: a time of day"),
    "a time in digits that are none": (("quiet_hours", "to"), "0²:00", "$.quiet_hours.to: a time of day"),
    "quiet hours that never end": (("quiet_hours", "to"), "22:00", "$.quiet_hours: `from` and `to` are the same"),
    "quiet hours by their inner name": (("quiet_hours", "start"), "22:00", "$.quiet_hours.start: there is no such"),
    "half of the quiet hours": (("quiet_hours", "to"), REMOVED, "$.quiet_hours.to: missing"),
    "freshness of an unknown type": (("freshness_minutes", "teleported"), 5, "$.freshness_minutes.teleported: "),
    "freshness of what cannot trigger": (("freshness_minutes", "app_opened"), 5, "$.freshness_minutes.app_opened: "),
    "no freshness": (("freshness_minutes", "offer_viewed"), 0, "$.freshness_minutes.offer_viewed: "),
    "no rules": (("rules",), [], "$.rules: must not be empty"),
    "an id with spaces": (("rules", 0, "id"), "At the store", "$.rules[0].id: "),
    "an id that is too long": (("rules", 0, "id"), "x" * 65, "$.rules[0].id: "),
    "no event types": (("rules", 0, "event_types"), [], "$.rules[0].event_types: must not be empty"),
    "an unknown event type": (("rules", 0, "event_types", 1), "teleported", "$.rules[0].event_types[1]: "),
    "a type without a merchant": (("rules", 0, "event_types", 0), "push_opened", "$.rules[0].event_types[0]: push_op"),
    "nobody allowed": (("rules", 0, "merchants", "allow"), [], "$.rules[0].merchants.allow: must not be empty"),
    "one glob in place of a list": (("rules", 0, "merchants", "deny"), "m-*", "$.rules[0].merchants.deny: "),
    "an empty glob": (("rules", 0, "merchants", "deny"), [""], "$.rules[0].merchants.deny[0]: "),
    "more than everything off": (("rules", 0, "min_discount_percent"), 101, "$.rules[0].min_discount_percent: "),
    "enabled as text": (("rules", 0, "enabled"), "yes", "$.rules[0].enabled: "),
    "a priority as text": (("rules", 0, "priority"), "high", "$.rules[0].priority: "),
    "no message": (("rules", 0, "message"), REMOVED, "$.rules[0].message: missing"),
    "no texts": (("rules", 0, "message", "texts"), {}, "$.rules[0].message.texts: must not be empty"),
    "a fallback without a text": (
        ("rules", 0, "message", "fallback"),
        "fr",
        "$.rules[0].message.fallback: there is no text",
    ),
    "a text without a body": (
        ("rules", 0, "message", "texts", "de"),
        {"title": "Hallo"},
        "$.rules[0].message.texts.de.body: missing",
    ),
    "an empty title": (TITLE, "", "$.rules[0].message.texts.en.title: "),
    "an unknown placeholder": (TITLE, "$name", "$.rules[0].message.texts.en.title: unknown placeholder $name"),
    "a placeholder in capitals": (TITLE, "$Coupon", "$.rules[0].message.texts.en.title: unknown placeholder $Coupon"),
    "two unknown placeholders": (TITLE, "$b $a", "$.rules[0].message.texts.en.title: unknown placeholder $a $b"),
    "a price in dollars": (TITLE, "only $5", "$.rules[0].message.texts.en.title: a `$` that starts no placeholder"),
}


@pytest.mark.parametrize(("place", "value", "mistake"), BROKEN.values(), ids=BROKEN)
def test_a_mistake_is_named_with_its_place_and_nothing_else_is(place: Place, value: object, mistake: str) -> None:
    mistakes = mistakes_in(raw(changed(place, value)))

    assert [found[: len(mistake)] for found in mistakes] == [mistake]


def test_two_rules_with_one_id_are_a_mistake() -> None:
    twice = GOOD | {"rules": [RULE, RULE, RULE | {"id": "other"}, RULE | {"id": "other"}, RULE | {"id": "once"}]}

    assert mistakes_in(raw(twice)) == [
        '$.rules[1].id: the same id as $.rules[0]: each rule needs one of its own (rule "at-the-store")',
        '$.rules[3].id: the same id as $.rules[2]: each rule needs one of its own (rule "other")',
    ]


def test_all_mistakes_are_named_at_once() -> None:
    document = changed(("colour",), "red")
    document["caps"][1]["hours"] = 1000
    document["quiet_hours"]["from"] = 22
    document["rules"][0] |= {"id": "Not An Id", "event_types": [], "min_discount_percent": -1}
    document["rules"][0]["message"]["texts"]["en"] = {"title": "$name", "body": "$", "footer": ""}

    mistakes = mistakes_in(raw(document))

    assert sorted(mistake.partition(":")[0] for mistake in mistakes) == [
        "$.caps[1].hours",
        "$.colour",
        "$.quiet_hours.from",
        "$.rules[0].event_types",
        "$.rules[0].id",
        "$.rules[0].message.texts.en.body",
        "$.rules[0].message.texts.en.footer",
        "$.rules[0].message.texts.en.title",
        "$.rules[0].min_discount_percent",
    ]


@given(content=st.binary(max_size=200))
def test_no_bytes_raise_anything_else(content: bytes) -> None:
    assert mistakes_in(content)


def test_a_large_file_full_of_mistakes_is_refused_in_time() -> None:
    document = GOOD | {"rules": [RULE | {"id": f"r-{number}", "event_types": []} for number in range(1_000)]}

    assert len(mistakes_in(raw(document))) == 1_000


def test_too_many_rules_are_one_mistake() -> None:
    document = GOOD | {"rules": [RULE | {"id": f"r-{number}", "event_types": []} for number in range(1_001)]}

    assert mistakes_in(raw(document)) == ["$.rules: 1001 rules, at most 1000 are allowed"]
