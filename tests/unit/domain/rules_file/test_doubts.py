"""What people get wrong is named in the words of the field, and what is hardly meant is said of a good file."""

import json
import re
from pathlib import Path
from random import Random

import pytest

from benchmarks.rules import make_cases, make_rules
from saving_alerts.domain.merchants import Merchant
from saving_alerts.domain.rules.evaluation import Match, evaluate
from saving_alerts.domain.rules_file.compiler import read_rules
from saving_alerts.domain.rules_file.doubts import doubts
from saving_alerts.domain.rules_file.hidden_rules import hidden_by
from tests.support.broken_rules import TEXT, mistakes_in
from tests.support.doubtful_rules import CUT, DOUBTFUL, MERCHANTS, TODAY, TYPICAL, doubts_in, rules


def test_there_are_twenty_mistakes_and_ten_doubts() -> None:
    assert len(TYPICAL) >= 20
    assert len(DOUBTFUL) >= 10


@pytest.mark.parametrize("name", TYPICAL)
def test_a_typical_mistake_is_told_how_it_is_written(name: str) -> None:
    raw, words = TYPICAL[name]

    mistakes = mistakes_in(raw)

    assert len(mistakes) == 1
    assert words in mistakes[0]


@pytest.mark.parametrize("name", DOUBTFUL)
def test_a_doubtful_rule_is_good_and_named(name: str) -> None:
    raw, words = DOUBTFUL[name]

    found = doubts_in(raw)

    assert mistakes_in(raw) == []
    assert found[0][: len(words)] == words


GUIDE = Path("docs/rules.md").read_text(encoding="utf-8")
WHOLE = [block for block in re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL) if '"rules": [' in block]


@pytest.mark.parametrize("raw", [TEXT, *WHOLE], ids=lambda raw: str(json.loads(raw)["rules"][0]["id"]))
def test_of_the_examples_nothing_is_doubtful(raw: str) -> None:
    assert doubts(raw.encode(), TODAY) == []


@pytest.mark.parametrize(
    "other",
    [
        {"rollout_percent": 99},
        {"min_discount_percent": 21},
        {"max_distance_m": 99},
        {"weekdays": ["monday"]},
        {"min_app_version": "9.4"},
        {"when": "local.hour > 3"},
        {"quiet_hours": {"from": "22:00", "to": "08:00"}},
        {"active_from": "2026-12-02"},
        {"active_until": "2026-12-24"},
        {"open_for_minutes": 1},
        {"merchants": {"allow": ["m-2*"]}},
        {"merchants": {"deny": ["m-1"]}},
        {"event_types": ["geofence_entered"]},
    ],
    ids=lambda other: next(iter(other)),
)
def test_a_rule_behind_one_that_asks_for_more_is_not_called_hidden(other: dict[str, object]) -> None:
    raw = rules(other, {"min_discount_percent": 20, "active_from": "2026-12-01", "merchants": {"allow": ["m-1*"]}})
    first, second = read_rules(raw).rules

    assert hidden_by(second, [first]) is None


def test_no_rule_that_is_called_hidden_ever_wins() -> None:
    """Of 500 rules, and the same once more: each of them is behind itself at least."""
    document = json.loads(make_rules(Random(3), 250))
    again = [each | {"id": f"{each['id']}-b", "priority": 5_000 - each["priority"]} for each in document["rules"]]
    found = read_rules(json.dumps(document | {"rules": document["rules"] + again}).encode())
    hidden = {rule.id for number, rule in enumerate(found.rules) if hidden_by(rule, found.rules[:number])}

    results = [evaluate(found, *case) for case in make_cases(Random(4))]

    winners = {result.rule.id for result in results if isinstance(result, Match)}
    assert len(hidden) > 100
    assert len(winners) > 50
    assert winners & hidden == set()


def test_a_rule_that_never_won_in_a_simulation_is_named() -> None:
    raw = rules({"weekdays": ["monday"]}, {"weekdays": ["sunday"]})

    found = doubts(raw, TODAY, wins={"r-0": 3, "r-1": 0})

    assert found == ['$.rules[1]: won none of the simulated events (rule "r-1")']


def test_a_rule_that_does_nothing_is_not_doubtful() -> None:
    assert doubts_in(rules({"enabled": False, "active_until": "2020-01-01"}, {})) == []


def test_a_text_is_measured_with_the_names_of_those_who_are_allowed() -> None:
    short = {"merchants": {"allow": ["m-1"]}}
    long = {
        "message": {
            "fallback": "en",
            "texts": {"en": CUT},
        }
    }

    assert doubts(rules(short | long), TODAY, MERCHANTS) == []
    assert doubts(rules(long), TODAY, {"m-9": Merchant(merchant_id="m-9", names={})}) == []


def test_each_text_in_turn_is_measured() -> None:
    variants = [
        {"id": "plain", "texts": {"en": {"title": "$discount", "body": "$coupon"}}},
        {"id": "long", "texts": {"en": CUT}},
    ]

    found = doubts(rules({"message": {"fallback": "en", "variants": variants}}), TODAY, MERCHANTS)

    assert [each.partition(":")[0] for each in found] == ["$.rules[0].message.variants[1].texts.en.title"]
