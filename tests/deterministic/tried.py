"""Universes in which rules are tried on half of the users; they become everybody's in some, and are taken back."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

import msgspec

from saving_alerts.domain.alerts import Push
from saving_alerts.domain.canary.order import CanaryOrder
from saving_alerts.domain.decisions import Decision
from saving_alerts.domain.kill_switches import KillScope, KillSwitch
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.stopped_pushes import Stoppable
from tests.deterministic.facts import EventFacts
from tests.deterministic.plan import MARGIN_SECONDS
from tests.support.fakes.clock import START
from tests.support.sample_canary import VERSION, an_order

MERCHANT_ID = "m-1"
MARGIN = timedelta(seconds=2 * MARGIN_SECONDS)
ENDS_AFTER_SECONDS = (25.0, 7_200.0)
TAKEN_BACK_BETWEEN_SECONDS = (5.0, 45.0)


def order_of(seed: int, live: str) -> CanaryOrder:
    """In place of the rules that are live; of every second universe its time is over in the middle."""
    order = an_order(VERSION, live, percent=50, mark=f"{seed:06x}")
    ends = START + timedelta(seconds=ENDS_AFTER_SECONDS[seed % 2])
    return msgspec.structs.replace(order, ends=ends)


def taken_back_after(seed: int) -> float | None:
    """So many seconds; None for a universe in which it is not."""
    return None if seed % 3 == 0 else Random(seed).uniform(*TAKEN_BACK_BETWEEN_SECONDS)


def switch_of(order: CanaryOrder) -> KillSwitch:
    return KillSwitch(scope=KillScope.CANARY, id=order.id, reason="a guard", by="a seed", since=START)


def stoppable(push: Push, order: CanaryOrder | None) -> Stoppable:
    """What can stop it: its canary, where that has made it."""
    version = push.trace.rules_version
    canary = order.id if order is not None and version == order.version else None
    return Stoppable(MERCHANT_ID, push.trace.rule_id, version, canary)


def broken(facts: list[EventFacts], order: CanaryOrder) -> Iterator[str]:
    """Each decision names its set, and nobody has the canary's who is not in it, before its time is over."""
    for fact in facts:
        for decision in fact.decisions:
            yield from _of_decision(decision, fact.user_id, order)


def _of_decision(decision: Decision, user_id: str, order: CanaryOrder) -> Iterator[str]:
    named, told = decision.versions, f"{decision.position} of {user_id} is {decision.reason}"
    if (named.rules == order.version) is not (named.canary == order.id):
        yield f"{told} by {named.rules}, and its set is said to be {named.canary}"
    is_early = decision.decided_at < order.ends - MARGIN
    if named.canary is not None and is_early and not order.is_for(user_id, _early(decision.decided_at, order)):
        yield f"{told} by the rules of a canary that is not tried on this user"
    switch = str(decision.details.get("switch", ""))
    if decision.reason is Reason.KILLED and switch.startswith("canary:") and named.canary is None:
        yield f"{told} with a canary that has not made it"


def _early(moment: datetime, order: CanaryOrder) -> datetime:
    return min(moment, order.ends - MARGIN)
