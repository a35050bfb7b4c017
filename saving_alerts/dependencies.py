"""The one place that knows how everything is that a worker depends on: since when, how often ill, and why.

A dependency is a condition of health by its name. Adapters say of theirs what they meet; what nobody meets by itself
is looked at once a second. Each change of state is one log line. What an event waited for while it was ill is said in
its decision: docs/adr/0043-what-held-an-event.md.
"""

import logging
import re
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from saving_alerts.domain.decisions import Stage
from saving_alerts.domain.decoding import Instant, printable
from saving_alerts.domain.holds import MAX_ERROR_CHARACTERS, HeldBy, Holds, in_words
from saving_alerts.domain.moments import EPOCH, of_milliseconds

log = logging.getLogger(__name__)

# After a failure a dependency must have answered, and not failed, for so long: else a rate limit would change the
# state, and write a line, every second.
CALM = timedelta(seconds=5)
# Of the past of a dependency, for events that have waited since: more outages than an event can live through.
KEPT_OUTAGES = 50
# An event that waits for less was not held by anybody: a probe takes as long.
SHORTEST_HOLD = timedelta(seconds=1)


class State(StrEnum):
    """How something is. `docs/operating.md` has these words."""

    OK = "ok"
    DEGRADED = "degraded"  # the worker goes on, or holds events until it is over
    NOT_READY = "not ready"
    OFF = "off by choice"

    @property
    def is_ill(self) -> bool:
        return self in {State.DEGRADED, State.NOT_READY}


COUPON_API, PUSH_API, REDIS = "coupon_api", "push_api", "redis"
CONSENT, CLOCK, KAFKA_ACCESS, WORKERS = "consent", "clock", "kafka_access", "workers"
# How people call them in a sentence.
TITLES = {
    COUPON_API: "the Coupon API",
    PUSH_API: "the push API",
    REDIS: "Redis",
    CONSENT: "the consent topic",
    CLOCK: "a clock that is wrong",
    KAFKA_ACCESS: "Kafka",
    WORKERS: "the takeover of partitions",
}
# What the events in a stage wait for.
WAITED_FOR: dict[Stage, tuple[str, ...]] = {
    Stage.VALIDATE: (KAFKA_ACCESS, CLOCK),
    Stage.QUERY_COUPONS: (KAFKA_ACCESS, CONSENT, COUPON_API),
    Stage.EVALUATE_RULES: (KAFKA_ACCESS,),
    Stage.DISPATCH_PUSH: (KAFKA_ACCESS, CONSENT, REDIS, PUSH_API),
}

# Events of a worker that died waited for their heir, which has them now.
HELD_BY = {stage: (*names, WORKERS) for stage, names in WAITED_FOR.items()}

# Of these changes somebody else writes the line, who knows more.
SAID_ELSEWHERE: dict[str, frozenset[State]] = {
    "kill_switches": frozenset({State.OFF, State.OK}),
    KAFKA_ACCESS: frozenset({State.DEGRADED, State.OK}),
    **dict.fromkeys(("rules", "merchants"), frozenset({State.NOT_READY, State.OK})),
    **dict.fromkeys(("rules_fresh", "merchants_fresh"), frozenset({State.DEGRADED, State.OK})),
}


@dataclass(frozen=True, slots=True)
class LastFailure:
    """What a dependency did last, in its own words. `status` is an HTTP status, `address` where it was asked."""

    text: str
    at: Instant
    status: int | None = None
    address: str = ""


@dataclass(slots=True)
class _Outage:
    began: datetime
    error: str | None
    ended: datetime | None = None

    def overlap(self, begin: datetime, end: datetime) -> timedelta:
        return min(end, self.ended or end) - max(begin, self.began)


@dataclass(slots=True)
class DependencyState:
    """One of them. Times come from `now`; nothing here waits.

    `since` is when the present state began, None before anything is known. `times` counts how often it was ill,
    `expired` the events that the present or last time has cost. `next_try`: before it nobody asks.
    """

    name: str
    now: Callable[[], datetime]
    address: str = ""
    state: State = State.OK
    since: datetime | None = None
    times: int = 0
    expired: int = 0
    error: LastFailure | None = None
    next_try: datetime | None = None
    _answered: bool = False  # since the last failure
    _outages: deque[_Outage] = field(default_factory=lambda: deque(maxlen=KEPT_OUTAGES))

    @property
    def title(self) -> str:
        return TITLES.get(self.name, self.name.replace("_", " "))

    @property
    def is_ill(self) -> bool:
        return self.state.is_ill

    def __str__(self) -> str:
        """For whoever waits for it: `the push API: HTTP 500`."""
        return f"{self.title}: {self.error.text}" if self.error else self.title

    def failed(self, text: str, status: int | None = None) -> None:
        """A request failed. That alone does not make it ill: some of a healthy API's do."""
        self.error = LastFailure(printable(text, MAX_ERROR_CHARACTERS), self.now(), status, self.address)
        self._answered = False
        if self.is_ill and self._outages:
            self._outages[-1].error = self.error.text

    def ill(self, next_try: datetime | None = None) -> None:
        """It is left alone, or answers nobody; the reason was told to `failed`."""
        self.next_try, self._answered = next_try, False
        self._enter(State.DEGRADED)

    def answered(self) -> None:
        """It answered a request, and is not left alone."""
        self._answered, self.next_try = True, None
        if self.since is None:
            self._enter(State.OK)
        self.settle()

    def settle(self) -> None:
        """Well again, if it has answered and not failed for a while."""
        calm = self.error is None or self.now() - self.error.at >= CALM or self.now() < self.error.at
        if self.is_ill and self._answered and calm:
            self._enter(State.OK)

    def note(self, state: State, text: str, since: datetime | None = None) -> None:
        """What a look at it has found; `text` says why it is not well, `since` when that began, if it is known."""
        if state.is_ill and (not self.is_ill or self.error is None or _gist(self.error.text) != _gist(text)):
            self.failed(text)
        self._enter(state, since)

    def held(self, begin: datetime, end: datetime) -> HeldBy | None:
        """What it did to an event that waited for it in this time; None for hardly anything."""
        if not self._outages or (self._outages[-1].ended or end) < begin:
            return None  # the usual case, for every event
        overlapping = [each for each in self._outages if each.overlap(begin, end) > timedelta(0)]
        total = sum((each.overlap(begin, end) for each in overlapping), timedelta(0))
        if total < SHORTEST_HOLD:
            return None
        since = max(begin, overlapping[0].began)
        return HeldBy(self.title, round(total.total_seconds(), 3), since, overlapping[-1].error)

    def _enter(self, state: State, begun_at: datetime | None = None) -> None:
        before, since = self.state, self.since
        if state is before and since is not None:
            return
        now = self.now()
        began = min(max(begun_at or now, since or EPOCH), now)  # states do not overlap
        self.state, self.since = state, began
        starts = since is None and state is State.NOT_READY  # a worker that is not ready yet: that is no outage
        if state.is_ill and not starts and (not before.is_ill or not self._outages):
            self.times += 1
            self.expired = 0
            self._outages.append(_Outage(began, self.error.text if self.error else None))
        if before.is_ill and not state.is_ill:
            self._end_outage(now)
        if (since is not None or state is not State.OK) and state not in SAID_ELSEWHERE.get(self.name, ()):
            self._log(before, since)

    def _end_outage(self, now: datetime) -> None:
        if self._outages:
            self._outages[-1].ended = now
        else:
            self.error = None  # that of a worker that was starting

    def _log(self, before: State, since: datetime | None) -> None:
        lasted = f" after {in_words((self.now() - since).total_seconds())} {before}" if since else ""
        cost = f"; {self.expired} events expired for it meanwhile" if before.is_ill and self.expired else ""
        at = f" ({self.address})" if self.address else ""
        why = f": {self.error.text}{at}" if self.is_ill and self.error else ""
        # A worker that starts is not ready yet: that is no news.
        level = logging.WARNING if self.is_ill and since else logging.INFO
        log.log(level, "%s is %s%s%s%s", self.name, self.state, lasted, cost, why)


def _gist(text: str) -> str:
    """Without its numbers: one that says how old something is would be a new error every second."""
    return re.sub(r"[0-9]+", "", printable(text, MAX_ERROR_CHARACTERS))


class Dependencies:
    """Of one worker, each by the name of its condition."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._states: dict[str, DependencyState] = {}

    def of(self, name: str, address: str = "") -> DependencyState:
        """The state of this one; `address` says where it is, without a password."""
        state = self._states.setdefault(name, DependencyState(name, self._now))
        state.address = address or state.address
        return state

    def settle(self) -> None:
        """To be called now and then: who has answered and is asked nothing any more becomes well by this."""
        for state in self._states.values():
            state.settle()

    def ill(self) -> list[DependencyState]:
        """Those that are not well, the one that has been so for longest first."""
        found = [each for each in self._states.values() if each.is_ill and each.since]
        return sorted(found, key=lambda each: each.since or self._now())

    def holding(self, stage: Stage) -> list[DependencyState]:
        """What the events in the stage wait for now."""
        return [each for each in self.ill() if each.name in WAITED_FOR[stage]]

    def held(self, stage: Stage, since_ms: int) -> Holds:
        """What has held up an event that has waited for this stage since then, in milliseconds since 1970."""
        waited_for = [state for name in HELD_BY[stage] if (state := self._states.get(name)) and state.times]
        if not waited_for or since_ms < 0:
            return ()
        since, now = of_milliseconds(since_ms), self._now()
        found = (each.held(since, now) for each in waited_for)
        return tuple(each for each in found if each is not None)

    def expired(self, holds: Iterable[HeldBy]) -> None:
        """An event that they have held ended too late."""
        titles = {each.by for each in holds}
        for state in self._states.values():
            if state.title in titles:
                state.expired += 1
