"""The push API as dispatch needs it, and every way one attempt can end."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from saving_alerts.domain.alerts import Push


@dataclass(frozen=True, slots=True)
class Accepted:
    """2xx, or 409: an earlier attempt with the same key was accepted."""

    status: int


@dataclass(frozen=True, slots=True)
class Refused:
    """3xx, another 4xx, or a body too large to be sent: it did nothing, and neither would a repetition.

    `gone` is why there is no device of this user any more; None where the API does not say so.
    """

    status: int | None
    text: str
    gone: str | None = None


@dataclass(frozen=True, slots=True)
class TooLate:
    """412: this attempt came after its `Request-Not-After` and did nothing. Earlier attempts may have been accepted."""


@dataclass(frozen=True, slots=True)
class Throttled:
    """401, 429, 503 or no connection: this attempt did nothing. No other may start before `retry_after` is over."""

    retry_after: timedelta
    status: int | None = field(default=None, compare=False)
    why: str = field(default="", compare=False)
    """Without a status: why the API could not be reached, for people."""


@dataclass(frozen=True, slots=True)
class Unclear:
    """No answer, a broken connection or another 5xx: the push may have been accepted, or may be later."""

    text: str
    status: int | None = field(default=None, compare=False)


Attempt = Accepted | Refused | TooLate | Throttled | Unclear


class PushSender(Protocol):
    def slot(self, deadline: datetime) -> AbstractAsyncContextManager[bool]:
        """Wait for a slot, the breaker, and a pause that the API asked for. Wait before the claim (docs/claims.md).

        Enters with True if an attempt may start, with False if the deadline came first. Leaving frees the slot.
        """

    def refusal(self, push: Push) -> Refused | None:
        """How every attempt with this push would end, where that is known without one. `attempt` says it as well."""

    async def attempt(self, push: Push, key: str, not_after: datetime) -> Attempt:
        """Make one request, for at most `push_attempt_seconds`. `not_after` is sent as `Request-Not-After`.

        It does not raise for anything that the API or the connection does: each ending is an `Attempt`.
        """
