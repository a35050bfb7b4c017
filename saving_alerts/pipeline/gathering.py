"""Gathers a user's alerts for a moment, so that the best of them goes out, and gives each its turn.

One user's alerts are dispatched one after the other: those that were gathered together the best first. Whether one of
them was sent is not remembered here: `reserve` says so to the others (docs/claims.md, rule 11), whoever gathers.
Gathering holds no claim: at a drain, and when the process dies, the alerts come again, and are gathered again.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from saving_alerts.domain.alerts import Alert, Departure
from saving_alerts.domain.events import EventType
from saving_alerts.domain.rules.choosing import best_alert_first, ends
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.failpoints import Failpoint, Failpoints
from saving_alerts.ports.clock import Clock

# In one slot: what is gathered is in memory, and stands in the claim. What comes then has a slot of its own.
MOST_GATHERED = 16
# Of one user, while alerts of theirs are in work. The oldest go first.
MOST_DEPARTURES = 32
# Left for the push when the gathering ends: three attempts, or a short outage.
LEFT_FOR_THE_PUSH = timedelta(seconds=15)


Left = Departure | Alert  # the latter where a rule listens to departures


def _nobody_left() -> Left | None:
    return None


@dataclass(frozen=True, slots=True)
class Slot:
    """What an alert is told when its turn comes. `others` were gathered with it, for one push.

    `left`: the departure that ends it, as far as is known when it is asked. `gathered`: how long it waited for others.
    """

    others: tuple[Alert, ...] = ()
    left: Callable[[], Left | None] = _nobody_left
    gathered: timedelta = timedelta(0)

    def event_ids_beside(self, alert: Alert) -> tuple[str, ...]:
        """Of the others. An event can stand at several positions."""
        return tuple(dict.fromkeys(each.event_id for each in self.others if each.event_id != alert.event_id))

    def alert_of(self, event_id: str | None) -> Alert | None:
        return next((each for each in self.others if each.event_id == event_id), None)


ALONE = Slot()


@dataclass(eq=False, slots=True)
class _Waiting:
    """An alert whose turn has not come yet."""

    alert: Alert
    since: float
    turn: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(eq=False, slots=True)
class _Gathering:
    """The alerts of one slot, until its last turn is over. `ends_at` is a time of the event loop."""

    ends_at: float
    members: list[_Waiting] = field(default_factory=list)
    alerts: tuple[Alert, ...] = ()  # of all, from its end on
    ended_at: float = 0.0
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_open(self) -> bool:
        return not self.ended.is_set()

    def add(self, waiting: _Waiting, ends_at: float) -> None:
        self.members.append(waiting)
        self.ends_at = min(self.ends_at, ends_at)

    def end(self, at: float | None = None) -> None:
        """`at`: a time of the event loop; now, if it is not said."""
        if self.is_open:
            self.alerts = tuple(each.alert for each in self.members)
            self.ended_at = asyncio.get_running_loop().time() if at is None else at
            places = {id(alert): place for place, alert in enumerate(best_alert_first(self.alerts))}
            self.members.sort(key=lambda each: places[id(each.alert)])
            self.ended.set()


@dataclass(slots=True)
class _OfUser:
    """Gatherings in the order in which they began; the first has the turn."""

    gatherings: list[_Gathering] = field(default_factory=list)
    departures: list[Left] = field(default_factory=list)
    in_turn: _Waiting | None = None

    def join(self, waiting: _Waiting, ends_at: float) -> _Gathering:
        last = self.gatherings[-1] if self.gatherings else None
        if last is None or not last.is_open:
            last = _Gathering(ends_at)
            self.gatherings.append(last)
        last.add(waiting, ends_at)
        return last

    def left(self, alert: Alert) -> Left | None:
        return next((each for each in self.departures if ends(each, alert)), None)

    def leave(self, waiting: _Waiting, gathering: _Gathering) -> None:
        gathering.members.remove(waiting)
        if self.in_turn is waiting:
            self.in_turn = None
        if not gathering.members:
            self.gatherings.remove(gathering)
        self.give_turn()

    def give_turn(self) -> None:
        first = self.gatherings[0] if self.gatherings else None
        if self.in_turn is None and first is not None and not first.is_open:
            self.in_turn = first.members[0]
            self.in_turn.turn.set()


class Gatherings:
    """Of one worker. `choose_within` is asked with every alert: the rules of its user say it, of None the longest."""

    def __init__(self, clock: Clock, choose_within: Callable[[str | None], timedelta], failpoints: Failpoints) -> None:
        self._clock = clock
        self._failpoints = failpoints
        self._choose_within = choose_within
        self._users: dict[str, _OfUser] = {}
        self._waiting: set[SourcePosition] = set()
        self._stopped = asyncio.Event()

    @property
    def is_by_step(self) -> bool:
        """Whether alerts are gathered: then all of a user are to come here at once."""
        return bool(self._choose_within(None))

    def waits(self, position: SourcePosition) -> bool:
        """Whether an alert is gathered, or waits for its turn behind others of its user."""
        return position in self._waiting

    @asynccontextmanager
    async def turn(self, alert: Alert) -> AsyncIterator[Slot]:
        """Wait until the gathering is over and no better alert of the user is in work.

        Raises CancelledError where the partitions go before that: nothing was done with the alert.
        """
        user = self._users.setdefault(alert.user_id, _OfUser())
        if alert.event_type == EventType.GEOFENCE_EXITED:
            self.depart(alert)
        now = asyncio.get_running_loop().time()
        waiting = _Waiting(alert, now)
        gathering = user.join(waiting, now + self._seconds_for(alert))
        self._waiting.add(alert.position)
        try:
            await self._turn_of(user, waiting, gathering)
            self._waiting.discard(alert.position)
            yield self._slot(user, waiting, gathering)
        finally:
            self._waiting.discard(alert.position)
            user.leave(waiting, gathering)
            if not user.gatherings and self._users.get(alert.user_id) is user:
                del self._users[alert.user_id]

    def depart(self, departure: Left) -> tuple[Alert, ...]:
        """End what is gathered for the store that the user left. Returns the alerts that it ends."""
        user = self._users.get(departure.user_id)
        if user is None:
            return ()
        user.departures = [*user.departures, departure][-MOST_DEPARTURES:]
        members = [each.alert for gathering in user.gatherings for each in gathering.members]
        for gathering in user.gatherings:
            if gathering.is_open and all(user.left(each.alert) for each in gathering.members):
                gathering.end()
        user.give_turn()
        return tuple(alert for alert in members if ends(departure, alert))

    def stop(self) -> None:
        """The partitions go: what waits for its turn is left to their next owner."""
        self._stopped.set()

    def resume(self) -> None:
        """A new assignment begins."""
        self._stopped = asyncio.Event()
        self._users.clear()

    def _seconds_for(self, alert: Alert) -> float:
        until_deadline = alert.deadline - LEFT_FOR_THE_PUSH - self._clock.now()
        return max(0.0, min(self._choose_within(alert.user_id), until_deadline).total_seconds())

    async def _turn_of(self, user: _OfUser, waiting: _Waiting, gathering: _Gathering) -> None:
        if len(gathering.members) >= MOST_GATHERED or gathering.ends_at <= waiting.since:
            gathering.end(at=waiting.since)  # it has waited for nothing, however long this took
            user.give_turn()
        if gathering.is_open:
            self._failpoints.reach(Failpoint.WHILE_GATHERING)
            await self._unless_stopped(gathering.ended, gathering.ends_at)
            gathering.end()
            user.give_turn()
        if not waiting.turn.is_set():
            await self._unless_stopped(waiting.turn, None)

    async def _unless_stopped(self, event: asyncio.Event, ends_at: float | None) -> None:
        """Wait for the event, at most until `ends_at`. Raises CancelledError once the partitions go."""
        stopped = self._stopped
        waits = [asyncio.ensure_future(each.wait()) for each in (event, stopped)]
        seconds = None if ends_at is None else max(0.0, ends_at - asyncio.get_running_loop().time())
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
        if stopped.is_set() and not event.is_set():
            raise asyncio.CancelledError("the partitions go, and nothing was done with this alert")

    def _slot(self, user: _OfUser, waiting: _Waiting, gathering: _Gathering) -> Slot:
        others = tuple(each for each in gathering.alerts if each is not waiting.alert)
        return Slot(others, lambda: user.left(waiting.alert), timedelta(seconds=gathering.ended_at - waiting.since))
