"""Whatever stands in a rules file, reading it gives rules or a refusal with at least one place, and nothing else."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.commands.rules.check import check
from saving_alerts.domain.rules.rule_set import RuleSet
from saving_alerts.domain.rules_file.compiler import read_rules
from saving_alerts.domain.rules_file.mistakes import MAX_MISTAKES, NotCheckedInTimeError, RulesRefusedError
from tests.support.broken_rules import GOOD, changed, rule

Where = tuple[str | int, ...]
MAX_LINE_CHARACTERS = 3_000


def paths_in(value: object, path: Where = ()) -> Iterator[Where]:
    """The place of every value, the document's own included."""
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for part, inner in inside:
        yield from paths_in(inner, (*path, part))


PATHS = list(paths_in(GOOD))
TEXTS = st.text(st.characters(), max_size=40) | st.sampled_from(
    [
        "\ud83d",
        "\x00",
        "x" * 100_000,
        "1e400",
        "\u202e",
        "*" * 200,
        "[",
        "[z-a]",
        "a{9999}",
        "${",
        "$",
        "22:00",
        "event",
    ]
)
NUMBERS = (
    st.integers()
    | st.floats()
    | st.sampled_from([10**400, -(10**4_000), 2**63, 2**64, float("inf"), float("nan"), -0.0, 5e-324])
)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS
VALUES = st.recursive(
    SCALARS | st.sampled_from([[], {}, [[]], [{}], {"": {}}]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
KNOWN = st.sampled_from(sorted({str(part) for path in PATHS for part in path if isinstance(part, str)}))
OF_THE_FILE = st.sampled_from(PATHS).map(lambda path: deepcopy(at(path)))


def at(path: Where) -> Any:  # noqa: ANN401 - any JSON
    value: Any = GOOD
    for part in path:
        value = value[part]
    return value


def replaced(path: Where, value: object) -> object:
    """The good document with another value at one place."""
    if not path:
        return value
    document = deepcopy(GOOD)
    holder: Any = document
    for part in path[:-1]:
        holder = holder[part]
    holder[path[-1]] = value
    return document


def as_bytes(document: object) -> bytes:
    return json.dumps(document).encode()


def read(raw: bytes) -> RuleSet | list[str]:
    """The rules, or the mistakes."""
    try:
        return read_rules(raw)
    except RulesRefusedError as refused:
        return refused.mistakes


def has_places(mistakes: list[str]) -> bool:
    return bool(mistakes) and all(
        each.startswith(("$", "line ")) and each.isprintable() and len(each) <= MAX_LINE_CHARACTERS for each in mistakes
    )


@given(path=st.sampled_from(PATHS), value=VALUES | OF_THE_FILE)
def test_any_value_at_any_place_gives_rules_or_places(path: Where, value: object) -> None:
    found = read(as_bytes(replaced(path, value)))

    assert isinstance(found, RuleSet) or has_places(found)


@given(path=st.sampled_from([path for path in PATHS if isinstance(at(path), dict)]), name=KNOWN | TEXTS, value=VALUES)
def test_any_further_field_gives_rules_or_places(path: Where, name: str, value: object) -> None:
    found = read(as_bytes(replaced(path, at(path) | {name: value})))

    assert isinstance(found, RuleSet) or has_places(found)


@given(path=st.sampled_from(PATHS), value=VALUES)
def test_check_says_what_is_wrong_and_shows_no_traceback(path: Where, value: object) -> None:
    result = CliRunner().invoke(check, ["-"], input=as_bytes(replaced(path, value)))

    assert result.exit_code in {0, 1}
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output


WRONG_TYPES: list[object] = [None, True, 0, 1.5, "x", [], ["user"], {}, {"user": 1}, [[]], [{}]]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: ".".join(map(str, path)) or "$")
def test_every_type_at_every_place_gives_rules_or_places(path: Where) -> None:
    found = [read(as_bytes(replaced(path, value))) for value in WRONG_TYPES]

    assert [each for each in found if not isinstance(each, RuleSet) and not has_places(each)] == []


def test_more_mistakes_than_anybody_reads_are_counted() -> None:
    fields = {f"f{number}": 1 for number in range(600)}
    rules = [GOOD["rules"][0] | fields | {"id": f"r-{number}"} for number in range(3)]

    with pytest.raises(RulesRefusedError) as refused:
        read_rules(changed(rules=rules))

    assert (len(refused.value.mistakes), refused.value.more) == (MAX_MISTAKES, 200)
    assert refused.value.lines[-1] == "and 200 more"


class Impatient:
    """Ends the reading at the step of this number."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def __call__(self) -> None:
        self.steps -= 1
        if self.steps < 0:
            raise NotCheckedInTimeError(["$: not checked in time"])


@pytest.mark.parametrize("steps", [0, 1, 100, 250, 302])
def test_the_reading_can_be_ended_at_every_rule(steps: int) -> None:
    rules = [GOOD["rules"][0] | {"id": f"r-{number}"} for number in range(100)]

    with pytest.raises(NotCheckedInTimeError):
        read_rules(changed(rules=rules), Impatient(steps))


def test_a_bomb_in_a_glob_costs_no_time() -> None:
    globs = [f"{'a*' * 30}{number}" for number in range(1_000)]
    ids = ["a" * 128] * 1_000

    assert isinstance(read(rule(merchants={"allow": ids, "deny": globs})), RuleSet)
