"""`events check` says of each line what `validate` would say of it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from saving_alerts.commands.events.group import events
from saving_alerts.domain.events import MAX_EVENT_BYTES
from tests.support.broken_rules import GOOD
from tests.support.sample_events import encoded, event


def line(**changes: object) -> bytes:
    """An event of now: one of when the tests were read would expire while they run."""
    return encoded(msgspec.structs.replace(event(occurred_at=datetime.now(UTC)), **changes)) + b"\n"


def run(tmp_path: Path, body: bytes, *arguments: str) -> Result:
    file = tmp_path / "events.jsonl"
    file.write_bytes(body)
    return CliRunner().invoke(events, ["check", str(file), *arguments])


def test_each_line_has_its_verdict(tmp_path: Path) -> None:
    body = line() + b"\n" + b"no json\n" + line(user_id="") + line(received_at=datetime.now(UTC) + timedelta(hours=1))

    result = run(tmp_path, body)

    assert result.exit_code == 1
    first, third, fourth, fifth, summary = result.stdout.splitlines()
    assert first == "line 1: valid"
    assert third.startswith("line 3: invalid (problem not JSON: ")
    assert fourth.startswith("line 4: invalid (")
    assert "path $.user_id" in fourth
    assert "line 5: invalid (problem more than 120 s ahead of our clock" in fifth
    assert summary.endswith("4 events, 3 invalid")


def test_with_rules_it_says_whether_it_is_a_trigger(tmp_path: Path) -> None:
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps(GOOD))
    old = datetime.now(UTC) - timedelta(days=2)
    document = json.loads(line())
    body = "".join(
        json.dumps(document | changes) + "\n"
        for changes in (
            {},
            {"type": "push_opened"},
            {"occurred_at": old.isoformat(), "received_at": old.isoformat()},
            {"push": {"consent": False}},
        )
    )

    result = run(tmp_path, body.encode(), "--rules", str(rules))

    assert result.exit_code == 0, result.output
    assert [each.split(" ")[2] for each in result.stdout.splitlines()[:4]] == [
        "trigger",
        "not_a_trigger",
        "expired",
        "no_consent",
    ]


@pytest.mark.parametrize("size", [MAX_EVENT_BYTES, MAX_EVENT_BYTES + 1, 3 * MAX_EVENT_BYTES])
def test_a_line_of_any_length_is_one_line(tmp_path: Path, size: int) -> None:
    result = run(tmp_path, b"x" * size + b"\n" + line())

    assert [each.split(":")[0] for each in result.stdout.splitlines()[:2]] == ["line 1", "line 2"]
    assert "line 2: valid" in result.stdout


def test_machines_get_one_document_for_each_line(tmp_path: Path) -> None:
    result = run(tmp_path, line() + b"?\n", "--json")

    first, second = map(json.loads, result.stdout.splitlines())
    assert first == {"line": 1, "verdict": "valid", "details": {}}
    assert (second["line"], second["verdict"]) == (2, "invalid")


def test_a_file_that_is_not_there_ends_with_2(tmp_path: Path) -> None:
    assert CliRunner().invoke(events, ["check", str(tmp_path / "nothing")]).exit_code == 2


def test_a_dwell_that_rules_ask_for_and_an_event_does_not_say_is_named(tmp_path: Path) -> None:
    rules = tmp_path / "rules.json"
    stays = GOOD["rules"][0] | {"event_types": ["geofence_dwelled"], "min_dwell_seconds": 60}
    rules.write_text(json.dumps(GOOD | {"rules": [stays]}))
    body = line(type="geofence_dwelled") + line(type="geofence_dwelled", dwell_seconds=90.0)

    result = run(tmp_path, body, "--rules", str(rules))

    first, second, _ = result.stdout.splitlines()
    assert first == "line 1: trigger (without dwell seconds so it is refused by at-the-store)"
    assert second == "line 2: trigger"
