"""What workers decided is what `simulate` finds with the same rules; with others it says what would change."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from demo.checks.decision_consumer import DecisionConsumer
from demo.stub_apis.coupon_api import Coupons
from demo.traffic import merchants_jsonl
from demo.traffic.coupons import discounted, good_coupon
from demo.traffic.directory import MERCHANTS
from demo.traffic.paced_producer import PacedProducer
from demo.workers.worker_process import WorkerProcess, command_line, wait_until_ready
from demo.world import World
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules_file.compiler import version_of
from tests.end_to_end.conditions import page, wait_until
from tests.end_to_end.shoppers import app_opened, long_freshness_rules, visit

pytestmark = pytest.mark.timeout(240)

USERS = 120
PER_SECOND = 100
ANSWER_SECONDS = 60
POOR = ("0", "5")  # how the names of those end who are offered 12 %


def rules(**of_the_first: object) -> bytes:
    """The demo's rules without quiet hours, the first one with other fields."""
    document = json.loads(long_freshness_rules())
    del document["quiet_hours"]
    document["rules"][0] |= of_the_first
    return json.dumps(document).encode()


def coupons(user_id: str, _merchant_id: str) -> Coupons:
    good = good_coupon(Random(user_id), MERCHANTS[0])
    return [discounted(good, 12 if user_id.endswith(POOR) else 30)]


@dataclass
class Recorded:
    """A world in which every user has visited twice, and a folder for rules files."""

    world: World
    reasons: dict[Reason, int]
    folder: Path
    workers: list[WorkerProcess]

    def simulate(self, body: bytes, *arguments: str) -> str:
        file = self.folder / "rules.json"
        file.write_bytes(body)
        ended = command_line(["simulate", "--rules", str(file), "--since", "1h", *arguments], self.world.environment)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def figures(self, body: bytes) -> dict[str, tuple[int, int]]:
        document = json.loads(self.simulate(body, "--json"))
        return {figure["name"]: (figure["before"], figure["after"]) for figure in document["figures"]}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    with World() as world, DecisionConsumer(world.bootstrap_servers, world.topics.decisions.name) as decisions:
        world.s3.put("rules.json", rules())
        world.s3.put("merchants.jsonl", merchants_jsonl())
        world.coupon_api.coupons = coupons
        workers = [world.start_worker(), world.start_worker()]
        wait_until_ready(workers)
        producer = PacedProducer(world.bootstrap_servers, world.topics.source.name)
        for visits in ("first", "second"):
            producer.write((visit(f"{visits}-{n}", f"u-{n}") for n in range(USERS)), PER_SECOND)
            decisions.wait_for_answers(len(producer.positions), ANSWER_SECONDS)
        producer.write((app_opened(f"look-{n}", f"u-{n}") for n in range(30)), PER_SECOND)
        decisions.wait_for_answers(len(producer.positions), ANSWER_SECONDS)
        yield Recorded(world, dict(decisions.counts()), tmp_path_factory.mktemp("rules"), workers)


def test_the_same_rules_decide_what_was_decided(recorded: Recorded) -> None:
    document = json.loads(recorded.simulate(rules(), "--json"))

    (agreement,) = document["recorded"]
    pushed = next(figure for figure in document["figures"] if figure["name"] == "pushes")
    assert (agreement["version"], agreement["different"], agreement["examples"]) == (version_of(rules()), 0, [])
    assert agreement["same"] == document["candidates"] >= USERS
    assert (pushed["before"], pushed["after"]) == (USERS, USERS) == (recorded.reasons[Reason.PUSHED],) * 2


def test_a_stricter_rule_loses_those_whom_it_refuses(recorded: Recorded) -> None:
    figures = recorded.figures(rules(min_discount_percent=20))

    poor = sum(str(n).endswith(POOR) for n in range(USERS))
    assert figures["pushes"] == (USERS, USERS - poor)
    assert figures["users with a push"] == (USERS, USERS - poor)
    assert figures["rule at-the-store: min_discount_percent said no"][0] == 0
    assert figures["rule at-the-store: min_discount_percent said no"][1] >= poor


def test_it_says_in_words_who_loses_and_what_it_cannot_know(recorded: Recorded) -> None:
    output = recorded.simulate(rules(min_discount_percent=20, event_types=["geofence_entered", "coupon_saved"]))

    assert "24 users get fewer pushes, such as u-" in output
    assert "0 users get more pushes" in output
    assert f"were decided with {version_of(rules())} then: " in output
    assert "0 different" in output
    assert f"{USERS} events decided without asking for coupons (capped {USERS})" in output
    assert "30 events that no rule listened to" in output
    assert "only the new rules listen to coupon_saved" in output


def test_the_figures_fit_into_a_spreadsheet(recorded: Recorded) -> None:
    rows = list(csv.reader(io.StringIO(recorded.simulate(rules(min_discount_percent=20), "--csv"))))

    assert rows[0] == ["figure", version_of(rules()), version_of(rules(min_discount_percent=20))]
    assert ["pushes", str(USERS), str(USERS - 24)] in rows
    by_hour = [row for row in rows if row[0].startswith("pushes at ")]
    assert sum(int(row[1]) for row in by_hour) == USERS


def test_the_share_of_asks_avoided_is_half_because_every_second_visit_is_capped(recorded: Recorded) -> None:
    name = "saving_alerts_coupon_api_skipped_share "

    def shares() -> list[float]:
        lines = [line for worker in recorded.workers for line in page(worker, "/metrics").body.splitlines()]
        return [float(line.removeprefix(name)) for line in lines if line.startswith(name)]

    wait_until(lambda: shares() == [0.5, 0.5], ANSWER_SECONDS, "a share of a half on both workers")


def test_a_version_that_nobody_published_cannot_be_compared_with(recorded: Recorded) -> None:
    file = recorded.folder / "rules.json"
    file.write_bytes(rules())
    arguments = ["simulate", "--rules", str(file), "--compare", "0123456789ab"]

    ended = command_line(arguments, recorded.world.environment)

    assert ended.returncode == 2
    assert "there is no rules/0123456789ab.json in the bucket" in ended.stderr
