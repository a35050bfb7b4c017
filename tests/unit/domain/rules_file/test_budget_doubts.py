"""What `rules check` says of budgets that are no mistake."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from saving_alerts.commands.rules.check import check
from saving_alerts.domain.merchants import Merchant, Store
from saving_alerts.domain.opening_hours import Opening
from saving_alerts.domain.rules_file.compiler import read_rules
from saving_alerts.domain.rules_file.differences import differences
from saving_alerts.domain.rules_file.doubts import doubts
from tests.support.broken_rules import GOOD, mistakes_in
from tests.support.doubtful_rules import TODAY

BERLIN, TOKYO = (Opening(timezone=zone, hours="Mo-Sa 09:00-20:00") for zone in ("Europe/Berlin", "Asia/Tokyo"))
IN_BERLIN = {"pushes_per_day": 500, "timezone": "Europe/Berlin"}


def file(rule: dict[str, Any] | None = None, **fields: object) -> bytes:
    return json.dumps({**GOOD, **fields, "rules": [{**GOOD["rules"][0], **(rule or {})}]}).encode()


def merchant(*openings: Opening) -> dict[str, Merchant]:
    stores = tuple(Store(f"s-{number}", 0, 0, opening) for number, opening in enumerate(openings))
    return {"m-1": Merchant(merchant_id="m-1", names={"en": "Shop"}, stores=stores)}


def of_budgets(raw: bytes, merchants: dict[str, Merchant] | None = None) -> list[str]:
    return [each for each in doubts(raw, TODAY, merchants) if "budget" in each]


@pytest.mark.parametrize(
    ("budget", "openings", "doubt"),
    [
        ({}, (BERLIN,), []),
        ({}, (BERLIN, TOKYO), ["its stores are in several zones, so its day begins at midnight of UTC: say timezone"]),
        (
            {},
            (),
            [
                "the directory has no hours of its stores, so its day begins at midnight of UTC: say timezone",
                "the directory has no hours of its stores, so it is spread over all 24: say hours",
            ],
        ),
        ({"timezone": "Asia/Tokyo", "hours": "Mo-Su 10:00-18:00"}, (), []),
        ({"timezone": "Asia/Tokyo"}, (BERLIN, TOKYO), []),
    ],
)
def test_a_merchants_day_and_hours_are_looked_up(
    budget: dict[str, str], openings: tuple[Opening, ...], doubt: list[str]
) -> None:
    raw = file(merchant_budgets={"m-1": {"pushes_per_day": 500, **budget}})

    assert of_budgets(raw, merchant(*openings)) == [f"$.merchant_budgets.m-1: {each}" for each in doubt]
    assert of_budgets(raw) == []


@pytest.mark.parametrize(
    ("budget", "mistake"),
    [
        ({"pushes_per_day": 9, "timezone": "Berlin"}, ".timezone: no time zone that is known: write it like"),
        ({"pushes_per_day": 9, "hours": "9-17"}, ".hours: cannot be read: write it like"),
        ({"pushes_per_day": 9, "hours": "Mo-Su off"}, ".hours: there is no hour in it"),
        ({"pushes_per_day": 1_000_001}, ".pushes_per_day: 1000001 must be at most 1000000"),
        ({"pushes_per_day": 1.5}, ".pushes_per_day: 1.5 is not what belongs here: a whole number"),
        ({"pushes_per_days": 9, "pushes_per_day": 9}, ".pushes_per_days: there is no such field; did you mean pushes_"),
        (500, ": 500 is not what belongs here: fields in { }"),
        ({}, ".pushes_per_day: missing; write it like 500"),
    ],
)
def test_a_mistake_is_told_with_its_place(budget: object, mistake: str) -> None:
    (of_merchant,) = mistakes_in(file(merchant_budgets={"m-1": budget}))
    (of_rule,) = mistakes_in(file({"budget": budget}))

    assert of_merchant.startswith(f"$.merchant_budgets.m-1{mistake}")
    assert of_rule.startswith(f"$.rules[0].budget{mistake}")


def test_more_merchants_than_anybody_looks_at_are_refused() -> None:
    (mistake,) = mistakes_in(file(merchant_budgets={f"m-{number}": {"pushes_per_day": 9} for number in range(1_001)}))

    assert mistake.startswith("$.merchant_budgets: 1001 entries")


def test_a_merchant_that_nobody_knows_is_named() -> None:
    raw = file(merchant_budgets={"m-2": IN_BERLIN})

    assert of_budgets(raw, merchant(BERLIN)) == ["$.merchant_budgets.m-2: is none of the 1 merchants in the directory"]


@pytest.mark.parametrize(
    ("rule", "fields", "doubt"),
    [
        ({}, {}, "it is spread over all 24 hours, the quiet ones too: say hours"),
        ({"quiet_hours": "none"}, {}, None),
        ({"quiet_hours": "none", "enabled": False, "budget": {"pushes_per_day": 5}}, {}, None),
        ({"budget": {**IN_BERLIN, "hours": "Mo-Su 08:00-22:00"}}, {}, None),
    ],
)
def test_a_rules_budget_is_not_to_be_spread_over_the_night(
    rule: dict[str, Any], fields: dict[str, Any], doubt: str | None
) -> None:
    found = of_budgets(file({"budget": IN_BERLIN, **rule}, **fields))

    assert found == ([] if doubt is None else [f'$.rules[0].budget: {doubt} (rule "at-the-store")'])


def test_budgets_are_compiled_by_name_also_of_a_rule_that_is_off() -> None:
    found = read_rules(file({"budget": IN_BERLIN, "enabled": False}, merchant_budgets={"m-1": {"pushes_per_day": 9}}))

    assert {name: budget.pushes for name, budget in found.budgets.items()} == {
        "merchant:m-1": 9,
        "rule:at-the-store": 500,
    }


def test_a_change_of_a_budget_is_told_in_words() -> None:
    before = file({"budget": IN_BERLIN})
    after = file({"budget": {**IN_BERLIN, "pushes_per_day": 600}}, merchant_budgets={"m-1": {"pushes_per_day": 9}})

    assert differences(before, after) == [
        "merchant_budgets.m-1.pushes_per_day: nothing → 9",
        "rule at-the-store: budget.pushes_per_day: 500 → 600",
    ]
    assert "rule at-the-store: budget.pushes_per_day: nothing → 500" in differences(file(), before)


def test_the_check_tells_the_first_budgets_of_a_good_file(tmp_path: Path) -> None:
    path = tmp_path / "rules.json"
    path.write_bytes(file(merchant_budgets={f"m-{number}": {"pushes_per_day": 9} for number in range(21)}))

    output = CliRunner().invoke(check, [str(path)]).output

    assert "  budget of merchant:m-0: 9 a day\n" in output
    assert "  and 1 budget more\n" in output
