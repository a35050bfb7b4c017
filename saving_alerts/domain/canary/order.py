"""An order to try new rules on some of the users: which ones, on how many, until when, and what would be too much.

It stands in the bucket beside the rules. What stands there was written by another release, or by somebody who means
harm: it is read or refused, never half obeyed.
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from saving_alerts.domain.canary.split import is_in_canary
from saving_alerts.domain.decoding import Decoder, Instant, Unreadable
from saving_alerts.domain.rules_file.compiler import VERSION_DIGITS

MAX_ORDER_BYTES = 64 * 1024  # four texts, each character of which may take six bytes
MAX_NOTE_CHARACTERS = 2_000
LEAST_PERCENT, MOST_PERCENT = 0.01, 50  # with more the others would be the ones who are tried on
LEAST_RATE, MOST_RATE = 1e-4, 0.99  # what is nearer to never, or to always, no guard can tell from it

Version = Annotated[str, Meta(pattern=f"^[0-9a-f]{{{VERSION_DIGITS}}}$")]
# The version, and what tells this canary from another one of the same version.
CanaryId = Annotated[str, Meta(pattern=f"^[0-9a-f]{{{VERSION_DIGITS}}}-[0-9a-f]{{6}}$")]
Percent = Annotated[float, Meta(ge=LEAST_PERCENT, le=MOST_PERCENT)]
_Text = Annotated[str, Meta(max_length=MAX_NOTE_CHARACTERS)]


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """Of one guard: the rate that is as foretold, and the one that must be noticed."""

    foretold: Annotated[float, Meta(ge=0, le=MOST_RATE)]
    limit: Annotated[float, Meta(ge=LEAST_RATE, le=1)]

    def or_as_usual(self, rate: float) -> "Bounds":
        """What is so whatever the rules are does not speak against new ones: that is foretold, twice that too many."""
        if not self.foretold < rate <= MOST_RATE:
            return self
        return Bounds(foretold=rate, limit=min(2 * rate, (1 + rate) / 2))


class Foretold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the guards go by.

    `pushes`: of the events with coupons, for how many a rule is to want a push; `factor` times as many, or as many
    times fewer, must be noticed. `when_errors` is of the same events, `push_refused` of the pushes that were tried.
    """

    pushes: Annotated[float, Meta(ge=LEAST_RATE, le=MOST_RATE)]
    factor: Annotated[float, Meta(ge=1.1, le=10)] = 2
    when_errors: Bounds = Bounds(foretold=0.005, limit=0.01)
    push_refused: Bounds = Bounds(foretold=0.05, limit=0.1)

    @property
    def problem(self) -> str | None:
        """Why nothing can be guarded so."""
        for name, bounds in (("when_errors", self.when_errors), ("push_refused", self.push_refused)):
            if bounds.foretold >= bounds.limit:
                return f"{name}: the limit {bounds.limit:g} is not above the foretold {bounds.foretold:g}"
        return None


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How somebody has ended it before its time."""

    how: Literal["promoted", "aborted"]
    by: _Text
    note: _Text
    at: Instant


class CanaryOrder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`version` is tried on `percent` of the users, from `begins` to `ends`, in place of the rules `instead_of`.

    It counts only as long as those are the ones in `rules.json`. When its time is over it is in force for everybody,
    without a write by anybody. `ended` says that somebody did not wait for that. `closed`: something else was published
    since, or it was written down; so it does not count any more, whatever is in `rules.json` later.
    """

    id: CanaryId
    version: Version
    instead_of: Version
    percent: Percent
    begins: Instant
    ends: Instant
    by: _Text
    note: _Text
    foretold: Foretold
    ended: Ended | None = None
    closed: bool = False

    @property
    def is_aborted(self) -> bool:
        return self.ended is not None and self.ended.how == "aborted"

    @property
    def counts(self) -> bool:
        """Whether it can have a say at all."""
        return not (self.closed or self.is_aborted)

    def is_for_everybody(self, now: datetime) -> bool:
        """Whether it is tried no longer: it was promoted, or its time is over."""
        return self.counts and (self.ended is not None or now >= self.ends)

    def is_tried(self, now: datetime) -> bool:
        """Whether its guards look."""
        return self.counts and self.ended is None and now < self.ends

    def is_for(self, user_id: str, now: datetime) -> bool:
        """Whether its rules are this user's. The clock of whoever asks says when its time is over."""
        if self.closed or self.ended is not None:
            return self.is_for_everybody(now)
        return now >= self.ends or is_in_canary(self.percent, self.version, user_id)

    def __str__(self) -> str:
        return f"canary {self.id} on {self.percent:g} % of the users until {self.ends:%Y-%m-%d %H:%M:%S} UTC"


_orders = Decoder(CanaryOrder, MAX_ORDER_BYTES)


def read_order(raw: bytes | None) -> CanaryOrder | Unreadable:
    """What stands beside the rules, or why it is none. Never raises."""
    order = _orders.read(raw)
    if isinstance(order, Unreadable):
        return order
    if problem := order.foretold.problem:
        return Unreadable(problem, "$.foretold")
    if not order.id.startswith(order.version):
        return Unreadable("the id is of another version", "$.id")
    if order.version == order.instead_of:
        return Unreadable("a version cannot be tried in place of itself", "$.version")
    return order if order.begins < order.ends else Unreadable("it ends before it begins", "$.ends")
