"""The Coupon API fails for seconds under load: who has a minute left when it is well again gets the push."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from demo.stub_apis.faults import Behaviour
from demo.traffic.paced_producer import Record
from tests.end_to_end.shoppers import FRESHNESS, visit
from tests.faults.case import Case
from tests.faults.deployment import Deployment
from tests.faults.deployment_spec import DeploymentSpec
from tests.faults.rounds import ROUNDS

# Of the shoppers around it, who come all the time; nearly two in three of their events ask the Coupon API.
LOAD_PER_SECOND = 100
# Of those who come during the fault, and have little more than a minute left behind it.
DUE_PER_SECOND = 30
LEFT_SECONDS = 62
ASKS_BEFORE = 30
ASKS_TIMEOUT_SECONDS = 30
HANGS_TWICE_EVERY = 10
# Longer than all attempts of an event may take, so that it does not fit between two of them.
LONG_PAUSE_SECONDS = 20


@dataclass(frozen=True, slots=True)
class CouponApiSpec(DeploymentSpec):
    """Workers with the usual limits of the Coupon API, but for how many requests they make at the same time."""

    coupon_api_concurrency: int = 64

    @property
    def settings(self) -> dict[str, str]:
        usual = DeploymentSpec.settings.fget(self)  # type: ignore[attr-defined]
        return {
            **{name: value for name, value in usual.items() if "COUPON_API" not in name},
            "SAVING_ALERTS_COUPON_API_CONCURRENCY": str(self.coupon_api_concurrency),
        }


@dataclass(frozen=True, slots=True)
class Outage:
    """What the API does to everybody, or to some users only, for so many seconds."""

    seconds: float
    to_all: Behaviour | None = None
    to_one_in_ten: Behaviour | None = None


def asks_for_pause(status: int) -> Behaviour:
    return Behaviour(fault="status", status=status, retry_after_seconds=LONG_PAUSE_SECONDS)


KINDS: dict[str, tuple[Behaviour | None, Behaviour | None]] = {
    "it hangs": (Behaviour(fault="unanswered"), None),
    "it answers 500": (Behaviour(fault="status", status=500), None),
    "it answers 429": (Behaviour(fault="status", status=429), None),
    "it answers 429 and asks for a pause": (
        asks_for_pause(429),
        None,
    ),
    "it answers 503": (Behaviour(fault="status", status=503), None),
    "it answers 503 and asks for a pause": (
        asks_for_pause(503),
        None,
    ),
    "it is slow": (Behaviour(latency_seconds=2), None),
    "it is slower than an attempt": (Behaviour(latency_seconds=6), None),
    "the first two asks of one in ten hang": (None, Behaviour(fault="unanswered", times=2)),
}
# So long that all attempts of the former releases fell into it.
SHORT_SECONDS = 10
LONG_SECONDS = (5, 15, 30)
SMALL, LARGE = CouponApiSpec(coupon_api_concurrency=64), CouponApiSpec(coupon_api_concurrency=256)


def name_of(kind: str, seconds: int, spec: CouponApiSpec) -> str:
    return f"{kind} for {seconds} s, {spec.coupon_api_concurrency} in flight"


SHORT_CASES = [
    pytest.param(LARGE, Outage(SHORT_SECONDS, *each), id=name_of(kind, SHORT_SECONDS, LARGE))
    for kind, each in KINDS.items()
]
AGAIN = [
    pytest.param(*each.values, id=f"{each.id}, round {number + 1}", marks=pytest.mark.long)
    for number in range(1, len(ROUNDS))
    for each in SHORT_CASES
]
LONG_CASES = [
    pytest.param(spec, Outage(seconds, *each), id=name_of(kind, seconds, spec), marks=pytest.mark.long)
    for spec in (SMALL, LARGE)
    for kind, each in KINDS.items()
    for seconds in LONG_SECONDS
]

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]


def due(case: Case, deployment: Deployment, outage: Outage, users: list[str]) -> Iterator[Record]:
    """Shoppers as long as the outage lasts, each with a deadline a minute behind it; they are added to `users`."""
    ends = time.monotonic() + outage.seconds
    while (to_come := ends - time.monotonic()) > 0:
        user = case.user(f"due-{len(users)}")
        if outage.to_one_in_ten and len(users) % HANGS_TWICE_EVERY == 0:
            deployment.world.coupon_api.behave(outage.to_one_in_ten, user_id=user)
        users.append(user)
        yield visit(user, user, age=FRESHNESS - timedelta(seconds=to_come + LEFT_SECONDS))


@pytest.mark.parametrize(("deployment", "outage"), [*SHORT_CASES, *AGAIN, *LONG_CASES], indirect=["deployment"])
def test_nobody_who_has_a_minute_left_is_lost(deployment: Deployment, case: Case, outage: Outage) -> None:
    api = deployment.world.coupon_api
    case.begin(LOAD_PER_SECOND)
    asked = len(api.requests)
    api.wait_until(lambda: len(api.requests) >= asked + ASKS_BEFORE, ASKS_TIMEOUT_SECONDS)

    if outage.to_all:
        api.behave(outage.to_all)
    users: list[str] = []
    case.write(due(case, deployment, outage, users), DUE_PER_SECOND)
    api.behave()
    case.expect(users)

    assert case.check().failures == ()
    assert users
