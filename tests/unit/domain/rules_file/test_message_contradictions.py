"""Several texts in turn: whole, or with each mistake named."""

import json
from typing import Any

import pytest

from saving_alerts.domain.rules.variants import shares
from saving_alerts.domain.rules_file.compiler import read_rules
from saving_alerts.domain.rules_file.mistakes import RulesRefusedError

TEXT = {"title": "$discount off", "body": "$coupon"}
PLAIN: dict[str, Any] = {"id": "plain", "weight": 3, "texts": {"en": TEXT}}
FRIENDLY: dict[str, Any] = {"id": "friendly", "texts": {"en": {"title": "Hello!", "body": "$coupon"}}}
GOOD = {"fallback": "en", "variants": [PLAIN, FRIENDLY]}


def raw(message: object) -> bytes:
    rule = {"id": "coffee", "event_types": ["offer_viewed"], "message": message}
    return json.dumps({"caps": [{"per": "user", "pushes": 1, "hours": 24}], "rules": [rule]}).encode()


def test_variants_are_read_with_their_weights_and_texts() -> None:
    found = read_rules(raw(GOOD)).rules[0].message

    assert shares(found) == {"plain": 0.75, "friendly": 0.25}
    assert [each.message.texts["en"].title.template for each in found.variants] == ["$discount off", "Hello!"]
    assert found.salt == "coffee"


def test_the_file_can_say_the_salt() -> None:
    assert read_rules(raw(GOOD | {"salt": "spring"})).rules[0].message.salt == "spring"


MANY = [FRIENDLY | {"id": f"v{number}"} for number in range(11)]
BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "neither": ({"fallback": "en"}, '$.rules[0].message.texts: missing; write it like {"en": {"title"'),
    "both": (GOOD | {"texts": {"en": TEXT}}, "$.rules[0].message.variants: there are `texts` as well"),
    "none": ({"fallback": "en", "variants": []}, "$.rules[0].message.variants: must not be empty"),
    "null": ({"fallback": "en", "variants": None}, "$.rules[0].message.variants: null is not what belongs here"),
    "one": ({"fallback": "en", "variants": [PLAIN]}, "$.rules[0].message.variants: there is only one"),
    "too many": ({"fallback": "en", "variants": MANY}, "$.rules[0].message.variants: "),
    "an id twice": (
        {"fallback": "en", "variants": [PLAIN, FRIENDLY, PLAIN]},
        "$.rules[0].message.variants[2].id: the same id as variant 0",
    ),
    "no id": (
        {"fallback": "en", "variants": [PLAIN, {"texts": {"en": TEXT}}]},
        "$.rules[0].message.variants[1].id: mis",
    ),
    "no texts": (
        {"fallback": "en", "variants": [PLAIN, {"id": "b"}]},
        "$.rules[0].message.variants[1].texts: missing; ",
    ),
    "empty texts": (
        {"fallback": "en", "variants": [PLAIN, FRIENDLY | {"texts": {}}]},
        "$.rules[0].message.variants[1].texts: must not be empty",
    ),
    "no weight left": (
        {"fallback": "en", "variants": [PLAIN, FRIENDLY | {"weight": 0}]},
        "$.rules[0].message.variants[1].weight: 0 must be more than 0",
    ),
    "no text of the fallback": (
        {"fallback": "de", "variants": [PLAIN, FRIENDLY]},
        "$.rules[0].message.variants[1].texts: there is no text for the fallback locale 'de'",
    ),
    "other locales": (
        {"fallback": "en", "variants": [PLAIN, FRIENDLY | {"texts": {"en": TEXT, "de": TEXT}}]},
        "$.rules[0].message.variants[1].texts: the first variant has texts for other locales (de)",
    ),
    "a wrong placeholder": (
        {"fallback": "en", "variants": [PLAIN, FRIENDLY | {"texts": {"en": {"title": "$name", "body": "b"}}}]},
        "$.rules[0].message.variants[1].texts.en.title: unknown placeholder $name",
    ),
    "a salt for nothing": ({"fallback": "en", "texts": {"en": TEXT}, "salt": "x"}, "$.rules[0].message.salt: it deals"),
    "an unknown field": (
        {"fallback": "en", "variants": [PLAIN, FRIENDLY | {"share": 1}]},
        "$.rules[0].message.variants[1].share: there is no such field; there are: id, weight, texts",
    ),
}


@pytest.mark.parametrize(("message", "mistake"), BROKEN.values(), ids=BROKEN)
def test_each_mistake_is_named_with_its_place(message: dict[str, Any], mistake: str) -> None:
    with pytest.raises(RulesRefusedError) as refused:
        read_rules(raw(message))

    assert any(line.startswith(mistake) for line in refused.value.mistakes), refused.value.mistakes


ODD: list[object] = [
    None,
    7,
    "text",
    [],
    {},
    [[]],
    [None, None],
    {"variants": {}},
    {"variants": "ab"},
    {"variants": [1, 2]},
]


@pytest.mark.parametrize("message", [*ODD, {"variants": [{"texts": 1}, {"texts": []}], "fallback": 7}], ids=str)
def test_whatever_stands_there_is_refused_in_words(message: object) -> None:
    with pytest.raises(RulesRefusedError) as refused:
        read_rules(raw(message))

    assert not [line for line in refused.value.mistakes if "cannot be checked" in line]
