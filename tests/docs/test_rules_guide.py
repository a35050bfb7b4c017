"""What the guide for product managers shows is what the code takes."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from saving_alerts.domain.rules.expression_variables import ROOTS, known_names
from saving_alerts.domain.rules.messages import PLACEHOLDERS
from saving_alerts.domain.rules.ranking import Ranking
from saving_alerts.domain.rules_file.compiler import json_schema, read_rules
from saving_alerts.domain.rules_file.schema import TRIGGER_TYPES, RuleDocument, RulesDocument
from tests.support.broken_rules import BROKEN, GOOD

GUIDE = Path("docs/rules.md").read_text(encoding="utf-8")
EXAMPLES: list[dict[str, Any]] = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)]
WHOLE = [example for example in EXAMPLES if "rules" in example]
PARTS = [example for example in EXAMPLES if "rules" not in example]
PLAIN_RULE = {name: GOOD["rules"][0][name] for name in ("id", "event_types", "message")}
AT_THE_TOP = {"caps", "freshness_minutes", "choose_within_seconds", "merchant_budgets"}


def with_part(part: dict[str, Any]) -> dict[str, Any]:
    """A plain file in which the part stands where it belongs."""
    if AT_THE_TOP & part.keys():
        return {"caps": GOOD["caps"], "rules": [PLAIN_RULE]} | part
    return {"caps": GOOD["caps"], "rules": [PLAIN_RULE | part]}


def fields(model: type[RuleDocument | RulesDocument]) -> set[str]:
    return set(model.model_fields)


@pytest.mark.parametrize("example", WHOLE, ids=lambda each: each["rules"][0]["id"])
def test_every_whole_file_is_good(example: dict[str, Any]) -> None:
    assert read_rules(json.dumps(example).encode()).rules


@pytest.mark.parametrize("part", PARTS, ids=lambda each: next(iter(each)))
def test_every_example_of_a_field_is_good(part: dict[str, Any]) -> None:
    assert read_rules(json.dumps(with_part(part)).encode())


def test_five_files_stand_for_real_situations() -> None:
    situations = GUIDE.partition("## Five files")[2].partition("## When a file")[0]

    assert situations.count("```json") == situations.count("\n### ") == 5


def test_every_field_has_an_example() -> None:
    shown = {name for part in PARTS for name in part}

    assert fields(RuleDocument) <= shown
    assert fields(RulesDocument) - {"rules"} <= shown


def test_every_word_that_can_be_written_stands_in_the_guide() -> None:
    names = known_names() - set(ROOTS) - {"event.app", "coupon.discount"}
    words = {*names, *map(str, TRIGGER_TYPES), *map(str, Ranking), *(f"${name}" for name in PLACEHOLDERS)}

    assert {word for word in words if f"`{word}`" not in GUIDE} == set()


def test_the_schema_for_editors_is_the_models() -> None:
    """After a change of the model: saving-alerts rules schema > docs/rules.schema.json."""
    written = Path("docs/rules.schema.json").read_text(encoding="utf-8")

    assert written == json_schema() + "\n"


SCHEMA = Draft202012Validator(json.loads(json_schema()))


@pytest.mark.parametrize("example", [GOOD, *WHOLE, *map(with_part, PARTS)], ids=lambda each: str(each["rules"][0])[:40])
def test_the_schema_takes_what_the_model_takes(example: dict[str, Any]) -> None:
    assert SCHEMA.is_valid(example)


@pytest.mark.parametrize(
    "name", ["an unknown field", "a number in quotes", "no rules", "no message", "a day that is none", "a list"]
)
def test_the_schema_refuses_what_an_editor_can_see(name: str) -> None:
    assert not SCHEMA.is_valid(json.loads(BROKEN[name][0]()))


def test_the_schema_knows_every_field_and_what_it_means() -> None:
    schema = json.loads(json_schema())

    rule = schema["$defs"]["RuleDocument"]
    assert set(rule["properties"]) == fields(RuleDocument)
    assert rule["additionalProperties"] is False
    assert [name for name, field in rule["properties"].items() if not field.get("description")] == []
    assert set(schema["$defs"]["QuietHoursDocument"]["properties"]) == {"from", "to"}
