"""The alerts of which results can come: those that came as far as an attempt, or that were kept back as control."""

from datetime import datetime
from enum import StrEnum

import msgspec

from saving_alerts.domain.decisions import Decision, Stage, push_id
from saving_alerts.domain.decoding import Instant
from saving_alerts.domain.reasons import Reason


class Arm(StrEnum):
    """Which side of the comparison a user is on."""

    TREATED = "treated"
    CONTROL = "control"


_SENT = frozenset({Reason.PUSHED, Reason.PUSH_UNCERTAIN})
# They stay among the treated only if an attempt was made: before it nobody was assigned.
_AFTER_AN_ATTEMPT = frozenset({Reason.PUSH_REFUSED, Reason.EXPIRED, Reason.KILLED, Reason.NO_CONSENT})
MAX_PERCENT = 100


class Assigned(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One alert, as its decision tells it. `decision_id` is the one that its push carries (`push_id`).

    `assigned_at` is when its event was read: nothing that was done before can be its result. `is_sent`: a push was
    accepted, or may have been.
    """

    decision_id: str
    event_id: str
    user_id: str
    merchant_id: str
    rule_id: str
    rules_version: str
    assigned_at: Instant
    arm: Arm = Arm.TREATED
    is_sent: bool = True
    coupon_id: str | None = None
    variant: str | None = None
    store_id: str | None = None
    control_percent: float | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Positions come again when the source is made anew (ADR 19); the event tells them apart."""
        return self.decision_id, self.event_id


def assigned_by(decision: Decision) -> Assigned | None:
    """The alert of a decision; None where none came as far as an attempt."""
    if decision.stage is not Stage.DISPATCH_PUSH or not is_assigned(decision):
        return None
    rule_id = _text(decision, "rule_id")
    if not (decision.event_id and decision.user_id and decision.merchant_id and rule_id):
        return None
    return Assigned(
        decision_id=push_id(decision.position),
        event_id=decision.event_id,
        user_id=decision.user_id,
        merchant_id=decision.merchant_id,
        rule_id=rule_id,
        rules_version=decision.versions.rules or "",
        assigned_at=_moment(decision),
        arm=Arm.CONTROL if decision.reason is Reason.CONTROL else Arm.TREATED,
        is_sent=decision.reason in _SENT,
        coupon_id=_text(decision, "coupon_id"),
        variant=_text(decision, "variant"),
        store_id=_text(decision, "store_id"),
        control_percent=_percent(decision, "control_percent"),
    )


def stronger(one: Assigned, other: Assigned) -> Assigned:
    """Which of two decisions about one alert counts, as of the first: `one` was written first."""
    if other.is_sent and not one.is_sent:
        return msgspec.structs.replace(other, assigned_at=one.assigned_at)
    return one


def is_assigned(decision: Decision) -> bool:
    """Whether its event came as far as an attempt, or was kept back."""
    if decision.reason in _SENT or decision.reason is Reason.CONTROL:
        return True
    return decision.reason in _AFTER_AN_ATTEMPT and bool(decision.details.get("attempts"))


def _moment(decision: Decision) -> datetime:
    return min(decision.read_at or decision.decided_at, decision.decided_at)


def _text(decision: Decision, name: str) -> str | None:
    found = decision.details.get(name)
    return found if isinstance(found, str) else None


def _percent(decision: Decision, name: str) -> float | None:
    found = decision.details.get(name)
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    return float(found) if 0 <= found <= MAX_PERCENT else None
