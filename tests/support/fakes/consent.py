"""The Consent port in memory."""

from collections.abc import Callable
from datetime import datetime, timedelta

from saving_alerts.ports.clock import Clock
from saving_alerts.ports.consent import NotKnown, OptedOut


class FakeConsent:
    """`opted_out` are the users who have; until `known_from` nobody is known. `before_answer` runs before each one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.opted_out: set[str] = set()
        self.known_from: datetime | None = None
        self.before_answer: Callable[[], None] = lambda: None

    @property
    def is_known(self) -> bool:
        return self.known_from is None or self._clock.now() >= self.known_from

    async def wait_until_known(self, user_id: str, deadline: datetime) -> None:
        if self.known_from is not None and not self.is_known:
            await self._clock.sleep(max(min(self.known_from, deadline) - self._clock.now(), timedelta()))

    def against(self, user_id: str) -> OptedOut | NotKnown | None:
        self.before_answer()
        if not self.is_known:
            return NotKnown("the fake has not read it yet")
        return OptedOut("opted out, says the fake") if user_id in self.opted_out else None
