"""`rules publish`, `history`, `rollback`, `show` and `preview` against a real S3 and Redis protocol."""

import asyncio
import json
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from redis import Redis

from demo.servers.redis import EmbeddedRedis
from demo.servers.s3 import EmbeddedS3
from saving_alerts.adapters.redis_connection import connect
from saving_alerts.adapters.redis_heartbeats import RedisHeartbeats
from saving_alerts.commands.exits import CommandRefusedError
from saving_alerts.commands.rules.group import rules
from saving_alerts.commands.waiting import wait_until_live
from saving_alerts.domain.rules_file.compiler import version_of
from tests.support.broken_rules import GOOD, TEXT
from tests.support.documents_cli import WORKERS, DocumentsCli

FIRST, SECOND = TEXT.encode(), json.dumps(GOOD).encode()
MERCHANT = b'{"merchant_id": "m-123", "names": {"en": "Coffee & Co", "de": "Kaffee & Co"}}\n'


class RulesCli(DocumentsCli):
    commands = rules
    name = "rules"
    file_name = "rules.json"
    publisher = "ines"

    async def wait(self, version: str, most_seconds: float) -> str:
        redis = connect(self.redis.url, 5, 2)
        try:
            heartbeats = RedisHeartbeats(redis, WORKERS)
            return await wait_until_live(heartbeats, version, attrgetter("rules_version"), most_seconds)
        finally:
            await redis.aclose()


@pytest.fixture
def cli(s3: EmbeddedS3, redis: EmbeddedRedis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RulesCli]:
    """With nothing in the bucket, and no worker that was ever seen."""
    monkeypatch.chdir(tmp_path)
    s3.empty()
    with Redis.from_url(redis.url) as client:
        client.flushall()
    yield RulesCli(s3, redis, tmp_path)
    s3.start()


def test_what_is_published_is_live_and_in_the_history(cli: RulesCli) -> None:
    first, second = cli.publish(FIRST), cli.publish(SECOND, by="tom")

    shown, history = cli.run("show"), cli.run("history")

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert second.stdout.startswith(f"version {version_of(SECOND)} is published, in place of {version_of(FIRST)}; ")
    assert shown.stdout_bytes == SECOND
    newest, oldest = history.stdout.splitlines()
    assert (newest.split()[0], newest.split()[3:]) == (version_of(SECOND), ["tom", "live", "a", "note"])
    assert (oldest.split()[0], oldest.split()[3:]) == (version_of(FIRST), ["ines", "a", "note"])


def test_a_file_with_mistakes_is_not_published(cli: RulesCli) -> None:
    cli.publish(FIRST)

    result = cli.publish(b'{"caps": []}')

    assert result.exit_code == 1
    assert "$.caps: must not be empty" in result.stderr
    assert "$.rules: missing" in result.stderr
    assert cli.run("show").stdout_bytes == FIRST


def test_a_file_that_these_workers_would_not_read_is_not_published(cli: RulesCli) -> None:
    arguments = ("publish", cli.file(FIRST + b" " * 2_000), "--by", "ines", "--note", "")

    result = CliRunner().invoke(rules, arguments, env=cli.environment | {"SAVING_ALERTS_MAX_RULES_BYTES": "2048"})

    assert result.exit_code == 1
    assert "and the workers of these settings read 2048" in result.stderr


def test_a_file_that_began_with_another_version_is_not_published(cli: RulesCli) -> None:
    cli.publish(FIRST)

    result = cli.publish(SECOND, "--onto", "0123456789ab")

    assert result.exit_code == 1
    assert f"you began with 0123456789ab, but {version_of(FIRST)} is live" in result.stderr
    assert cli.publish(SECOND, "--onto", version_of(FIRST)).exit_code == 0


def test_a_rollback_brings_back_what_was_live_before(cli: RulesCli) -> None:
    cli.publish(FIRST)
    cli.publish(SECOND)

    back = cli.run("rollback", "--by", "tom")
    forth = cli.run("rollback", version_of(SECOND), "--by", "tom", "--note", "after all")

    assert f"version {version_of(FIRST)} is published, in place of {version_of(SECOND)}" in back.stdout
    assert f"version {version_of(SECOND)} is published" in forth.stdout
    assert f"back to {version_of(FIRST)}" in cli.run("history").stdout


@pytest.mark.parametrize("command", ["publish", "rollback"])
def test_what_is_live_already_is_not_published_again(cli: RulesCli, command: str) -> None:
    cli.publish(FIRST)

    again = cli.publish(FIRST) if command == "publish" else cli.run("rollback", version_of(FIRST), "--by", "tom")

    assert again.exit_code == 1
    assert f"version {version_of(FIRST)} is live already, so nothing was published" in again.stderr
    assert len(cli.run("history").stdout.splitlines()) == 1


def test_there_is_nothing_to_roll_back_to_before_the_second_version(cli: RulesCli) -> None:
    cli.publish(FIRST)

    result = cli.run("rollback", "--by", "tom")

    assert result.exit_code == 1
    assert "the history does not know what was live before" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"),
    [
        (["rollback", "0123456789ab", "--by", "tom"], 1, "there is no rules/0123456789ab.json in the bucket"),
        (["rollback", "../../secret", "--by", "tom"], 2, "a version has 12 hex digits"),
        (["show", "0123456789ab"], 1, "there is no rules/0123456789ab.json in the bucket"),
    ],
)
def test_an_unknown_version_is_said_to_be_unknown(
    cli: RulesCli, arguments: list[str], exit_code: int, words: str
) -> None:
    result = cli.run(*arguments)

    assert result.exit_code == exit_code
    assert words in result.stderr


def test_what_was_put_there_by_hand_is_said_to_be_unknown(cli: RulesCli) -> None:
    cli.publish(FIRST)
    cli.s3.put("rules.json", SECOND)

    history = cli.run("history")

    assert history.stdout.splitlines()[0].startswith(f"{version_of(SECOND)}  live, but not published with this command")


def test_what_was_put_there_by_hand_can_be_gone_back_to(cli: RulesCli) -> None:
    cli.s3.put("rules.json", SECOND)
    cli.publish(FIRST)

    back = cli.run("rollback", "--by", "tom")

    assert back.exit_code == 0
    assert cli.run("show").stdout_bytes == SECOND


def test_before_the_first_publication_the_history_is_empty(cli: RulesCli) -> None:
    assert cli.run("history").stdout == "nothing was published yet\n"


def test_the_history_speaks_to_machines_too(cli: RulesCli) -> None:
    cli.publish(FIRST)

    document = json.loads(cli.run("history", "--json").stdout)

    assert document["live"] == version_of(FIRST)
    assert [each["by"] for each in document["history"]] == ["ines"]


def test_an_s3_that_is_down_ends_with_2(cli: RulesCli) -> None:
    cli.s3.stop()

    result = cli.publish(FIRST)

    assert result.exit_code == 2
    assert "rules.json" in result.stderr


def test_waiting_ends_when_every_worker_reports_the_version(cli: RulesCli) -> None:
    for name in ("w-1", "w-2"):
        cli.beat(name, version_of(FIRST))

    result = cli.publish(FIRST, "--wait")

    assert result.exit_code == 0
    assert "all 2 workers report it after 0." in result.stdout


def test_a_worker_that_does_not_take_it_is_named(cli: RulesCli) -> None:
    cli.beat("w-1", version_of(FIRST))
    cli.beat("w-2", "0123456789ab")

    with pytest.raises(CommandRefusedError, match=r"not reported after 0\.1 s by w-2 \(has 0123456789ab\)") as refused:
        asyncio.run(cli.wait(version_of(FIRST), most_seconds=0.1))

    assert refused.value.exit_code == 1


def test_waiting_without_workers_says_so(cli: RulesCli) -> None:
    assert "no worker is running" in cli.publish(FIRST, "--wait").stdout


def test_a_preview_is_what_the_shopper_would_read(cli: RulesCli) -> None:
    cli.s3.put("merchants.jsonl", b'{"merchant_id": "m-1", "names": {}}\nnonsense\n' + MERCHANT)

    result = cli.run("preview", cli.file(FIRST), "--merchant", "m-123", "--locale", "de-AT")

    assert result.stdout.splitlines() == [
        "at-the-store (the text for de, because there is none for de-AT)",
        "    20\xa0% bei Kaffee & Co",
        "    Alle Kaffeebohnen",
    ]


def test_texts_in_turn_are_checked_and_previewed_each_with_its_share(cli: RulesCli) -> None:
    body = msgspec.json.decode(FIRST)
    texts = body["rules"][0]["message"].pop("texts")
    hello = {locale: {"title": "Hello", "body": "$coupon"} for locale in texts}
    variants = [{"id": "plain", "weight": 3, "texts": texts}, {"id": "friendly", "texts": hello}]
    body["rules"][0]["message"]["variants"] = variants
    (cli.folder / "merchants.jsonl").write_bytes(MERCHANT)
    file = cli.file(msgspec.json.encode(body))

    checked = cli.run("check", file).stdout
    shown = cli.run("preview", file, "--merchant", "m-123", "--merchants", str(cli.folder / "merchants.jsonl")).stdout

    assert f"texts in turn of {body['rules'][0]['id']}: plain 75%, friendly 25%" in checked
    assert "(text plain, for 75% of the users; the text for en)" in shown
    assert "(text friendly, for 25% of the users; the text for en)\n    Hello\n" in shown


def test_a_preview_says_what_would_be_otherwise(cli: RulesCli) -> None:
    body = msgspec.json.decode(FIRST)
    body["rules"][0]["message"]["texts"]["en"]["title"] = "$coupon " * 8
    merchants = cli.folder / "merchants.jsonl"
    merchants.write_bytes(MERCHANT)
    arguments = ["--merchant", "m-123", "--merchants", str(merchants), "--amount", "5"]

    output = cli.run("preview", cli.file(msgspec.json.encode(body)), *arguments).stdout

    assert "this coupon would be passed over: the rule asks for 10 %" in output
    assert "the title is cut to what a phone shows" in output


@pytest.mark.parametrize(
    ("merchant", "exit_code", "words"),
    [("m-2", 2, "there is no merchant m-2 in S3's directory"), ("m-999", 0, "no enabled rule listens to any event at")],
)
def test_a_preview_without_a_message_says_why(cli: RulesCli, merchant: str, exit_code: int, words: str) -> None:
    cli.s3.put("merchants.jsonl", MERCHANT.replace(b"m-123", b"m-999"))

    result = cli.run("preview", cli.file(FIRST), "--merchant", merchant)

    assert result.exit_code == exit_code
    assert words in result.output
