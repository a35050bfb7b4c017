"""`rules publish --canary` and `rules canary` on a Kafka, an S3 and a Redis: begun, looked at, promoted, taken back."""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import msgspec
import pytest
from click.testing import CliRunner, Result
from redis import Redis

from demo.servers.redis import EmbeddedRedis
from demo.servers.s3 import EmbeddedS3
from saving_alerts.adapters.redis_connection import connect
from saving_alerts.adapters.redis_heartbeats import RedisHeartbeats
from saving_alerts.adapters.redis_histories import RedisHistories
from saving_alerts.commands.kill.group import kill
from saving_alerts.commands.rules.group import rules
from saving_alerts.domain.canary.evidence import Evidence
from saving_alerts.domain.canary.order import CanaryOrder, read_order
from saving_alerts.domain.history import Bucket, Resolution, WorkerHistory
from saving_alerts.domain.rules_file.compiler import version_of
from tests.end_to_end.conditions import wait_until
from tests.support.broken_rules import GOOD, TEXT
from tests.support.recorded_deployment import RecordedDeployment
from tests.support.worker_rows import a_row

LIVE, NEW = TEXT.encode(), json.dumps(GOOD).encode()
NEWER = json.dumps(GOOD | {"caps": [{"per": "user", "pushes": 2, "hours": 24}]}).encode()
V_LIVE, V_NEW = version_of(LIVE), version_of(NEW)
TRY = ("--canary", "5%", "--for", "2h", "--foretold", "4%")


@dataclass
class Cli:
    """Of one deployment. `environment` can be made to lead nowhere."""

    s3: EmbeddedS3
    redis: EmbeddedRedis
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(rules, arguments, env=self.environment)

    def publish(self, body: bytes, *arguments: str, by: str = "ines") -> Result:
        file = self.folder / "rules.json"
        file.write_bytes(body)
        return self.run("publish", str(file), "--by", by, "--note", "a note", *arguments)

    def canary(self, what: str, *arguments: str, by: str = "tom") -> Result:
        why = () if what == "status" else ("--by", by, "--note", "a reason")
        return self.run("canary", what, *why, *arguments)

    def kill(self, *arguments: str) -> Result:
        return CliRunner().invoke(kill, arguments, env=self.environment)

    def off(self, name: str) -> Result:
        return self.kill("off", name, "--by", "tom", "--reason", "it is over")

    @property
    def order(self) -> CanaryOrder:
        found = read_order(self.s3.get("rules/canary.json"))
        assert isinstance(found, CanaryOrder)
        return found

    @property
    def live(self) -> bytes:
        return self.run("show").stdout_bytes

    def is_over(self) -> None:
        """Its time, two hours ago."""
        ago = timedelta(hours=4)
        order = msgspec.structs.replace(self.order, begins=self.order.begins - ago, ends=self.order.ends - ago)
        self.s3.put("rules/canary.json", msgspec.json.encode(order))

    def was_not_published(self) -> None:
        """As a promotion leaves it that ended behind its first write: the order says it, the others are live."""
        self.s3.put("rules/canary.json", msgspec.json.encode(msgspec.structs.replace(self.order, closed=False)))
        self.s3.put("rules.json", LIVE)

    def without_s3(self) -> None:
        self.environment["SAVING_ALERTS_S3_ENDPOINT_URL"] = "http://127.0.0.1:1"

    def with_s3(self) -> None:
        self.environment["SAVING_ALERTS_S3_ENDPOINT_URL"] = self.s3.endpoint_url

    def beat(self, name: str, canary: str | None, evidence: Evidence) -> None:
        asyncio.run(self._beat(name, canary, evidence))

    def counted(self, counts: dict[str, int]) -> None:
        """By a worker, within the last day."""
        asyncio.run(self._counted(counts))

    async def _counted(self, counts: dict[str, int]) -> None:
        redis = connect(self.redis.url, 1, 2)
        number = int(datetime.now(UTC).timestamp()) // Resolution.COARSE
        history = WorkerHistory(incarnation="i", coarse=(Bucket(number - 3, counts),))
        await RedisHistories(redis, f"{self.environment['SAVING_ALERTS_APP_ID']}:history:").write(history)
        await redis.aclose()

    async def _beat(self, name: str, canary: str | None, evidence: Evidence) -> None:
        redis = connect(self.redis.url, 1, 2)
        row = msgspec.structs.replace(a_row(0, {}), name=name, incarnation=name, canary=canary, evidence=evidence)
        prefix = f"{self.environment['SAVING_ALERTS_APP_ID']}:workers:"
        await RedisHeartbeats(redis, prefix).beat(row, timedelta(minutes=1))
        await redis.aclose()


@pytest.fixture
def cli(deployment: RecordedDeployment, s3: EmbeddedS3, redis: EmbeddedRedis, tmp_path: Path) -> Cli:
    """With rules that are live, and no worker."""
    s3.empty()
    with Redis.from_url(redis.url) as client:
        client.flushall()
    environment = deployment.environment | s3.environment
    environment |= {
        "SAVING_ALERTS_S3_BUCKET": s3.bucket,
        "SAVING_ALERTS_REDIS_URL": redis.url,
        "SAVING_ALERTS_RELOAD_SECONDS": "0.1",
        "SAVING_ALERTS_HEARTBEAT_SECONDS": "0.1",
    }
    cli = Cli(s3, redis, tmp_path, environment)
    cli.with_s3()
    assert cli.publish(LIVE).exit_code == 0
    return cli


def test_what_is_tried_stands_beside_the_rules_and_changes_nothing_else(cli: Cli) -> None:
    result = cli.publish(NEW, *TRY)

    order = cli.order
    assert result.exit_code == 0, result.stderr
    assert (order.version, order.instead_of, order.percent, order.by) == (V_NEW, V_LIVE, 5, "ines")
    assert order.ends - order.begins == timedelta(hours=2)
    assert abs(datetime.now(UTC) - order.begins) < timedelta(minutes=1)
    assert (order.foretold.pushes, order.ended) == (0.04, None)
    assert cli.live == LIVE
    assert cli.s3.get(f"rules/{V_NEW}.json") == NEW
    assert "guard pushes, too many: 4.00% foretold, the limit is 8.00%" in result.stdout
    assert f"it is everybody's from {order.ends:%Y-%m-%d %H:%M}" in result.stdout


def simulated(folder: Path, wanted: int, events: int, when_errors: int = 0, version: str = V_NEW) -> str:
    file = folder / "result.json"
    evaluated = {"events": events, "wanted": wanted, "when_errors": when_errors}
    file.write_text(json.dumps({"after": version, "wins": {"after": {}}, "evaluated": {"after": evaluated}}))
    return str(file)


def test_what_simulate_foretold_is_what_the_guards_go_by(cli: Cli) -> None:
    trial = ("--canary", "5%", "--for", "2h", "--refused", "8%")

    result = cli.publish(NEW, *trial, "--simulated", simulated(cli.folder, 150, 1_000, 20))

    assert result.exit_code == 0, result.stderr
    assert cli.order.foretold.pushes == 0.15
    assert (cli.order.foretold.when_errors.foretold, cli.order.foretold.when_errors.limit) == (0.02, 0.04)
    assert (cli.order.foretold.push_refused.foretold, cli.order.foretold.push_refused.limit) == (0.08, 0.16)


@pytest.mark.parametrize(
    ("pushed", "refused", "bounds"),
    [(9_000, 1_000, (0.1, 0.2)), (9_900, 100, (0.05, 0.1)), (90, 10, (0.05, 0.1)), (0, 5_000, (0.05, 0.1))],
    ids=["more than usual", "less than usual", "too few to say", "all"],
)
def test_what_the_push_api_refused_in_the_last_day_is_as_foretold(
    cli: Cli, pushed: int, refused: int, bounds: tuple[float, float]
) -> None:
    cli.counted({"pushed": pushed, "push_refused": refused})

    cli.publish(NEW, *TRY)

    found = cli.order.foretold.push_refused
    assert (found.foretold, found.limit) == bounds


REFUSED = {
    "no time": (["--canary", "5%", "--foretold", "4%"], "--canary and --for go together"),
    "no share": (["--for", "2h", "--foretold", "4%"], "--canary and --for go together"),
    "nothing foretold": (["--canary", "5%", "--for", "2h"], "needs either --simulated or --foretold"),
    "most of the users": (["--canary", "80%", "--for", "2h", "--foretold", "4%"], "at most 50%"),
    "no percent": (["--canary", "0.05", "--for", "2h", "--foretold", "4%"], "write it with a percent sign"),
    "for seconds": (["--canary", "5%", "--for", "30s", "--foretold", "4%"], "at least 1 minute"),
    "for months": (["--canary", "5%", "--for", "90d", "--foretold", "4%"], "at most 14 days"),
}


@pytest.mark.parametrize(("trial", "problem"), REFUSED.values(), ids=REFUSED)
def test_what_says_too_little_is_not_begun(cli: Cli, trial: list[str], problem: str) -> None:
    result = cli.publish(NEW, *trial)

    assert result.exit_code == 2
    assert problem in result.stderr
    assert "no canary was begun yet" in cli.canary("status").stdout


@pytest.mark.parametrize(("wanted", "events"), [(99, 10_000), (1_000, 1_000), (0, 0)])
def test_a_simulation_that_foretells_nothing_is_refused(cli: Cli, wanted: int, events: int) -> None:
    trial = ("--canary", "5%", "--for", "2h")

    result = cli.publish(NEW, *trial, "--simulated", simulated(cli.folder, wanted, events))
    old = cli.folder / "old.json"
    old.write_text(json.dumps({"after": V_NEW, "wins": {"after": {}}}))
    of_older = cli.publish(NEW, *trial, "--simulated", str(old))
    of_others = cli.publish(NEW, *trial, "--simulated", simulated(cli.folder, 200, 1_000, version=V_LIVE))

    assert (result.exit_code, of_others.exit_code, of_older.exit_code) == (2, 2, 2)
    assert "is of an older release" in of_older.stderr
    assert "foretells nothing" in result.stderr
    assert f"is a simulation of {V_LIVE}" in of_others.stderr


def test_what_is_live_already_and_what_began_with_another_version_is_not_tried(cli: Cli) -> None:
    same, onto = cli.publish(LIVE, *TRY), cli.publish(NEW, *TRY, "--onto", "0123456789ab")

    assert (same.exit_code, onto.exit_code) == (1, 1)
    assert f"version {V_LIVE} is live already" in same.stderr
    assert "you began with 0123456789ab" in onto.stderr


def test_while_one_is_tried_nothing_else_is_published_by_anybody(cli: Cli) -> None:
    cli.publish(NEWER)
    cli.publish(NEW, *TRY)

    second, whole = cli.publish(LIVE, *TRY, by="tom"), cli.publish(LIVE, by="tom")
    back = cli.run("rollback", "--by", "tom")

    for result in (second, whole, back):
        assert result.exit_code == 1
        assert f"canary {cli.order.id} on 5 % of the users" in result.stderr
        assert "is tried by ines (a note): first `rules canary promote` or `rules canary abort`" in result.stderr
    assert cli.live == NEWER


def test_promoted_it_is_live_and_the_history_says_how(cli: Cli) -> None:
    cli.publish(NEW, *TRY)

    result = cli.canary("promote")

    assert result.exit_code == 0, result.stderr
    assert cli.live == NEW
    assert cli.order.ended is not None
    assert (cli.order.ended.how, cli.order.ended.by) == ("promoted", "tom")
    newest = cli.run("history").stdout.splitlines()[0]
    assert f"a note (canary {cli.order.id} on 5 % of the users, by ines: a reason)" in newest
    assert cli.publish(NEWER).exit_code == 0


def test_what_was_promoted_does_not_come_back_after_a_rollback(cli: Cli) -> None:
    cli.publish(NEW, *TRY)
    cli.canary("promote")

    back = cli.run("rollback", "--by", "tom")

    assert (back.exit_code, cli.live) == (0, LIVE)
    assert (cli.order.closed, cli.order.is_for("u-1", datetime.now(UTC))) == (True, False)
    assert f"no canary; {cli.order.id} was promoted at" in cli.canary("status").stdout


def test_one_whose_promotion_stopped_before_its_last_step_is_closed_by_the_next_publication(cli: Cli) -> None:
    cli.publish(NEW, *TRY)
    cli.canary("promote")
    unclosed = msgspec.structs.replace(cli.order, closed=False)
    cli.s3.put("rules/canary.json", msgspec.json.encode(unclosed))

    refused, back = cli.canary("abort"), cli.run("rollback", "--by", "tom")

    assert (refused.exit_code, back.exit_code, cli.live) == (1, 0, LIVE)
    assert f"it was promoted, and {V_NEW} is live" in refused.stderr
    assert cli.kill("list").stdout == "no kill switch is on\n"
    assert cli.order.closed


def test_what_somebody_published_by_hand_ends_it_and_abort_puts_it_away(cli: Cli) -> None:
    cli.publish(NEW, *TRY)
    cli.s3.put("rules.json", NEWER)

    status, away = cli.canary("status"), cli.canary("abort")
    cli.s3.put("rules.json", LIVE)

    assert "is live now: `rules canary abort` puts it away" in status.stdout
    assert (away.exit_code, cli.order.counts) == (0, False)
    assert "was aborted at" in cli.canary("status").stdout


def test_when_its_time_is_over_that_is_said_and_promote_writes_it_down(cli: Cli) -> None:
    cli.publish(NEW, *TRY)
    cli.is_over()

    history = cli.run("history").stdout
    status, refused, promoted = cli.canary("status"), cli.publish(NEWER), cli.canary("promote")

    assert status.exit_code == 0
    assert history.startswith(f"{V_NEW}  ")
    assert f"  ines  canary {cli.order.id} on 5 % of the users until " in history
    assert "everybody has it; `rules canary promote` writes it down" in status.stdout
    assert "is in force for everybody, and is not written down yet" in refused.stderr
    assert (promoted.exit_code, cli.live) == (0, NEW)


def test_a_promotion_that_stopped_half_way_is_repeated(cli: Cli) -> None:
    cli.publish(NEW, *TRY)
    cli.canary("promote")
    cli.was_not_published()

    status, again = cli.canary("status"), cli.canary("promote")

    assert "promoted by tom, and not written down yet" in status.stdout
    assert (again.exit_code, cli.live) == (0, NEW)


def test_aborted_it_is_taken_back_by_a_switch_that_ends_when_its_alerts_have(cli: Cli) -> None:
    cli.publish(NEW, *TRY)

    result = cli.canary("abort")

    assert result.exit_code == 0, result.stderr
    assert cli.order.ended is not None
    assert cli.order.ended.how == "aborted"
    listed = cli.kill("list").stdout
    assert listed.startswith(f"canary:{cli.order.id} since ")
    assert " until " in listed
    assert "by tom: a reason" in listed
    assert f"no canary; {cli.order.id} was aborted at " in cli.canary("status").stdout
    assert (cli.live, cli.publish(NEW).exit_code) == (LIVE, 0)


def test_without_s3_it_is_aborted_all_the_same_and_put_away_later(cli: Cli) -> None:
    cli.publish(NEW, *TRY)
    canary = cli.order.id
    cli.beat("worker-1", canary, Evidence())
    cli.without_s3()

    result, listed = cli.canary("abort"), cli.kill("list").stdout
    status, promoted = cli.canary("status"), cli.canary("promote")
    cli.with_s3()
    later = cli.canary("promote")
    away = cli.canary("abort")

    assert result.exit_code == 0, result.stderr
    assert "S3 does not answer: repeat this when it does" in result.stderr
    assert listed.startswith(f"canary:{canary} since ")
    assert " until " not in listed
    assert "S3 does not say" in status.stdout
    assert promoted.exit_code == 2
    assert (later.exit_code, "it is taken back, so it is not promoted" in later.stderr) == (1, True)
    assert (away.exit_code, " until " in cli.kill("list").stdout) == (0, True)


def test_without_s3_and_without_workers_somebody_has_to_say_which(cli: Cli) -> None:
    cli.publish(NEW, *TRY)
    cli.without_s3()

    nobody, named = cli.canary("abort"), cli.canary("abort", "--id", cli.order.id)

    assert (nobody.exit_code, named.exit_code) == (2, 0)
    assert "give it with --id" in nobody.stderr
    assert f"canary:{cli.order.id}" in cli.kill("list").stdout


def test_its_switch_is_not_lifted_while_it_would_go_on(cli: Cli) -> None:
    cli.publish(NEW, *TRY)
    cli.without_s3()
    cli.canary("abort", "--id", cli.order.id)
    name = f"canary:{cli.order.id}"

    unknown = cli.off(name)
    cli.with_s3()
    counts = cli.off(name)
    cli.canary("abort")
    over = cli.off(name)

    assert (unknown.exit_code, counts.exit_code, over.exit_code) == (1, 1, 0)
    assert "so its switch stays" in unknown.stderr
    assert "would go on without its switch: `rules canary abort` ends both" in counts.stderr


def test_the_status_says_what_all_workers_have_seen_and_who_does_not_use_it(cli: Cli) -> None:
    cli.publish(NEW, *TRY)
    cli.beat("worker-1", cli.order.id, Evidence(evaluated=600, wanted=20))
    cli.beat("worker-2", cli.order.id, Evidence(evaluated=400, wanted=20, tried=30, refused=1))
    cli.beat("worker-3", None, Evidence())

    status = cli.canary("status")

    assert status.exit_code == 0
    first, second, *lines = status.stdout.splitlines()
    assert first == f"canary {cli.order.id}: version {V_NEW} on 5 % of the users, in place of {V_LIVE}"
    assert second.endswith("by ines at " + second.split(" at ")[1])
    assert "  pushes, too many: 40 of 1,000; 4.00% foretold, the limit is 8.00%; 0% of the evidence against it" in lines
    assert "  push_refused: 1 of 30; 5.00% foretold, the limit is 10.00%; 0% of the evidence against it" in lines
    assert lines[-1] == "  not used by worker-3"


def test_begun_with_wait_it_returns_when_every_worker_uses_it(cli: Cli) -> None:
    cli.beat("worker-1", None, Evidence())

    def use_it() -> None:
        wait_until(lambda: cli.s3.has("rules/canary.json"), 30, "it is begun")
        cli.beat("worker-1", cli.order.id, Evidence())

    worker = Thread(target=use_it)
    worker.start()
    result = cli.publish(NEW, *TRY, "--wait")
    worker.join()

    assert result.exit_code == 0, result.stderr
    assert "all 1 workers report it after" in result.stdout


def test_without_kafka_nobody_can_say_whether_it_may_be_promoted(cli: Cli) -> None:
    cli.publish(NEW, *TRY)
    cli.environment["SAVING_ALERTS_KAFKA_BOOTSTRAP_SERVERS"] = "127.0.0.1:1"

    result, status = cli.canary("promote"), cli.canary("status")

    assert (result.exit_code, cli.live) == (2, LIVE)
    assert "nobody can say whether it is taken back" in status.stdout


def test_a_text_that_no_worker_would_read_is_not_written(cli: Cli) -> None:
    cli.publish(NEW, *TRY)
    long = ("--by", "tom", "--note", "x" * 2_001)

    ended = [cli.run("canary", what, *long) for what in ("promote", "abort")]

    assert [each.exit_code for each in ended] == [2, 2]
    assert cli.order.counts


@pytest.mark.parametrize("what", ["promote", "abort"])
def test_where_there_is_none_nothing_is_done(cli: Cli, what: str) -> None:
    result = cli.canary(what)

    assert result.exit_code == 1
    assert "there is no canary" in result.stderr


def test_with_four_eyes_only_what_two_people_stand_behind_is_tried(cli: Cli) -> None:
    cli.environment["SAVING_ALERTS_RULES_NEED_APPROVAL"] = "true"

    result = cli.publish(NEW, *TRY)

    assert result.exit_code == 1
    assert "try only what two people stand behind" in result.stderr
