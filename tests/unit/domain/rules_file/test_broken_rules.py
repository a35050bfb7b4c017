"""No broken rules file goes live, each is refused with a message that names the place, and none takes long."""

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from saving_alerts.commands.rules.check import check
from saving_alerts.domain.rules_file.compiler import MAX_RULES_BYTES, read_rules
from saving_alerts.reference_data.loader import ReloadOutcome
from saving_alerts.settings import Settings
from tests.support.broken_rules import BROKEN, TEXT, mistakes_in
from tests.support.fakes.clock import FakeClock
from tests.support.fakes.metrics import RecordingMetrics
from tests.support.fakes.object_store import FakeObjectStore
from tests.support.loaders import a_loader

MOST_SECONDS = 2.0


def test_there_are_at_least_forty_and_what_they_break_is_good() -> None:
    assert len(BROKEN) >= 40
    assert read_rules(TEXT.encode()).version


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused_with_its_place_and_nothing_else_is(name: str) -> None:
    make, beginning = BROKEN[name]

    mistakes = mistakes_in(make())

    assert [mistake[: len(beginning)] for mistake in mistakes] == [beginning]
    assert [mistake for mistake in mistakes if not mistake.isprintable() or len(mistake) > 500] == []


@pytest.mark.parametrize("name", BROKEN)
def test_no_broken_file_keeps_a_worker_busy(name: str) -> None:
    raw = BROKEN[name][0]()
    began = time.process_time()

    mistakes_in(raw)

    assert time.process_time() - began < MOST_SECONDS


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.asyncio
async def test_the_last_good_rules_stay(name: str) -> None:
    store = FakeObjectStore()
    loader, data = a_loader(store, FakeClock(), RecordingMetrics())
    store.objects = {"rules.json": TEXT.encode(), "merchants.jsonl": b'{"merchant_id": "m-1", "names": {}}\n'}
    await loader.wait_until_loaded(1)
    good = data.current.rules.version
    store.objects["rules.json"] = BROKEN[name][0]()

    outcome = await loader.reload_rules()

    assert outcome is ReloadOutcome.REFUSED
    assert data.current.rules.version == good
    assert data.freshness["rules"].refusal


def test_check_and_workers_have_one_limit() -> None:
    assert Settings.model_fields["max_rules_bytes"].default == MAX_RULES_BYTES


def run_check(content: bytes, tmp_path: Path, *arguments: str) -> tuple[int, str]:
    file = tmp_path / "rules.json"
    file.write_bytes(content)
    result = CliRunner().invoke(check, [str(file), *arguments])
    return result.exit_code, result.stdout


def test_check_names_every_mistake_and_ends_with_1(tmp_path: Path) -> None:
    make, _ = BROKEN["an unknown field"]

    exit_code, output = run_check(make(), tmp_path)

    assert exit_code == 1
    assert output.splitlines()[0].startswith("$.rules[0].min_discont: there is no such field")
    assert output.splitlines()[1].endswith("1 mistake; workers would refuse it and keep the rules they have")


def test_check_says_what_a_good_file_does_and_ends_with_0(tmp_path: Path) -> None:
    exit_code, output = run_check(TEXT.encode(), tmp_path)

    assert exit_code == 0
    assert f"no mistakes, version {read_rules(TEXT.encode()).version}" in output
    assert "1 enabled rule, in the order they are tried: at-the-store" in output
    assert "they listen to geofence_dwelled, geofence_entered" in output
    assert "caps: 1 per user in 24 h, 2 per user_and_merchant in 168 h" in output


@pytest.mark.parametrize("content", [TEXT.encode(), b"{}"], ids=["good", "broken"])
def test_check_speaks_to_machines_too(content: bytes, tmp_path: Path) -> None:
    exit_code, output = run_check(content, tmp_path, "--json")

    document = json.loads(output)
    assert (document["ok"], bool(document["mistakes"])) == (exit_code == 0, exit_code == 1)


def test_check_reads_the_standard_input() -> None:
    result = CliRunner().invoke(check, ["-"], input=TEXT.encode())

    assert result.exit_code == 0


def test_a_file_that_is_not_there_ends_with_2() -> None:
    result = CliRunner().invoke(check, ["nowhere.json"])

    assert result.exit_code == 2
    assert "nowhere.json cannot be read: No such file or directory" in result.stderr
