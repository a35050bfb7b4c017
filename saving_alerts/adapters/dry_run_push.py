"""The push API of a dry run: no request is made."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from saving_alerts.domain.alerts import Push
from saving_alerts.ports.clock import Clock
from saving_alerts.ports.push_sender import Accepted, Attempt, Refused

NOTHING_SENT = 0  # in place of an HTTP status


class DryRunPushSender:
    """The PushSender port. Every attempt counts as accepted, without a request."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    @asynccontextmanager
    async def slot(self, deadline: datetime) -> AsyncIterator[bool]:
        yield self._clock.now() < deadline

    def refusal(self, push: Push) -> Refused | None:  # noqa: ARG002 - the port's signature
        return None

    async def attempt(self, push: Push, key: str, not_after: datetime) -> Attempt:  # noqa: ARG002 - the port's signature
        return Accepted(NOTHING_SENT)
