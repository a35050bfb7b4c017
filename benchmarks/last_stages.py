"""What `evaluate_rules` and `dispatch_push` decide of a candidate, with Redis, Table and push API in memory."""

import itertools
from datetime import UTC, datetime, timedelta

from benchmarks.contenders.immediate_ports import ImmediateSender
from saving_alerts.domain.coupons import Candidate
from saving_alerts.domain.decisions import Decision, Stage, decision_id
from saving_alerts.pipeline.dispatch import Dispatcher
from saving_alerts.pipeline.outcomes import Forward
from saving_alerts.pipeline.steps import evaluate_rules
from saving_alerts.reference_data.snapshot import Snapshot
from tests.support.fakes.charged_users import User
from tests.support.fakes.clock import FakeClock
from tests.support.fakes.kill_switches import FakeKillSwitches
from tests.support.fakes.push_sends import FakePushSends
from tests.support.fakes.taken_budgets import TakenBudgets
from tests.support.fakes.throttle import BUDGETS, FakeThrottle

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class LastStages:
    """Of one worker, whose clock is at the moment of each candidate. Every push is accepted.

    Redis has known of budgets long before the first.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._clock = FakeClock()
        self._dispatcher = Dispatcher(
            throttle=FakeThrottle(self._clock, users={BUDGETS: User(budgets=TakenBudgets(since=LONG_AGO))}),
            sender=ImmediateSender(),
            push_sends=FakePushSends(self._clock),
            kill_switches=FakeKillSwitches(),
            clock=self._clock,
            incarnation="benchmark",
            lease_left=timedelta(seconds=7),
            claim_numbers=itertools.count(1),
            merchant=snapshot.merchants.by_id.get,
        )

    async def decide(self, candidate: Candidate) -> Decision:
        validated, at = candidate.validated, candidate.looked_at or candidate.validated.read_at
        self._clock.set(at)
        stage, decided = Stage.EVALUATE_RULES, evaluate_rules(candidate, self._snapshot, at)
        if isinstance(decided, Forward):
            stage = Stage.DISPATCH_PUSH
            decided = await self._dispatcher.dispatch_push(decided.value, self._snapshot.rules)
        return Decision(
            decision_id=decision_id(validated.position, decided.reason),
            position=validated.position,
            stage=stage,
            reason=decided.reason,
            decided_at=at,
            worker="benchmark",
            event_id=validated.event.event_id,
            user_id=validated.event.user_id,
            merchant_id=validated.event.merchant_id,
            details=dict(decided.details),
            versions=decided.versions,
        )
