"""`rules propose` and `approve` with a real S3, IAM and STS protocol: STS says who somebody is, and nobody else."""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import msgspec
import pytest
from click.testing import CliRunner, Result

from demo.servers.redis import EmbeddedRedis
from demo.servers.s3 import EmbeddedS3
from saving_alerts.commands.clock import now
from saving_alerts.commands.rules.group import rules
from saving_alerts.domain.canary.order import CanaryOrder, read_order
from saving_alerts.domain.rules_file.compiler import version_of
from saving_alerts.reference_data.approvals import Proposal
from tests.support.broken_rules import GOOD, TEXT
from tests.support.documents_cli import DocumentsCli

FIRST = TEXT.encode()
SECOND = json.dumps(GOOD | {"quiet_hours": {"from": "21:00", "to": "08:00"}}).encode()


class ApprovalCli(DocumentsCli):
    commands = rules
    name = "rules"
    file_name = "rules.json"
    publisher = "ines"

    def user(self, name: str) -> dict[str, str]:
        """The credentials of a new IAM user."""
        iam: Any = boto3.client("iam", endpoint_url=self.s3.endpoint_url, region_name="us-east-1", **self._anybody())
        iam.create_user(UserName=name)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}

    def run_as(self, user: dict[str, str], *arguments: str, strict: bool = True) -> Result:
        needed = {
            "SAVING_ALERTS_RULES_NEED_APPROVAL": str(strict),
            "SAVING_ALERTS_STS_ENDPOINT_URL": self.s3.endpoint_url,
        }
        return CliRunner().invoke(rules, arguments, env=self.environment | needed | user)

    def propose(self, user: dict[str, str], body: bytes, *arguments: str) -> Result:
        return self.run_as(user, "propose", self.file(body), "--note", "earlier", *arguments)

    def _anybody(self) -> dict[str, str]:
        environment = self.s3.environment
        return {
            "aws_access_key_id": environment["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": environment["AWS_SECRET_ACCESS_KEY"],
        }


@pytest.fixture
def cli(s3: EmbeddedS3, redis: EmbeddedRedis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApprovalCli]:
    monkeypatch.chdir(tmp_path)
    s3.empty()
    yield ApprovalCli(s3, redis, tmp_path)
    s3.start()


def test_what_another_one_approves_is_live_and_both_are_in_the_history(cli: ApprovalCli) -> None:
    ines, tom = cli.user("ines"), cli.user("tom")

    proposed = cli.propose(ines, FIRST)
    before = cli.run_as(tom, "show")
    approved = cli.run_as(tom, "approve", version_of(FIRST), "--yes")

    assert (proposed.exit_code, before.exit_code, approved.exit_code) == (0, 1, 0)
    assert cli.run_as(tom, "show").stdout_bytes == FIRST
    history = cli.run_as(tom, "history").stdout
    ids = r"\((\w+)\)"
    found = re.search(rf"user/ines {ids}, approved by arn:aws:iam::123456789012:user/tom {ids}  live  earlier", history)
    assert found is not None
    assert found[1] != found[2]


def test_nobody_approves_what_they_have_proposed(cli: ApprovalCli) -> None:
    ines = cli.user("ines")
    cli.propose(ines, FIRST)

    result = cli.run_as(ines, "approve", version_of(FIRST), "--yes")

    assert result.exit_code == 1
    assert f"user/ines has proposed {version_of(FIRST)}: somebody else must approve it" in result.stderr
    assert cli.run_as(ines, "show").exit_code == 1


def test_who_approves_reads_what_changes_and_is_asked(cli: ApprovalCli) -> None:
    ines, tom = cli.user("ines"), cli.user("tom")
    cli.propose(ines, FIRST)
    cli.run_as(tom, "approve", version_of(FIRST), "--yes")
    cli.propose(tom, SECOND)

    result = cli.run_as(ines, "approve", version_of(SECOND))

    assert result.exit_code == 1
    assert 'quiet_hours.from: "22:00" → "21:00"' in result.stdout
    assert cli.run_as(ines, "show").stdout_bytes == FIRST


def test_what_is_approved_can_be_tried_on_some_of_the_users_first(cli: ApprovalCli) -> None:
    ines, tom = cli.user("ines"), cli.user("tom")
    cli.propose(ines, FIRST)
    cli.run_as(tom, "approve", version_of(FIRST), "--yes")
    cli.propose(tom, SECOND)
    approve = ("approve", version_of(SECOND), "--yes", "--canary", "5%")

    too_little = cli.run_as(ines, *approve)
    unapproved = not cli.s3.has(f"rules/approved/{version_of(SECOND)}.json")
    tried = cli.run_as(ines, *approve, "--for", "2h", "--foretold", "4%")

    order = read_order(cli.s3.get("rules/canary.json"))
    assert (too_little.exit_code, unapproved, tried.exit_code) == (2, True, 0)
    assert isinstance(order, CanaryOrder)
    assert (order.version, order.instead_of) == (version_of(SECOND), version_of(FIRST))
    assert "user/tom" in order.by
    assert "earlier (approved by arn:aws:iam::123456789012:user/ines)" in order.note
    assert cli.run_as(ines, "show").stdout_bytes == FIRST
    assert cli.s3.has(f"rules/approved/{version_of(SECOND)}.json")


def test_a_proposal_that_no_worker_would_take_is_not_approved(cli: ApprovalCli) -> None:
    """Whoever writes to the bucket needs no command of ours."""
    ines, tom = cli.user("ines"), cli.user("tom")
    cli.propose(ines, FIRST)
    bad = b"{}"
    for name in (f"rules/{version_of(bad)}.json", f"rules/proposed/{version_of(bad)}.json"):
        cli.s3.put(name, bad if "proposed" not in name else msgspec.json.encode({"author": "AIDAMALLORY"}))
    written = Proposal(sha256=hashlib.sha256(bad).hexdigest(), name="mallory", note="", at=now())
    cli.s3.put(f"rules/by/AIDAMALLORY/{version_of(bad)}.proposed.json", msgspec.json.encode(written))

    result = cli.run_as(tom, "approve", version_of(bad), "--yes")

    assert result.exit_code == 1
    assert "the proposal is refused by this release:" in result.stderr
    assert cli.run_as(tom, "show").exit_code == 1


def test_what_was_published_since_it_was_proposed_is_not_undone(cli: ApprovalCli) -> None:
    ines, tom = cli.user("ines"), cli.user("tom")
    cli.propose(ines, FIRST)
    cli.run_as(ines, "publish", cli.file(SECOND), "--by", "x", "--note", "y", strict=False)

    result = cli.run_as(tom, "approve", version_of(FIRST), "--yes")

    assert result.exit_code == 1
    assert f"it was proposed in place of no rules, but {version_of(SECOND)} is live: propose it anew" in result.stderr


def test_nobody_publishes_alone_nor_goes_back_to_what_one_published_alone(cli: ApprovalCli) -> None:
    ines, tom = cli.user("ines"), cli.user("tom")
    cli.run_as(ines, "publish", cli.file(SECOND), "--by", "x", "--note", "y", strict=False)
    cli.propose(ines, FIRST)
    cli.run_as(tom, "approve", version_of(FIRST), "--yes")

    published = cli.run_as(ines, "publish", cli.file(SECOND), "--by", "x", "--note", "y")
    back = cli.run_as(ines, "rollback", version_of(SECOND), "--by", "x")

    assert (published.exit_code, back.exit_code) == (1, 1)
    assert "use `rules propose`" in published.stderr
    assert f"version {version_of(SECOND)}: nobody has approved it" in back.stderr


def test_what_is_live_already_can_be_approved_before_workers_ask_for_it(cli: ApprovalCli) -> None:
    ines, tom = cli.user("ines"), cli.user("tom")
    cli.run_as(ines, "publish", cli.file(FIRST), "--by", "x", "--note", "y", strict=False)
    cli.propose(ines, FIRST)

    result = cli.run_as(tom, "approve", version_of(FIRST), "--yes")

    assert result.exit_code == 0
    assert result.stdout.endswith(f"version {version_of(FIRST)} is live already; it is approved now\n")


def test_without_an_sts_nobody_can_propose(cli: ApprovalCli) -> None:
    elsewhere = {"SAVING_ALERTS_STS_ENDPOINT_URL": "http://127.0.0.1:1"}

    result = CliRunner().invoke(rules, ["propose", cli.file(FIRST), "--note", "x"], env=cli.environment | elsewhere)

    assert result.exit_code == 2
    assert "nobody can say who you are: STS: " in result.stderr
