"""`kill on`, `off`, `list` and `history` on a Kafka and an S3, by several people."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from demo.servers.s3 import EmbeddedS3
from saving_alerts.commands.kill.group import kill
from saving_alerts.domain.rules_file.compiler import version_of
from tests.support.broken_rules import TEXT
from tests.support.recorded_deployment import RecordedDeployment

MERCHANT = b'{"merchant_id": "m-123", "names": {}}\n'


@pytest.fixture(scope="module")
def s3() -> Iterator[EmbeddedS3]:
    with EmbeddedS3() as embedded:
        embedded.put("rules.json", TEXT.encode())
        embedded.put("merchants.jsonl", MERCHANT)
        yield embedded


class KillCli:
    def __init__(self, deployment: RecordedDeployment, s3: EmbeddedS3) -> None:
        self.environment = deployment.environment | s3.environment
        self.environment |= {
            "SAVING_ALERTS_S3_BUCKET": s3.bucket,
            "SAVING_ALERTS_S3_ENDPOINT_URL": s3.endpoint_url,
        }

    def __call__(self, *arguments: str, by: str = "ines", reason: str = "wrong prices") -> Result:
        why = () if arguments[0] in {"list", "history"} else ("--by", by, "--reason", reason)
        return CliRunner().invoke(kill, [*arguments, *why], env=self.environment)


@pytest.fixture
def cli(deployment: RecordedDeployment, s3: EmbeddedS3) -> KillCli:
    return KillCli(deployment, s3)


@pytest.mark.parametrize("what", [("merchant", "m-132"), ("rule", "cofee"), ("version", "3f2a9c01b7de")])
def test_what_does_not_exist_is_not_stopped_unless_it_is_meant(cli: KillCli, what: tuple[str, str]) -> None:
    refused, listed = cli("on", *what), cli("list").stdout
    meant = cli("on", *what, "--anyway")

    assert (refused.exit_code, listed) == (1, "no kill switch is on\n")
    assert f"no {'enabled ' if what[0] == 'rule' else ''}{what[0]} {what[1]}" in refused.stderr
    assert "--anyway" in refused.stderr
    assert (meant.exit_code, what[1] in cli("list").stdout) == (0, True)


def test_what_exists_is_stopped(cli: KillCli) -> None:
    assert cli("on", "merchant", "m-123").exit_code == 0
    assert cli("on", "version", version_of(TEXT.encode())).exit_code == 0
    assert "m-123" in cli("list").stdout


def test_without_s3_it_is_stopped_with_a_warning(cli: KillCli) -> None:
    cli.environment["SAVING_ALERTS_S3_ENDPOINT_URL"] = "http://127.0.0.1:1"

    result = cli("on", "merchant", "m-132")

    assert result.exit_code == 0
    assert "warning: nobody can say whether there is a merchant m-132" in result.stderr
    assert result.stdout.startswith("on: merchant:m-132 since ")


def test_switches_of_two_people_do_not_lift_each_other(cli: KillCli) -> None:
    cli("on", "all")
    cli("on", "all", by="tom", reason="load test")

    lifted = cli("off", "all", by="tom", reason="done")

    first, second = lifted.stdout.splitlines()
    assert first.startswith("off: all since ")
    assert first.endswith("by tom: load test")
    assert second.startswith("still on: all since ")
    assert second.endswith("by ines: wrong prices")
    (listed,) = cli("list").stdout.splitlines()
    assert listed.endswith("by ines: wrong prices")


def test_somebody_else_lifts_the_only_one_and_it_says_whose(cli: KillCli) -> None:
    cli("on", "all")

    lifted = cli("off", "all", by="tom", reason="prices are right")

    assert lifted.exit_code == 0
    assert lifted.stdout.endswith("by ines: wrong prices\n")
    assert cli("list").stdout == "no kill switch is on\n"


def test_of_several_others_one_is_named(cli: KillCli) -> None:
    cli("on", "all")
    cli("on", "all", by="tom")

    refused = cli("off", "all", by="eve")
    lifted = cli("off", "all", "--of", "tom", by="eve")

    assert (refused.exit_code, lifted.exit_code) == (1, 0)
    assert "by ines: wrong prices" in refused.stderr
    assert "--of NAME" in refused.stderr
    assert "by ines" in cli("list").stdout


def test_the_history_says_who_did_what_and_why(cli: KillCli) -> None:
    cli("on", "merchant", "m-123", "--for", "2h")
    cli("off", "merchant", "m-123", by="tom", reason="prices are right")

    newest, oldest = cli("history").stdout.splitlines()

    assert "  merchant:m-123  off by tom: prices are right (it was ines's)" in newest
    assert "  merchant:m-123  on until " in oldest
    assert oldest.endswith("by ines: wrong prices")


def test_what_ends_by_itself_is_listed_with_its_end(cli: KillCli) -> None:
    cli("on", "all", "--for", "2h")
    listed = cli("list").stdout

    assert " until " in listed


def test_who_and_why_are_asked_for(cli: KillCli) -> None:
    cli("on", "all")

    result = CliRunner().invoke(kill, ["off", "all"], env=cli.environment, input="prices are right\ntom\n")

    assert result.exit_code == 0
    assert "off by tom: prices are right" in cli("history").stdout


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_a_reason_that_the_encoding_of_the_terminal_has_not_is_no_traceback(cli: KillCli, encoding: str) -> None:
    arguments = [b"kill", b"on", b"all", b"--reason", b"caf\xe9 \xe2\x82\xac", b"--by", b"ines"]
    environment = os.environ | cli.environment | {"PYTHONIOENCODING": encoding}
    ended = subprocess.run(
        [os.fsencode(sys.executable), b"-m", b"saving_alerts", *arguments],
        env=environment | {"PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        check=False,
    )

    assert (ended.returncode, b"Traceback" in ended.stderr) == (0, False), ended.stderr
    assert b"caf" in ended.stdout


def test_an_id_that_is_no_text_is_refused(cli: KillCli) -> None:
    result = cli("on", "merchant", "m-\udce9")

    assert result.exit_code == 2
    assert "is no text in the encoding of this terminal" in result.stderr
