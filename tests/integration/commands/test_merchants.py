"""`merchants check`, `publish`, `accept`, `rollback` and `history` against a real S3 and Redis protocol."""

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from redis import Redis

from demo.servers.redis import EmbeddedRedis
from demo.servers.s3 import EmbeddedS3
from saving_alerts.commands.merchants.group import merchants
from saving_alerts.domain.rules_file.compiler import version_of
from tests.support.documents_cli import DocumentsCli

ACCEPTED = "saving-alerts:merchants:accepted"


def directory(count: int, name: str = "Shop") -> bytes:
    lines = [json.dumps({"merchant_id": f"m-{number}", "names": {"en": name}}) for number in range(count)]
    return "".join(f"{line}\n" for line in lines).encode()


WHOLE, HALF = directory(20), directory(10)


class MerchantsCli(DocumentsCli):
    commands = merchants
    name = "merchants"
    file_name = "merchants.jsonl"
    publisher = "dana"

    def note(self, body: bytes) -> None:
        """As a worker that uses it."""
        value = {"version": version_of(body), "merchants": body.count(b"\n")}
        with Redis.from_url(self.redis.url) as client:
            client.set(ACCEPTED, msgspec.json.encode(value))

    @property
    def noted(self) -> tuple[str, int] | None:
        with Redis.from_url(self.redis.url) as client:
            value = client.get(ACCEPTED)
        found = json.loads(value) if isinstance(value, bytes) else None
        return (found["version"], found["merchants"]) if found else None

    @property
    def live(self) -> str | None:
        version: str | None = json.loads(self.run("history", "--json").stdout)["live"]
        return version


@pytest.fixture
def cli(
    s3: EmbeddedS3, redis: EmbeddedRedis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MerchantsCli]:
    """With nothing in the bucket, and nothing in Redis."""
    monkeypatch.chdir(tmp_path)
    s3.empty()
    with Redis.from_url(redis.url) as client:
        client.flushall()
    yield MerchantsCli(s3, redis, tmp_path)
    s3.start()
    redis.restart()


def test_a_good_directory_is_said_to_be_one_without_settings(cli: MerchantsCli) -> None:
    result = CliRunner().invoke(merchants, ["check", cli.file(WHOLE)])

    assert (result.exit_code, result.stdout) == (
        0,
        f"{cli.folder / 'merchants.jsonl'}: no bad line, version {version_of(WHOLE)}, 20 merchants\n",
    )


def test_how_many_stores_have_hours_is_said(cli: MerchantsCli) -> None:
    stores = [{"store_id": f"s-{number}", "latitude": 0, "longitude": 0} for number in range(3)]
    stores[0]["opening"] = {"hours": "24/7"}
    shop = {"merchant_id": "m-1", "names": {}, "stores": stores, "opening": {"timezone": "Europe/Berlin"}}
    file = cli.file(json.dumps(shop).encode() + b"\n")

    result = CliRunner().invoke(merchants, ["check", file])
    found = json.loads(CliRunner().invoke(merchants, ["check", file, "--json"]).stdout)

    assert result.stdout.endswith("1 merchants, hours of 1 of 3 stores\n")
    assert (found["stores"], found["stores_with_hours"]) == (3, 1)


def test_every_bad_line_is_named_by_its_place(cli: MerchantsCli) -> None:
    body = HALF + b"x\n" * 30 + b'{"merchant_id": "", "names": {}}\n'

    result = cli.run("check", cli.file(body))
    lines = result.stdout.splitlines()

    assert (result.exit_code, len(lines)) == (1, 32)
    assert lines[0] == "line 11: column 1: this is not JSON (Expecting value) near 'x'"
    assert lines[30].startswith('line 41: $.merchant_id: "" is not what belongs here: a text of 1 to 128 characters')
    assert lines[31].endswith("10 merchants; workers would leave out these 31 bad lines")


REFUSED = {
    "cut": (WHOLE[:-5], "the last line has no line break at its end"),
    "a byte order mark": (b"\xef\xbb\xbf" + WHOLE, "an invisible byte order mark"),
    "empty": (b"", "no line has a merchant"),
    "too many bad lines": (WHOLE + b"x\n" * 101, "more than 100 bad lines"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_workers_would_refuse_is_neither_good_nor_published(cli: MerchantsCli, name: str) -> None:
    body, why = REFUSED[name]
    cli.publish(WHOLE)

    checked, published = cli.run("check", cli.file(body)), cli.publish(body)

    assert (checked.exit_code, published.exit_code) == (1, 1)
    assert why in checked.stdout.splitlines()[-1]
    assert "workers would refuse it and keep the directory they have" in checked.stdout
    assert why in published.stderr
    assert cli.live == version_of(WHOLE)


def test_the_check_speaks_to_machines_too(cli: MerchantsCli) -> None:
    found = json.loads(cli.run("check", cli.file(HALF + b"x\n"), "--json").stdout)

    assert (found["ok"], found["merchants"], found["refusal"], found["bad_lines"]) == (False, 10, None, 1)


def test_a_file_that_is_not_there_cannot_be_read(cli: MerchantsCli) -> None:
    result = cli.run("check", "nowhere.jsonl")

    assert (result.exit_code, "nowhere.jsonl cannot be read" in result.stderr) == (2, True)


def test_what_is_published_is_live_and_in_the_history(cli: MerchantsCli) -> None:
    first, second = cli.publish(WHOLE), cli.publish(directory(21), by="tom")

    newest, oldest = cli.run("history").stdout.splitlines()

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert f"version {version_of(directory(21))} is published, in place of {version_of(WHOLE)}; " in second.stdout
    assert (newest.split()[0], newest.split()[3:]) == (version_of(directory(21)), ["tom", "live", "a", "note"])
    assert (oldest.split()[0], oldest.split()[3:]) == (version_of(WHOLE), ["dana", "a", "note"])


def test_a_line_too_long_has_the_version_that_workers_know(cli: MerchantsCli) -> None:
    body = WHOLE + b'"' + b"x" * 200_000 + b'"\n'

    published = cli.publish(body)

    assert published.exit_code == 0
    assert "1 line was left out: line 21: longer than 65536 bytes" in published.stdout
    assert f"version {cli.live} is published" in published.stdout


def test_a_directory_that_lost_too_much_is_not_published_unless_the_loss_is_accepted(cli: MerchantsCli) -> None:
    cli.publish(WHOLE)
    cli.note(WHOLE)

    refused = cli.publish(HALF)
    live = cli.live
    accepted = cli.publish(HALF, "--accept-loss")

    assert (refused.exit_code, live, accepted.exit_code) == (1, version_of(WHOLE), 0)
    assert (
        f"10 merchants, the last accepted directory (version {version_of(WHOLE)}) had 20: more than 20 % are gone"
        in refused.stderr
    )
    assert "repeat it with --accept-loss" in refused.stderr
    assert (cli.live, cli.noted) == (version_of(HALF), (version_of(HALF), 10))


def test_it_is_compared_with_the_live_one_where_redis_knows_none(cli: MerchantsCli) -> None:
    cli.publish(WHOLE)
    lost = cli.publish(HALF)
    cli.redis.stop()

    refused, with_loss = cli.publish(HALF), cli.publish(HALF, "--accept-loss")
    whole = cli.publish(directory(19))

    assert (lost.exit_code, refused.exit_code, with_loss.exit_code, whole.exit_code) == (1, 1, 2, 0)
    assert "nothing was published, because the loss cannot be noted as accepted: Redis cannot" in with_loss.stderr


def test_a_directory_put_there_by_hand_does_not_become_what_the_next_one_is_compared_with(cli: MerchantsCli) -> None:
    cli.note(WHOLE)
    cli.s3.put("merchants.jsonl", HALF)

    assert cli.publish(directory(11)).exit_code == 1


def test_accepting_notes_the_directory_and_waits_for_the_workers(cli: MerchantsCli) -> None:
    cli.note(WHOLE)
    cli.s3.put("merchants.jsonl", HALF)
    cli.beat("w-1", version_of(HALF))

    result = cli.run("accept", version_of(HALF))

    assert (result.exit_code, cli.noted) == (0, (version_of(HALF), 10))
    assert f"version {version_of(HALF)} is accepted: 10 merchants" in result.stdout
    assert "all 1 workers report it after 0." in result.stdout


@pytest.mark.parametrize(
    ("body", "version", "words"),
    [
        (
            HALF,
            version_of(WHOLE),
            f"the merchants in S3 are {version_of(HALF)} now, so {version_of(WHOLE)} was not",
        ),
        (None, version_of(WHOLE), "there is no merchant directory in S3"),
        (HALF[:-1], version_of(HALF[:-1]), "is not refused for what it has lost, and cannot be accepted: line 10: the"),
    ],
    ids=["another version", "none", "one that was cut"],
)
def test_what_cannot_be_accepted_is_not_noted(cli: MerchantsCli, body: bytes | None, version: str, words: str) -> None:
    cli.note(WHOLE)
    if body is not None:
        cli.s3.put("merchants.jsonl", body)

    result = cli.run("accept", version)

    assert (result.exit_code, cli.noted) == (1, (version_of(WHOLE), 20))
    assert words in result.stderr


@pytest.mark.parametrize("away", ["redis", "s3"])
def test_nothing_can_be_accepted_without_redis_or_s3(cli: MerchantsCli, away: str) -> None:
    cli.s3.put("merchants.jsonl", HALF)
    (cli.redis if away == "redis" else cli.s3).stop()

    result = cli.run("accept", version_of(HALF))

    assert result.exit_code == 2
    assert ("nothing was accepted: Redis cannot be reached" if away == "redis" else "merchants.jsonl") in result.stderr


def test_a_rollback_brings_back_what_was_live_before(cli: MerchantsCli) -> None:
    cli.publish(WHOLE)
    cli.publish(HALF, "--accept-loss")
    cli.note(HALF)

    back = cli.run("rollback", "--by", "tom")
    forth = cli.run("rollback", version_of(HALF), "--by", "tom")

    assert f"version {version_of(WHOLE)} is published, in place of {version_of(HALF)}" in back.stdout
    assert (forth.exit_code, cli.live) == (0, version_of(HALF))  # it is the last accepted one still
    assert f"back to {version_of(WHOLE)}" in cli.run("history").stdout


def test_there_is_nothing_to_roll_back_to_before_the_second_version(cli: MerchantsCli) -> None:
    cli.publish(WHOLE)

    result = cli.run("rollback", "--by", "tom")

    assert result.exit_code == 1
    assert "the history does not know what was live before: name a version, see `merchants history`" in result.stderr


def test_what_began_with_another_version_or_is_live_already_is_not_published(cli: MerchantsCli) -> None:
    cli.publish(WHOLE)

    results = [cli.publish(directory(21), "--onto", "0123456789ab"), cli.publish(WHOLE)]

    assert [each.exit_code for each in results] == [1, 1]
    assert f"you began with 0123456789ab, but {version_of(WHOLE)} is live" in results[0].stderr
    assert "is live already, so nothing was published" in results[1].stderr


def test_waiting_ends_when_every_worker_reports_the_version(cli: MerchantsCli) -> None:
    cli.beat("w-1", version_of(WHOLE))

    assert "all 1 workers report it after 0." in cli.publish(WHOLE, "--wait").stdout


def test_a_directory_put_there_by_hand_can_be_gone_back_to(cli: MerchantsCli) -> None:
    by_hand = directory(21)
    cli.s3.put("merchants.jsonl", by_hand)
    cli.publish(WHOLE)

    back = cli.run("rollback", "--by", "tom")

    assert (back.exit_code, cli.live) == (0, version_of(by_hand)), back.stderr
