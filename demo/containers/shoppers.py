"""Shoppers that come at a steady pace, of every kind, each with the ending the events must have."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import chain, count

from demo.containers.coupon_api import GENEROUS, STINGY
from demo.stub_apis.faults import Behaviour
from demo.traffic.cities import Light
from demo.traffic.invalid import WAYS, Spoilt
from demo.traffic.paced_producer import Record
from demo.traffic.templates import Template
from saving_alerts.domain.decisions import Reason
from saving_alerts.domain.events import EventType

LONG_AGO = timedelta(hours=2)
# Every so many-th of the shoppers who come once meets a push API that gives no clear answer the first time.
UNCLEAR_EVERY = 10
UNCLEAR = (
    Behaviour(fault="status", status=500, times=1),  # it did nothing
    Behaviour(fault="ambiguous_accepted", times=1),  # it did all
)
# A record without a value tells nobody whose it is, and the producer writes values.
SPOILT_WAYS = tuple(way for way in WAYS if way != "no_value")

# A producer that hears nothing writes again: then the event stands there twice, and only one of them is pushed.
ONCE = frozenset({Reason.PUSHED, Reason.DUPLICATE, Reason.CAPPED})
EVENTS_PER_ROUND = 20

Behave = Callable[[str, Behaviour], None]


@dataclass
class Shoppers:
    """Twenty events a round: six shoppers who come once, one who comes twice, seven who only look around, and one each
    that is spoilt, without consent, too old, at night, and at a merchant without coupons.

    `expected` is what each event may end with, by its name; `users` must get exactly one push each. `behave` tells the
    push API how to treat a user.
    """

    name: str
    behave: Behave
    expected: dict[str, frozenset[Reason]] = field(default_factory=dict)
    users: set[str] = field(default_factory=set)

    def events(self, seconds: float) -> Iterator[Record]:
        """As many as are asked for in this time, each expected from the moment it is handed out."""
        ends, events = time.monotonic() + seconds, chain.from_iterable(map(self._round, count()))
        while time.monotonic() < ends:
            yield next(events)

    def _round(self, number: int) -> Iterator[Record]:
        for place in range(6):
            yield self._comes_once(number * 6 + place)
            yield self._looks_around(f"{number}-{place}")
        yield from self._comes_twice(number)
        yield self._looks_around(f"{number}-6")
        yield from self._get_nothing(number)

    def _comes_once(self, number: int) -> Record:
        user = self._user(f"once-{number}")
        self.users.add(user)
        if number % UNCLEAR_EVERY == 0:
            self.behave(user, UNCLEAR[number // UNCLEAR_EVERY % len(UNCLEAR)])
        return self._record(_visit(user, f"{user}-1"), ONCE)

    def _comes_twice(self, number: int) -> Iterator[Record]:
        """Both events are in work at the same time: one of them is pushed, nobody knows which."""
        user = self._user(f"twice-{number}")
        self.users.add(user)
        for coming in (1, 2):
            yield self._record(_visit(user, f"{user}-{coming}"), ONCE)

    def _looks_around(self, number: str) -> Record:
        user = self._user(f"looks-{number}")
        return self._record(replace(_visit(user, user), type=EventType.APP_OPENED), frozenset({Reason.NOT_A_TRIGGER}))

    def _get_nothing(self, number: int) -> Iterator[Record]:
        spoilt, indifferent, old, asleep, unlucky = (
            _visit(user, user)
            for user in map(self._user, (f"{kind}-{number}" for kind in ("spoilt", "no", "old", "night", "unlucky")))
        )
        yield self._spoilt(spoilt, SPOILT_WAYS[number % len(SPOILT_WAYS)])
        yield self._record(replace(indifferent, consent=False), frozenset({Reason.NO_CONSENT}))
        yield self._record(replace(old, age=LONG_AGO), frozenset({Reason.EXPIRED}))
        yield self._record(replace(asleep, light=Light.NIGHT), frozenset({Reason.QUIET_HOURS}))
        yield self._record(replace(unlucky, merchant_id=STINGY.merchant_id), frozenset({Reason.NO_COUPON}))

    def _spoilt(self, template: Template, way: str) -> Record:
        self.expected[template.event_id] = frozenset({Reason.INVALID})
        spoilt = Spoilt(template, way)
        return Record(template.event_id, template.user_id.encode(), lambda: spoilt.value(datetime.now(UTC)) or b"")

    def _record(self, template: Template, expected: frozenset[Reason]) -> Record:
        self.expected[template.event_id] = expected
        return Record(template.event_id, template.user_id.encode(), lambda: template.value(datetime.now(UTC)))

    def _user(self, name: str) -> str:
        return f"u-{self.name}-{name}"


def _visit(user: str, event_id: str) -> Template:
    """A consenting shopper enters a store by day: with a good coupon a push must come of it."""
    return Template(event_id, user, EventType.GEOFENCE_ENTERED, GENEROUS.merchant_id, details=0)
