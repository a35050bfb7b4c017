"""`.env.example` has every setting, and says of each what it is without it."""

import re
from pathlib import Path

import pytest
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from saving_alerts.settings import Settings, variable

TEXT = (Path(__file__).parents[2] / ".env.example").read_text("utf-8")
LINE = re.compile(r"^(?P<unset># )?(?P<name>SAVING_ALERTS_[A-Z0-9_]+)=(?P<value>.*)$", re.MULTILINE)
LINES = {found["name"]: found for found in LINE.finditer(TEXT)}
# For the tests of a crash only.
NOT_FOR_OPERATORS = {"failpoint", "failpoint_signal"}
FIELDS = {variable(name): field for name, field in Settings.model_fields.items() if name not in NOT_FOR_OPERATORS}


def test_it_has_every_setting_once_and_nothing_else() -> None:
    assert sorted(found["name"] for found in LINE.finditer(TEXT)) == sorted(FIELDS)


@pytest.mark.parametrize("name", FIELDS)
def test_what_is_commented_out_has_the_default_and_what_is_not_must_be_set(name: str) -> None:
    """Where there is no default, or one that depends on the machine, the value is an example."""
    field, line = FIELDS[name], LINES[name]

    assert (line["unset"] is None) == field.is_required()
    if not field.is_required() and field.default_factory is None and field.default is not None:
        assert line["value"] == in_words(field)


def in_words(field: FieldInfo) -> str:
    default = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
    return str(default).lower() if isinstance(default, bool) else str(default)


def test_each_setting_has_a_comment() -> None:
    paragraphs = re.split(r"\n\n+", TEXT)
    bare = [name for name in FIELDS if not any(paragraph_of(name, each) for each in paragraphs)]

    assert bare == []


def paragraph_of(name: str, paragraph: str) -> bool:
    """Whether it is about this setting, and begins with a sentence."""
    is_there = re.search(rf"^(# )?{name}=", paragraph, re.MULTILINE) is not None
    return is_there and paragraph.startswith("# ") and not LINE.match(paragraph)
