"""`rules check` names what is doubtful in a good file, and takes it; `rules diff` says what changes."""

import json
import time
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner, Result

from benchmarks.rules import make_rules
from saving_alerts.commands.rules.group import rules as group
from saving_alerts.domain.rules_file.compiler import version_of
from tests.support.broken_rules import TEXT
from tests.support.doubtful_rules import rules

HIDDEN = rules({}, {"id": "second"})
MERCHANTS = b'{"merchant_id": "m-1", "names": {"en": "Shop"}}\n'


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str, **files: bytes) -> Result:
    for name, body in files.items():
        Path(f"{name}.json").write_bytes(body)
    return CliRunner().invoke(group, arguments)


def test_what_is_doubtful_is_said_and_is_no_mistake() -> None:
    result = run("check", "file.json", file=HIDDEN)

    first, second, *_ = result.stdout.splitlines()
    assert result.exit_code == 0
    assert first.startswith("doubtful: $.rules[1]: can never win: r-0 is tried before it")
    assert second == f"file.json: no mistakes, version {version_of(HIDDEN)}"


def test_machines_get_it_beside_the_mistakes() -> None:
    found = json.loads(run("check", "file.json", "--json", file=HIDDEN).stdout)

    assert (found["ok"], found["mistakes"], len(found["doubts"])) == (True, [], 1)


def test_a_directory_shows_more() -> None:
    result = run("check", "file.json", "--merchants", "merchants.json", file=TEXT.encode(), merchants=MERCHANTS)

    assert result.exit_code == 0
    assert 'doubtful: $.rules[0].merchants.deny[0]: "m-9*" is none of the 1 merchants in the directory' in result.stdout


def test_a_directory_that_workers_would_refuse_ends_it() -> None:
    result = run("check", "file.json", "--merchants", "merchants.json", file=TEXT.encode(), merchants=MERCHANTS[:-1])

    assert result.exit_code == 2
    assert "merchants.json would be refused: line 1: the last line has no line break" in result.stderr


def simulated(version: str) -> bytes:
    return json.dumps({"after": version, "wins": {"before": {}, "after": {"r-0": 7}}, "figures": []}).encode()


def test_a_simulation_shows_who_never_won() -> None:
    arguments = ("check", "file.json", "--simulated", "result.json")

    result = run(*arguments, file=HIDDEN, result=simulated(version_of(HIDDEN)))

    assert 'doubtful: $.rules[1]: won none of the simulated events (rule "second")' in result.stdout
    assert "$.rules[0]" not in result.stdout


@pytest.mark.parametrize(
    ("body", "why"),
    [(simulated("123456789abc"), "is a simulation of 123456789abc"), (b"{}", "is no result of `simulate --json`")],
    ids=["of another file", "of nothing"],
)
def test_a_simulation_of_something_else_ends_it(body: bytes, why: str) -> None:
    result = run("check", "file.json", "--simulated", "result.json", file=HIDDEN, result=body)

    assert result.exit_code == 2
    assert why in result.stderr


def test_a_thousand_rules_are_looked_at_in_seconds() -> None:
    began = time.process_time()

    result = run("check", "file.json", file=make_rules(Random(1), 1_000))

    assert result.exit_code == 0
    assert time.process_time() - began < 20


def test_two_files_need_no_settings() -> None:
    result = run("diff", "one.json", "other.json", one=HIDDEN, other=rules({}))

    assert (result.exit_code, result.stdout) == (0, "rule second: gone\n")
    assert run("diff", "one.json", "one.json").stdout == "one.json and one.json say the same\n"


def test_a_file_with_mistakes_is_not_compared() -> None:
    result = run("diff", "one.json", "other.json", one=HIDDEN, other=b"{}")

    assert result.exit_code == 1
    assert "other.json has mistakes:" in result.stderr
