"""Upstream tells on a topic who opts out: a worker obeys it until the first byte of a push, whatever the event said."""

from collections.abc import Iterator
from functools import partial

import pytest

from demo.checks.decision_consumer import DecisionConsumer, Position
from demo.stub_apis.faults import Behaviour
from demo.traffic.consent_changes import ConsentChanges, consent_change
from demo.traffic.paced_producer import PacedProducer
from demo.workers.worker_process import WorkerProcess
from demo.world import World
from saving_alerts.domain.decisions import Decision, Stage
from saving_alerts.domain.reasons import Reason
from tests.end_to_end.conditions import wait_until
from tests.end_to_end.shoppers import good_coupons, long_freshness_rules, visit

pytestmark = pytest.mark.timeout(180)

ANSWER_SECONDS = 60
CONSENT_TOPIC = "saving-consent"
# An ask that hangs is to be the first one still when it is let go.
SETTINGS = {
    "SAVING_ALERTS_CONSENT_TOPIC": CONSENT_TOPIC,
    "SAVING_ALERTS_COUPON_API_TIMEOUT_SECONDS": "60",
    "SAVING_ALERTS_COUPON_API_TOTAL_SECONDS": "60",
}
HANG = Behaviour(fault="hang")


class Shop:
    """One worker in a world with consent changes. Every event says that its user consents."""

    def __init__(self, world: World, decisions: DecisionConsumer) -> None:
        self.world = world
        self.decisions = decisions
        self._changes = ConsentChanges(world.bootstrap_servers, CONSENT_TOPIC)
        self._opted_out: set[str] = set()
        self._producer = PacedProducer(world.bootstrap_servers, world.topics.source.name)
        self.worker: WorkerProcess = world.start_worker()
        self.worker.wait_until_ready()

    def visited(self, user: str, event: str | None = None) -> Position:
        name = event or user
        self._producer.write([visit(name, user)], 100)
        return self._producer.positions[name]

    def answer(self, position: Position) -> Decision:
        assert self.decisions.wait_for(position, ANSWER_SECONDS), self.worker.health()
        (decision,) = self.decisions.at(position)
        return decision

    def pushes(self, user: str) -> int:
        return sum(accepted.push.user_id == user for accepted in self.world.push_api.accepted)

    def asks(self, user: str) -> int:
        return sum(f"/users/{user}/" in request.path for request in self.world.coupon_api.requests)

    def attempts(self, user: str) -> int:
        return sum(request.user_id == user for request in self.world.push_api.requests)

    def opt_out(self, user: str, value: bytes | None = None) -> None:
        """Return when Kafka has it. `value` is the record's, where it is no change as it should be."""
        self._changes.write({user.encode(): value or consent_change(consent=False)})
        self._opted_out.add(user)

    def opt_in(self, user: str) -> None:
        self._changes.write({user.encode(): consent_change(consent=True)})
        self._opted_out.discard(user)

    def wait_until_obeyed(self) -> None:
        """Return when the worker knows of as many as have opted out."""
        number = len(self._opted_out)
        wait_until(partial(self._knows_of, number), ANSWER_SECONDS, f"{number} opt-outs are known")

    def _knows_of(self, number: int) -> bool:
        conditions = self.worker.health().get("conditions", [])
        return any(each["name"] == "consent" and each["detail"].startswith(f"{number} users ") for each in conditions)


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    opening = World(settings=SETTINGS)
    with opening as world, DecisionConsumer(world.bootstrap_servers, world.topics.decisions.name) as decisions:
        world.publish_reference_data()
        world.s3.put("rules.json", long_freshness_rules())
        world.coupon_api.coupons = good_coupons
        yield Shop(world, decisions)


def test_an_opt_out_holds_until_an_opt_in_and_no_event_lifts_it(shop: Shop) -> None:
    shop.opt_out("u-out")
    shop.opt_out("u-unreadable", b"\xff")
    shop.wait_until_obeyed()
    out, unreadable = shop.answer(shop.visited("u-out")), shop.answer(shop.visited("u-unreadable"))
    asks = shop.asks("u-out")
    shop.opt_in("u-out")
    shop.wait_until_obeyed()
    back, still = shop.answer(shop.visited("u-out", "again")), shop.answer(shop.visited("u-unreadable", "still"))

    assert (out.reason, out.stage, asks) == (Reason.NO_CONSENT, Stage.QUERY_COUPONS, 0)
    assert str(out.details["consent"]).startswith("opted out at ")
    assert (unreadable.reason, still.reason) == (Reason.NO_CONSENT, Reason.NO_CONSENT)
    assert "cannot be read" in str(unreadable.details["consent"])
    assert (back.reason, shop.pushes("u-out"), shop.pushes("u-unreadable")) == (Reason.PUSHED, 1, 0)


def test_an_opt_out_between_the_ask_and_the_attempt_means_no_push(shop: Shop) -> None:
    shop.world.coupon_api.behave(HANG, user_id="u-slow")
    position = shop.visited("u-slow")
    shop.world.coupon_api.wait_until(lambda: shop.asks("u-slow") == 1)
    shop.opt_out("u-slow")
    shop.wait_until_obeyed()
    shop.world.coupon_api.recover()

    decision = shop.answer(position)

    assert (decision.reason, decision.stage) == (Reason.NO_CONSENT, Stage.DISPATCH_PUSH)
    assert (shop.asks("u-slow"), shop.attempts("u-slow")) == (1, 0)


def test_an_opt_out_after_an_unclear_attempt_is_uncertain(shop: Shop) -> None:
    shop.world.push_api.behave(HANG, user_id="u-unclear")
    position = shop.visited("u-unclear")
    shop.world.push_api.wait_until(lambda: shop.attempts("u-unclear") == 1)
    shop.opt_out("u-unclear")

    decision = shop.answer(position)

    assert (decision.reason, decision.stage) == (Reason.PUSH_UNCERTAIN, Stage.DISPATCH_PUSH)


def test_a_worker_that_starts_reads_to_the_end_before_it_pushes(shop: Shop) -> None:
    """Also what nobody had re-keyed: all workers were away when it was written."""
    shop.worker.stop()
    shop.opt_out("u-away")
    position = shop.visited("u-away")
    shop.worker.start()

    decision = shop.answer(position)

    assert decision.reason is Reason.NO_CONSENT
    assert (shop.asks("u-away"), shop.attempts("u-away")) == (0, 0)
