"""Three workers: a canary as foretold becomes everybody's by its time alone, and one that is too loud is taken back.

With half of the users and 100 events a second its guards see as much as with 5 % at 1,000 a second.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import msgspec
import pytest

from demo.workers.worker_process import command_line
from saving_alerts.domain.canary.order import CanaryOrder
from saving_alerts.domain.canary.split import is_in_canary
from saving_alerts.domain.decisions import Decision, answer
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules_file.compiler import version_of
from tests.end_to_end.canary_deployment import LOUD, PER_SECOND, QUIET, QUIET_TOO, Deployment, three_workers
from tests.end_to_end.conditions import wait_until

LOUD_SECONDS = 40
TAKEN_BACK_SECONDS = 30


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    with three_workers(tmp_path) as deployment:
        yield deployment


def sets_named(decisions: dict[str, list[Decision]]) -> dict[str, set[tuple[str | None, str | None]]]:
    """By event: the versions of the rules, and the canaries, that its decisions name."""
    return {name: {(each.versions.rules, each.versions.canary) for each in found} for name, found in decisions.items()}


def of(body: bytes, canary: str | None) -> set[tuple[str | None, str | None]]:
    return {(version_of(body), canary)}


def is_drawn(order: CanaryOrder, name: str) -> bool:
    return is_in_canary(order.percent, order.version, f"u-{name}")


@pytest.mark.timeout(240)
def test_one_as_foretold_is_everybodys_when_its_time_is_over_although_s3_is_down(deployment: Deployment) -> None:
    order = deployment.begin(QUIET_TOO)
    during = deployment.write("during", 10 * PER_SECOND)
    named = sets_named(deployment.decided(during))
    drawn = {name for name in during if is_drawn(order, name)}
    wait_until(lambda: deployment.seen() > 0.8 * len(drawn), 20, "the workers have told each other what they saw")
    guards = deployment.guards()
    ending = msgspec.structs.replace(order, ends=datetime.now(UTC) + timedelta(seconds=10))
    deployment.world.s3.put("rules/canary.json", msgspec.json.encode(ending))
    wait_until(lambda: deployment.all_know_the_end(ending.ends), 20, "every worker knows when it ends")
    deployment.world.s3.stop()
    wait_until(lambda: datetime.now(UTC) > ending.ends, 20, "its time is over")
    after = sets_named(deployment.decided(deployment.write("after", 2 * PER_SECOND)))
    deployment.world.s3.start()
    status = deployment.rules("canary", "status")
    deployment.rules("canary", "promote", "--by", "tom", "--note", "as foretold", "--wait")
    # The version is everybody's already, so `--wait` has nothing to wait for; that the canary is over is another file.
    wait_until(deployment.none_knows_a_canary, 20, "every worker knows that it is written down")
    written = sets_named(deployment.decided(deployment.write("written", PER_SECOND)))

    assert {name: sets for name, sets in named.items() if name in drawn and sets != of(QUIET_TOO, order.id)} == {}
    assert {name: sets for name, sets in named.items() if name not in drawn and sets != of(QUIET, None)} == {}
    assert max(each["share"] for each in guards) < 1
    assert [sets for sets in after.values() if sets != of(QUIET_TOO, order.id)] == []
    assert "everybody has it; `rules canary promote` writes it down" in status
    assert [sets for sets in written.values() if sets != of(QUIET_TOO, None)] == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("percent", "per_second"),
    [
        pytest.param(50, 100, id="half at 100"),
        pytest.param(5, 1_000, id="5 % at 1,000", marks=pytest.mark.long),
    ],
)
def test_one_that_pushes_three_times_as_often_is_taken_back_without_s3_while_a_worker_dies(
    deployment: Deployment, percent: int, per_second: int
) -> None:
    order = deployment.begin(LOUD, percent)
    deployment.world.s3.stop()
    began = datetime.now(UTC)
    names: list[str] = []
    shoppers = Thread(target=lambda: names.extend(deployment.write("loud", LOUD_SECONDS * per_second, per_second)))
    shoppers.start()
    wait_until(lambda: deployment.seen() > 0, 20, "the guards have seen some events")
    deployment.workers[0].kill()
    wait_until(lambda: bool(deployment.canary().get("is_taken_back")), TAKEN_BACK_SECONDS, "it is taken back")
    taken_back_at, state = datetime.now(UTC), deployment.canary()["state"]
    shoppers.join()
    wait_until(deployment.all_have_taken_it_back, TAKEN_BACK_SECONDS, "every worker knows of it")
    later = sets_named(deployment.decided(deployment.write("later", PER_SECOND)))
    history = command_line(["kill", "history"], deployment.world.environment).stdout

    assert taken_back_at - began < timedelta(seconds=TAKEN_BACK_SECONDS)
    assert f"canary:{order.id} since" in state
    assert "pushes, too many: " in state
    assert f"canary:{order.id}  on by its guards, as worker-" in history
    assert [sets for sets in later.values() if sets != of(QUIET, None)] == []
    look_at_all(deployment, order, deployment.all_decided(names), taken_back_at)


def look_at_all(
    deployment: Deployment, order: CanaryOrder, decisions: dict[str, list[Decision]], taken_back_at: datetime
) -> None:
    """Every event has its answer, and each decision its set; nobody got two pushes; what was stopped names the canary.

    An event that the dead worker had decided, and not committed, may come again, and be decided by the other rules: it
    has two decisions then, and the answer is the stronger one, as after any reload. Its push may have been under way:
    that one may have arrived although it was taken back since.
    """
    ends = {name: answer(found).reason for name, found in decisions.items()}
    pushed = [push.push.trace.event_id for push in deployment.world.push_api.accepted]
    of_canary, of_others = of(LOUD, order.id), of(QUIET, None)
    wrong = {
        name: sets
        for name, sets in sets_named(decisions).items()
        if not sets <= (of_canary | of_others if is_drawn(order, name) else of_others)
    }
    killed = [each for found in decisions.values() for each in found if each.reason is Reason.KILLED]
    long_after = taken_back_at + timedelta(seconds=5)
    late = [
        push.push.trace.event_id
        for push in deployment.world.push_api.accepted
        if push.push.trace.rules_version == order.version and push.accepted_at > long_after
    ]
    again = [name for name, found in decisions.items() if len({each.reason for each in found}) > 1]
    assert len(pushed) == len(set(pushed))
    sure, possible = named_by(ends, Reason.PUSHED), named_by(ends, Reason.PUSHED, Reason.PUSH_UNCERTAIN)
    assert sure <= set(pushed) & ends.keys() <= possible
    assert len(again) < len(ends) / 20
    assert wrong == {}
    assert {each.versions.canary for each in killed} <= {order.id}
    assert [each for each in killed if not str(each.details["switch"]).startswith(f"canary:{order.id} since")] == []
    assert late == []


def named_by(ends: dict[str, Reason], *reasons: Reason) -> set[str]:
    return {name for name, reason in ends.items() if reason in reasons}
