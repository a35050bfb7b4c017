"""What `evaluate_rules` and `dispatch_push` decide of candidates, with Redis, Table and push API in memory."""

import asyncio
import itertools
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from benchmarks.contenders.immediate_ports import ImmediateSender
from saving_alerts.domain.coupons import Candidate
from saving_alerts.domain.decisions import Decision, Stage, decision_id
from saving_alerts.pipeline.dispatch import Dispatcher
from saving_alerts.pipeline.gathered_dispatch import GatheredDispatch
from saving_alerts.pipeline.outcomes import Decided, Forward
from saving_alerts.pipeline.steps import departure, evaluate_rules
from saving_alerts.pipeline.user_turns import UserTurns
from saving_alerts.ports.clock import Clock
from saving_alerts.reference_data.snapshot import ReferenceData
from tests.support.fakes.charged_users import User
from tests.support.fakes.kill_switches import FakeKillSwitches
from tests.support.fakes.push_sends import FakePushSends
from tests.support.fakes.taken_budgets import TakenBudgets
from tests.support.fakes.throttle import BUDGETS, FakeThrottle
from tests.support.simulated_time import LoopClock, run_simulated

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
Ended = Callable[[Candidate, Decision], None]


class LastStages:
    """Of one worker. Every push is accepted. Redis has known of budgets long before the first."""

    def __init__(self, data: ReferenceData, clock: Clock) -> None:
        self._data = data
        self._clock = clock
        dispatcher = Dispatcher(
            throttle=FakeThrottle(clock, users={BUDGETS: User(budgets=TakenBudgets(since=LONG_AGO))}),
            sender=ImmediateSender(),
            push_sends=FakePushSends(clock),
            kill_switches=FakeKillSwitches(),
            clock=clock,
            incarnation="benchmark",
            lease_left=timedelta(seconds=7),
            claim_numbers=itertools.count(1),
            merchant=data.current.merchants.by_id.get,
        )
        self._dispatch = GatheredDispatch(dispatcher, UserTurns(), data)

    async def decide(self, candidate: Candidate) -> Decision:
        """As of now; where alerts are gathered, it takes as long."""
        validated, event = candidate.validated, candidate.validated.event
        stage, decided = await self._decided(candidate)
        return Decision(
            decision_id=decision_id(validated.position, decided.reason),
            position=validated.position,
            stage=stage,
            reason=decided.reason,
            decided_at=self._clock.now(),
            worker="benchmark",
            event_id=event.event_id,
            user_id=event.user_id,
            merchant_id=event.merchant_id,
            details=dict(decided.details),
            versions=decided.versions,
        )

    async def _decided(self, candidate: Candidate) -> tuple[Stage, Decided]:
        now = self._clock.now()
        snapshot = self._data.current.of(candidate.validated.event.user_id, now)
        if left := departure(candidate, snapshot, now):
            return Stage.DISPATCH_PUSH, await self._dispatch.dispatch_push(left)
        outcome = evaluate_rules(candidate, snapshot, now)
        if isinstance(outcome, Forward):
            return Stage.DISPATCH_PUSH, await self._dispatch.dispatch_push(outcome.value)
        return Stage.EVALUATE_RULES, outcome


def live(data: ReferenceData, candidates: Iterable[Candidate], ended: Ended) -> None:
    """Let a worker decide all of them, each at its moment and in that order, and tell how each has ended."""
    run_simulated(_live(data, iter(candidates), ended))


async def _live(data: ReferenceData, candidates: Iterable[Candidate], ended: Ended) -> None:
    first, candidates = _first_of(candidates)
    clock = LoopClock(first)
    stages = LastStages(data, clock)

    async def decide(candidate: Candidate) -> None:
        ended(candidate, await stages.decide(candidate))

    async with asyncio.TaskGroup() as tasks:
        for each in candidates:
            await clock.sleep(_looked_at(each) - clock.now())
            tasks.create_task(decide(each))


def _first_of(candidates: Iterable[Candidate]) -> tuple[datetime, Iterable[Candidate]]:
    each = iter(candidates)
    first = next(each)
    return _looked_at(first), itertools.chain((first,), each)


def _looked_at(candidate: Candidate) -> datetime:
    return candidate.looked_at or candidate.validated.read_at
