"""What changes between two files is said in words, and how they are written does not matter."""

import json
from copy import deepcopy
from typing import Any

import pytest

from saving_alerts.domain.rules_file.differences import differences
from tests.support.broken_rules import GOOD, changed, rule
from tests.support.doubtful_rules import rules

SAME = json.dumps(GOOD).encode()


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        pytest.param(SAME, json.dumps(GOOD, indent=8, sort_keys=True).encode(), [], id="written in another way"),
        pytest.param(rules({}), rules({"priority": 100, "enabled": True}), [], id="what holds without it"),
        pytest.param(rule(), rule(weekdays=["saturday", "monday"]), [], id="another order of days"),
        pytest.param(
            rule(),
            rule(min_discount_percent=15),
            ["rule at-the-store: min_discount_percent: 10 → 15"],
            id="a number",
        ),
        pytest.param(
            rules({}),
            rules({"open_for_minutes": 15}),
            ["rule r-0: open_for_minutes: nothing → 15"],
            id="a new clause",
        ),
        pytest.param(
            rule(),
            rule(merchants={"allow": ["m-1*", "m-207"], "deny": ["m-9*"]}),
            ["rule at-the-store: merchants.allow: also m-1*, m-207; no longer m-*"],
            id="merchants",
        ),
        pytest.param(rules({}), rules({}, {}), ["rule r-1: new"], id="a new rule"),
        pytest.param(
            rules({}, {"enabled": False}), rules({}), ["rule r-1: gone; it did nothing"], id="one that is gone"
        ),
        pytest.param(
            rules({"priority": 1}, {"priority": 2}),
            rules({"priority": 3}, {"priority": 2}),
            ["rule r-0: priority: 1 → 3", "order: r-0, r-1 → r-1, r-0"],
            id="another order",
        ),
        pytest.param(
            rule(),
            changed(quiet_hours={"from": "21:00", "to": "08:00"}),
            ['quiet_hours.from: "22:00" → "21:00"'],
            id="for all",
        ),
        pytest.param(
            SAME,
            changed(caps=[GOOD["caps"][1], {"per": "user", "pushes": 2, "hours": 24}]),
            ["caps: also 2 per user in 24 h; no longer 1 per user in 24 h"],
            id="a cap",
        ),
    ],
)
def test_a_difference_is_said(before: bytes, after: bytes, told: list[str]) -> None:
    assert differences(before, after) == told


def test_texts_are_shown_and_cannot_move_a_cursor() -> None:
    other: dict[str, Any] = deepcopy(GOOD)
    other["rules"][0]["message"]["texts"]["de"]["title"] = "Nur\u200b heute"

    assert differences(SAME, json.dumps(other).encode()) == [
        'rule at-the-store: message.texts.de.title: "$discount bei $merchant" → "Nur\\u200b heute"'
    ]


def test_texts_in_turn_are_told_one_by_one() -> None:
    text = {"title": "$discount at $merchant", "body": "$coupon"}
    plain, friendly = {"id": "plain", "texts": {"en": text}}, {"id": "friendly", "weight": 2, "texts": {"en": text}}
    other = friendly | {"texts": {"en": text | {"title": "Hello!"}}}

    before, after = (
        rules({"message": {"fallback": "en", "variants": variants}}) for variants in ([plain, friendly], [other, plain])
    )

    assert differences(before, after) == [
        'rule r-0: message.variants.friendly.texts.en.title: "$discount at $merchant" → "Hello!"'
    ]
