"""`dead-letters list` and `show` say what failed, where it stood, and why."""

import asyncio
import json
import re
from datetime import timedelta

import pytest
from click.testing import CliRunner, Result

from saving_alerts.commands.dead_letters.group import dead_letters
from saving_alerts.domain.decisions import Stage
from saving_alerts.kafka.codecs import encode
from tests.support.recorded_deployment import RecordedDeployment


def run_command(deployment: RecordedDeployment, *arguments: str) -> Result:
    return CliRunner().invoke(dead_letters, arguments, env=deployment.environment)


def test_each_dead_letter_has_a_line_with_the_error_oldest_first(deployment: RecordedDeployment) -> None:
    asyncio.run(
        deployment.write_dead_letters(
            deployment.dead_letter(7, failed_at=deployment.started + timedelta(seconds=1)), partition=1
        )
    )
    asyncio.run(deployment.write_dead_letters(deployment.dead_letter(4), partition=3))

    result = run_command(deployment, "list")

    first, second = result.stdout.splitlines()
    assert first.startswith("3:0  ")
    assert first.endswith(f"query_coupons  dead_letter  ({deployment.topics.validated.name} 2 4)  KeyError: 'discount'")
    assert second.startswith("1:0  ")
    assert result.exit_code == 0


def test_what_failed_before_the_time_asked_about_is_left_out(deployment: RecordedDeployment) -> None:
    asyncio.run(
        deployment.write_dead_letters(
            deployment.dead_letter(4, failed_at=deployment.started - timedelta(hours=2)), deployment.dead_letter(5)
        )
    )

    result = run_command(deployment, "list", "--since", "1h")

    assert [line.split()[0] for line in result.stdout.splitlines()] == ["0:1"]


def test_machines_get_one_document(deployment: RecordedDeployment) -> None:
    asyncio.run(deployment.write_dead_letters(deployment.dead_letter(4)))

    (found,) = json.loads(run_command(deployment, "list", "--json").stdout)

    assert found["place"] == {"partition": 0, "offset": 0}
    assert found["record"]["stage"] == Stage.QUERY_COUPONS


def test_no_dead_letters_are_said_to_be_none(deployment: RecordedDeployment) -> None:
    assert f"no dead letters on {deployment.topics.dead_letters.name}" in run_command(deployment, "list").stdout


HOSTILE = {
    "no JSON": b"?",
    "no UTF-8": b'{"stage":"\xff"}',
    "deep": b'{"z":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    "a time without a zone": b'"failed_at":"2026-11-23T12:00:00"',
    "a time that no zone can be applied to": b'"failed_at":"0001-01-01T00:00:00+23:59"',
    "a partition that none can have": b'"partition":-1',
    "an offset that none can have": b'"offset":99999999999999999999999',
}


def spoiled(dead_letter: bytes, field: bytes) -> bytes:
    """The dead letter with another value for one of its fields; what is no field stands for all of it."""
    name = field.partition(b":")[0]
    return re.sub(name + rb':("[^"]*"|-?\d+)', field, dead_letter) if name in dead_letter else field


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_a_record_that_is_no_dead_letter_is_named_and_hides_no_other(
    deployment: RecordedDeployment, hostile: bytes
) -> None:
    wrong = spoiled(encode(deployment.dead_letter(3)), hostile)
    asyncio.run(deployment.write_dead_letters(wrong, deployment.dead_letter(4)))

    listed, shown = run_command(deployment, "list"), run_command(deployment, "show", "0:0")

    assert [line.split()[0] for line in listed.stdout.splitlines()] == ["0:1"]
    assert listed.stderr.startswith("left out 0:0: it is no dead letter that this release can read: ")
    assert (listed.exit_code, shown.exit_code) == (0, 2)
    assert "0:0: it is no dead letter that this release can read: " in shown.stderr


def test_one_dead_letter_is_shown_with_its_traceback_and_its_bytes(deployment: RecordedDeployment) -> None:
    asyncio.run(
        deployment.write_dead_letters(deployment.dead_letter(3), deployment.dead_letter(4, body=b'{"name": "\xff"}'))
    )

    result = run_command(deployment, "show", "0:1")

    assert "    Traceback (most recent call last):\n      somewhere\n    KeyError: 'discount'\n" in result.stdout
    assert '{"name": "\\xff"}' in result.stdout
    assert "header event_id  e-4" in result.stdout
    assert "sha256           a1b24" in result.stdout


def test_the_bytes_alone_come_as_they_were(deployment: RecordedDeployment) -> None:
    asyncio.run(deployment.write_dead_letters(deployment.dead_letter(4, body=b"\xff\x00{")))

    assert run_command(deployment, "show", "0:0", "--body").stdout_bytes == b"\xff\x00{"


@pytest.mark.parametrize("place", ["0:1", "9:0"])
def test_a_dead_letter_that_is_not_there_is_no_dead_letter(deployment: RecordedDeployment, place: str) -> None:
    asyncio.run(deployment.write_dead_letters(deployment.dead_letter(4)))

    result = run_command(deployment, "show", place)

    assert f"there is no dead letter {place}" in result.stderr
    assert result.exit_code == 2


@pytest.mark.parametrize("written", ["3", "3-17", "a:b", "-1:2"])
def test_a_dead_letter_is_named_by_partition_and_offset(deployment: RecordedDeployment, written: str) -> None:
    result = run_command(deployment, "show", "--", written)

    assert "write partition and offset, like 3:17" in result.stderr
    assert result.exit_code == 2
