"""What tells two pushes of one event apart from one push that was recorded twice."""

from dataclasses import dataclass
from datetime import datetime

from saving_alerts.domain.alerts import idempotency_key
from saving_alerts.domain.decisions import Decision

HTTP_ACCEPTED = range(200, 300)  # 409 means accepted before, with the same key


@dataclass(frozen=True, slots=True)
class AcceptedPush:
    """One decision `pushed`, with what tells two pushes of one event apart from one push that was recorded twice.

    `accepted_anew`: the push API answered 2xx, so it had not accepted the key before. `written`: worker and time.
    """

    key: str
    accepted_anew: bool
    written: tuple[str, datetime]

    def contradicts(self, other: "AcceptedPush") -> bool:
        if self.key != other.key:
            return True
        return self.accepted_anew and other.accepted_anew and self.written != other.written


def accepted_push(decision: Decision) -> AcceptedPush:
    """From a decision `pushed`. The push API answers 2xx once for a key and 409 afterwards: two 2xx are two pushes."""
    key = idempotency_key(decision.user_id or "", decision.event_id or "")
    status = decision.details.get("status")
    anew = isinstance(status, int) and status in HTTP_ACCEPTED
    return AcceptedPush(key, anew, (decision.worker, decision.decided_at))
