"""Whatever link a coupon has, no push leads where none may, and whoever asks is told why."""

import json
from collections.abc import Iterator
from random import Random

import msgspec
import pytest

from demo.checks.decision_consumer import DecisionConsumer
from demo.stub_apis.coupon_api import Coupons
from demo.traffic.coupons import discounted, good_coupon
from demo.traffic.directory import MERCHANTS
from demo.traffic.paced_producer import PacedProducer
from demo.workers.worker_process import command_line
from demo.world import World
from saving_alerts.domain.reasons import Reason
from tests.end_to_end.shoppers import long_freshness_rules, visit
from tests.support.links import ALLOWED, HOSTS, REFUSED, SCHEMES

MERCHANT = msgspec.structs.replace(MERCHANTS[0], deep_link_hosts=HOSTS)
LINKS = [*ALLOWED, *REFUSED]
GOOD_LINK = "https://shop.example/good"
PER_SECOND = 100
ANSWER_SECONDS = 60


def coupons(user_id: str, _merchant_id: str) -> Coupons:
    """The best one has a link of the table; users whose name says so have a good one beside it."""
    kind, number = user_id.split("-")
    good = good_coupon(Random(user_id), MERCHANT)
    tried = discounted(good, 60) | {"coupon_id": "c-tried", "deep_link": LINKS[int(number)]}
    return [tried, discounted(good, 20) | {"deep_link": GOOD_LINK}] if kind == "both" else [tried]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    document = json.loads(long_freshness_rules())
    del document["quiet_hours"]
    with World(settings={"SAVING_ALERTS_DEEP_LINK_SCHEMES": ",".join(SCHEMES)}) as world:
        world.s3.put("rules.json", json.dumps(document).encode())
        world.s3.put("merchants.jsonl", msgspec.json.encode(MERCHANT) + b"\n")
        world.coupon_api.coupons = coupons
        world.start_worker().wait_until_ready()
        yield world


@pytest.mark.timeout(180)
def test_no_refused_link_is_pushed_and_its_coupon_is_passed_over_by_name(world: World) -> None:
    users = [f"{kind}-{number}" for kind in ("both", "alone") for number in range(len(LINKS))]
    producer = PacedProducer(world.bootstrap_servers, world.topics.source.name)
    with DecisionConsumer(world.bootstrap_servers, world.topics.decisions.name) as decisions:
        producer.write([visit(f"e-{user}", user) for user in users], PER_SECOND)
        decisions.wait_for_answers(len(users), ANSWER_SECONDS)
        found = {each.user_id: each for at in producer.positions.values() for each in decisions.at(at)}

    pushed = {each.push.user_id: each.push.deep_link for each in world.push_api.accepted}
    allowed = range(len(ALLOWED))
    assert pushed == {
        **{f"{kind}-{number}": LINKS[number] for kind in ("both", "alone") for number in allowed},
        **{f"both-{number}": GOOD_LINK for number in range(len(ALLOWED), len(LINKS))},
    }
    for number, (link, why) in enumerate(REFUSED.items(), start=len(ALLOWED)):
        decision = found[f"alone-{number}"]
        assert decision.reason is (Reason.RULE_REFUSED if link else Reason.NO_COUPON)
        for each in (decision, found[f"both-{number}"]):
            (named,) = msgspec.convert(each.details["passed_over"], list[dict[str, str]])
            assert named["coupon_id"] == "c-tried"
            assert named["because"].endswith(why if link else "at `$.deep_link`")


def test_explain_says_why(world: World) -> None:
    number = LINKS.index("javascript:alert(1)")

    done = command_line(["explain", "--user", f"alone-{number}"], world.environment)

    assert "c-tried" in done.stdout
    assert "the scheme javascript is not allowed" in " ".join(done.stdout.split())
