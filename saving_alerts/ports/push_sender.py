"""The push API as dispatch needs it, and every way one attempt can end."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from saving_alerts.domain.alerts import Push


@dataclass(frozen=True, slots=True)
class Accepted:
    """2xx, or 409: this very push was accepted before."""

    status: int


@dataclass(frozen=True, slots=True)
class Refused:
    """3xx, another 4xx, or a body too large to be sent: it did nothing and a repetition would not either."""

    status: int | None
    text: str


@dataclass(frozen=True, slots=True)
class TooLate:
    """412: this attempt came after its `Request-Not-After` and did nothing; earlier ones are not spoken of."""


@dataclass(frozen=True, slots=True)
class Throttled:
    """429, 503 or no connection: this attempt did nothing; the API is to be left alone for a while."""

    retry_after: timedelta


@dataclass(frozen=True, slots=True)
class Unclear:
    """No answer, a broken connection or another 5xx: the push may have been accepted, or may still be."""

    text: str


Attempt = Accepted | Refused | TooLate | Throttled | Unclear


class PushSender(Protocol):
    def slot(self, deadline: datetime) -> AbstractAsyncContextManager[bool]:
        """Wait for a free slot, the breaker, and a Retry-After already known: every wait comes before the claim.

        Enters with True when an attempt may start, with False when the deadline came first. Leaving frees the slot.
        """

    async def attempt(self, push: Push, key: str, not_after: datetime) -> Attempt:
        """One request, at most `push_attempt_seconds` long. `not_after` goes out as `Request-Not-After`."""
