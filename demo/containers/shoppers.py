"""The events of a load, of every kind, each with the reasons it may end with."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import chain, count

from demo.containers.coupon_api import GENEROUS, STINGY
from demo.stub_apis.faults import Behaviour
from demo.traffic.cities import TimeOfDay
from demo.traffic.invalid import CORRUPTIONS, InvalidEvent
from demo.traffic.paced_producer import Record
from demo.traffic.templates import Template
from demo.traffic.unclear_pushes import unclear_push
from saving_alerts.domain.events import EventType
from saving_alerts.domain.reasons import Reason

LONG_AGO = timedelta(hours=2)
# Without a value the event's name is unknown, and `Record` always has a value.
CORRUPTIONS_WITH_VALUE = tuple(corruption for corruption in CORRUPTIONS if corruption != "no_value")

# A producer that gets no acknowledgement writes again: of the two records one is pushed.
PUSHED_ONCE = frozenset({Reason.PUSHED, Reason.DUPLICATE, Reason.CAPPED})
EVENTS_PER_ROUND = 20

Behave = Callable[[str, Behaviour], None]


@dataclass
class Shoppers:
    """Twenty events a round: six users visit a store once, one does so twice, seven only open the app, and one event
    each is invalid, without consent, too old, at night, and at a merchant without coupons.

    `expected` are the reasons that each event may end with, by its name; `users` must get exactly one push each.
    `behave` sets the behaviour of the push API for a user.
    """

    name: str
    behave: Behave
    expected: dict[str, frozenset[Reason]] = field(default_factory=dict)
    users: set[str] = field(default_factory=set)

    def events(self, seconds: float) -> Iterator[Record]:
        """Endless for so long; an event is added to `expected` when it is yielded."""
        ends, events = time.monotonic() + seconds, chain.from_iterable(map(self._round, count()))
        while time.monotonic() < ends:
            yield next(events)

    def _round(self, number: int) -> Iterator[Record]:
        for index in range(6):
            yield self._visits_once(number * 6 + index)
            yield self._opens_app(f"{number}-{index}")
        yield from self._visits_twice(number)
        yield self._opens_app(f"{number}-6")
        yield from self._not_pushed(number)

    def _visits_once(self, number: int) -> Record:
        user = self._user(f"once-{number}")
        self.users.add(user)
        if behaviour := unclear_push(number):
            self.behave(user, behaviour)
        return self._record(_visit(user, f"{user}-1"), PUSHED_ONCE)

    def _visits_twice(self, number: int) -> Iterator[Record]:
        """Both events are in flight at the same time: one of them is pushed, either one."""
        user = self._user(f"twice-{number}")
        self.users.add(user)
        for visit in (1, 2):
            yield self._record(_visit(user, f"{user}-{visit}"), PUSHED_ONCE)

    def _opens_app(self, number: str) -> Record:
        user = self._user(f"looks-{number}")
        return self._record(replace(_visit(user, user), type=EventType.APP_OPENED), frozenset({Reason.NOT_A_TRIGGER}))

    def _not_pushed(self, number: int) -> Iterator[Record]:
        invalid, no_consent, old, at_night, no_coupon = (
            _visit(user, user)
            for user in map(self._user, (f"{kind}-{number}" for kind in ("invalid", "no", "old", "night", "unlucky")))
        )
        yield self._invalid(invalid, CORRUPTIONS_WITH_VALUE[number % len(CORRUPTIONS_WITH_VALUE)])
        yield self._record(replace(no_consent, consent=False), frozenset({Reason.NO_CONSENT}))
        yield self._record(replace(old, age=LONG_AGO), frozenset({Reason.EXPIRED}))
        yield self._record(replace(at_night, time_of_day=TimeOfDay.NIGHT), frozenset({Reason.QUIET_HOURS}))
        yield self._record(replace(no_coupon, merchant_id=STINGY.merchant_id), frozenset({Reason.NO_COUPON}))

    def _invalid(self, template: Template, corruption: str) -> Record:
        self.expected[template.event_id] = frozenset({Reason.INVALID})
        invalid = InvalidEvent(template, corruption)
        return Record(template.event_id, template.user_id.encode(), lambda: invalid.value(datetime.now(UTC)) or b"")

    def _record(self, template: Template, expected: frozenset[Reason]) -> Record:
        self.expected[template.event_id] = expected
        return Record(template.event_id, template.user_id.encode(), lambda: template.value(datetime.now(UTC)))

    def _user(self, name: str) -> str:
        return f"u-{self.name}-{name}"


def _visit(user: str, event_id: str) -> Template:
    """A consenting shopper enters a store by day: with a good coupon a push must come of it."""
    return Template(event_id, user, EventType.GEOFENCE_ENTERED, GENEROUS.merchant_id, details=0)
