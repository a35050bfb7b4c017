"""One day of a budget, in made time: twelve partitions, three workers, a rebalance every hour, claims as they are.

Redis is the fake that the contract suites hold against Lua. A worker is what a claim sees of one: it reserves,
attempts, and confirms or gives back; it dies, or goes on with what is another's.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from random import Random

import msgspec

from saving_alerts.domain.budgets import Budget, BudgetDay, day_of
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.ports.throttle import BudgetSpent, Busy, Claim, Granted
from tests.budgets.alternatives import PARTITIONS
from tests.budgets.demand import arrivals, opening
from tests.budgets.push_api import CountingPushApi
from tests.support.fakes.charged_users import User
from tests.support.fakes.clock import FakeClock
from tests.support.fakes.throttle import FakeThrottle

WORKERS = 3
FRESHNESS = timedelta(minutes=10)
LEASE_SECONDS = 20
BUDGET_HOURS = "Mo-Su 09:00-21:00"
MIDNIGHT = datetime(2026, 11, 27, tzinfo=UTC)

Outcome = str
OUTCOMES = ("accepted", "refused", "throttled", "unclear")
WEIGHTS = (93, 2, 2, 3)


@dataclass(slots=True)
class Alert:
    """One event of a user whom no cap stops. `taken_by`: the workers that it was given to."""

    number: int
    partition: int
    deadline: datetime
    acked: bool = False
    unclear: bool = False

    @property
    def event_id(self) -> str:
        return f"event-{self.number}"


@dataclass
class Day:
    """`wipes`: at so many moments Redis loses all data. After `run`, `api` and `spent` say what became of the day."""

    seed: int
    pushes: int
    demand: int
    shape: str = "steady"
    wipes: int = 0
    spent: int = 0
    rebalances: int = 0
    random: Random = field(init=False)
    clock: FakeClock = field(default_factory=lambda: FakeClock(MIDNIGHT))
    users: dict[str, User] = field(default_factory=dict)
    moments: list[datetime] = field(default_factory=list)
    _steps: list[tuple[datetime, int, Callable[[], Awaitable[None]]]] = field(default_factory=list)
    _numbers: "count[int]" = field(default_factory=count)
    _dead: set[str] = field(default_factory=set)
    _in_work: dict[int, Alert] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.day: BudgetDay = day_of("merchant:m-1", Budget(self.pushes, "UTC", BUDGET_HOURS), (), MIDNIGHT)
        self.api = CountingPushApi(self.day)
        self.throttle = FakeThrottle(self.clock, LEASE_SECONDS, self.users)
        self._workers = [f"worker-{number}.0" for number in range(WORKERS)]
        self._owners = [self._workers[number % WORKERS] for number in range(PARTITIONS)]

    @property
    def accepted(self) -> int:
        return len(self.api.accepted)

    async def run(self) -> "Day":
        await self.throttle.check()  # as every worker does when it starts
        opens, closes = opening(self.day)
        self.moments = arrivals(self.shape, self.demand, opens, closes, self.random)
        for number, moment in enumerate(self.moments):
            alert = Alert(number, self.random.randrange(PARTITIONS), moment + FRESHNESS)
            self._at(moment, lambda alert=alert: self._delivered(alert))  # type: ignore[misc] # bound now
        for hour in range(24):
            self._at(MIDNIGHT + timedelta(hours=hour, seconds=self.random.uniform(0, 3000)), self._rebalanced)
        for _ in range(self.wipes):
            self._at(opens + self.random.random() * (closes - opens), self._wiped)
        while self._steps:
            moment, _, step = heappop(self._steps)
            self.clock.set(max(self.clock.now(), moment))
            await step()
        return self

    def _at(self, moment: datetime, step: Callable[[], Awaitable[None]]) -> None:
        heappush(self._steps, (moment, next(self._numbers), step))

    def _in(self, seconds: float, step: Callable[[], Awaitable[None]]) -> None:
        self._at(self.clock.now() + timedelta(seconds=seconds), step)

    async def _wiped(self) -> None:
        self.users.clear()

    async def _delivered(self, alert: Alert) -> None:
        if not alert.acked:
            self._in_work[alert.number] = alert
            await self._try(alert, self._owners[alert.partition])

    async def _rebalanced(self) -> None:
        """A worker dies, or is asleep over what it has in work, or all hand over what they hold no claim for."""
        self.rebalances += 1
        former = self._workers[turn := self.random.randrange(WORKERS)]
        kind = self.random.choice(("death", "sleep", "in order"))
        if kind == "death":
            self._dead.add(former)
            self._workers[turn] = f"worker-{turn}.{self.rebalances}"
        before, self._owners = self._owners, [self.random.choice(self._workers) for _ in range(PARTITIONS)]
        for alert in list(self._in_work.values()):
            if before[alert.partition] != self._owners[alert.partition]:
                self._in(self.random.uniform(3, 12), lambda alert=alert: self._delivered(alert))  # type: ignore[misc] # bound now

    def _claim(self, alert: Alert, owner: str) -> Claim:
        position = SourcePosition("saving-events", alert.partition, alert.number)
        claim = Claim(f"u-{alert.number}", "m-1", alert.event_id, position, owner, next(self._numbers))
        return msgspec.structs.replace(claim, budgets=(self.day,))

    async def _try(self, alert: Alert, owner: str) -> None:
        if alert.acked or owner in self._dead:
            return
        claim, now = self._claim(alert, owner), self.clock.now()
        answer = (
            await self.throttle.look(claim, ()) if now >= alert.deadline else await self.throttle.reserve(claim, ())
        )
        match answer:
            case Granted(until):
                self._attempt(alert, claim, until, taken_over=answer.taken_over)
            case Busy():
                self._in(1, lambda: self._try(alert, owner))
            case _:
                self.spent += isinstance(answer, BudgetSpent)
                await self._ended(alert, claim, uncertain=alert.unclear)

    def _attempt(self, alert: Alert, claim: Claim, until: datetime, *, taken_over: bool) -> None:
        takes = self.random.choice((0.05, 0.2, 4.9))
        not_after = min(until, alert.deadline)
        self._in(takes, lambda: self._answered(alert, claim, not_after, taken_over=taken_over))

    async def _answered(self, alert: Alert, claim: Claim, not_after: datetime, *, taken_over: bool) -> None:
        """A request may arrive although whoever made it is dead, or although nobody hears the answer."""
        outcome = self.random.choices(OUTCOMES, WEIGHTS)[0]
        arrives = outcome == "accepted" or (outcome == "unclear" and self.random.random() < 0.5)
        accepted = arrives and self.api.accept(alert.event_id, self.clock.now(), not_after)
        if claim.incarnation in self._dead:
            return
        alert.unclear = alert.unclear or outcome == "unclear"
        if outcome == "accepted" and accepted:
            await self.throttle.confirm(claim, uncertain=False)
            await self._ended(alert, claim, uncertain=False, sent=True)
        elif outcome == "refused":
            await self._given_back(alert, claim, taken_over=taken_over)
            await self._ended(alert, claim, uncertain=alert.unclear or taken_over)
        else:
            await self._again(alert, claim, taken_over=taken_over)

    async def _again(self, alert: Alert, claim: Claim, *, taken_over: bool) -> None:
        await self._given_back(alert, claim, taken_over=taken_over)
        owner = claim.incarnation
        self._in(2, lambda: self._try(alert, owner))

    async def _given_back(self, alert: Alert, claim: Claim, *, taken_over: bool) -> None:
        if not alert.unclear and not taken_over:
            await self.throttle.release(claim)

    async def _ended(self, alert: Alert, claim: Claim, *, uncertain: bool, sent: bool = False) -> None:
        if uncertain and not sent:
            await self.throttle.confirm(claim, uncertain=True)
        alert.acked = True
        self._in_work.pop(alert.number, None)
