"""The plan of the demo's traffic: every event with the answer it must have, and how the stub APIs treat its user."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from demo.stub_apis.coupon_api import Coupons
from demo.stub_apis.faults import Behaviour
from saving_alerts.domain.alerts import idempotency_key
from saving_alerts.domain.reasons import Reason

NO_OTHERS: frozenset[Reason] = frozenset()
Writer = Callable[[datetime], bytes | None]


@dataclass(frozen=True, slots=True)
class Expectation:
    """The answer an event must have. `others` are answers it may have as well, where timing decides."""

    reason: Reason
    others: frozenset[Reason] = NO_OTHERS

    @property
    def certain(self) -> bool:
        return not self.others

    def allows(self, reason: Reason) -> bool:
        return reason is self.reason or reason in self.others


@dataclass(frozen=True, slots=True)
class PlannedEvent:
    """One record of the source topic, before it is written.

    `number` counts from 0 in the order of production. `kind` names the scenario and its variant. `after` is the number
    of an earlier event of the same key, whose decision must be there before this one is produced.
    """

    number: int
    kind: str
    key: bytes
    user_id: str
    event_id: str
    expected: Expectation
    writer: Writer
    after: int | None = None

    def value(self, now: datetime) -> bytes | None:
        """The record's value when it is produced at `now`; the same `now` gives the same bytes."""
        return self.writer(now)

    @property
    def push_key(self) -> str:
        """The idempotency key that a push for this event carries."""
        return idempotency_key(self.user_id, self.event_id)


@dataclass(frozen=True, slots=True)
class Traffic:
    """Events in the order of production, and what both stub APIs have to know before the first of them.

    `coupons` is the Coupon API's catalogue (404 for all others). Behaviours are scripts by user id.
    """

    events: tuple[PlannedEvent, ...]
    coupons: Mapping[tuple[str, str], Coupons]
    coupon_api_behaviours: Mapping[str, tuple[Behaviour, ...]]
    push_api_behaviours: Mapping[str, tuple[Behaviour, ...]]

    @property
    def expected_pushes(self) -> frozenset[str]:
        """Idempotency keys that the push API must have accepted in the end, each once."""
        return frozenset(
            event.push_key for event in self.events if event.expected.certain and event.expected.reason is Reason.PUSHED
        )

    @property
    def uncertain_pushes(self) -> frozenset[str]:
        """Idempotency keys that the push API may have accepted; every other key is a push too many."""
        possible = frozenset(event.push_key for event in self.events if _may_push(event.expected))
        return possible - self.expected_pushes


def _may_push(expected: Expectation) -> bool:
    return expected.allows(Reason.PUSHED) or expected.allows(Reason.PUSH_UNCERTAIN)
