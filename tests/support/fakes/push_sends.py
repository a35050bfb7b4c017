"""The PushSends port in memory."""

from collections import defaultdict

from saving_alerts.domain.push_sends import PushSend, remembered, with_send
from saving_alerts.ports.clock import Clock


class FakePushSends:
    """Instances with the same `users` are workers that own the partition one after the other."""

    def __init__(self, clock: Clock, users: defaultdict[str, tuple[PushSend, ...]] | None = None) -> None:
        self.users = defaultdict(tuple) if users is None else users
        self._clock = clock

    def of(self, user_id: str) -> tuple[PushSend, ...]:
        return remembered(self.users[user_id], self._clock.now())

    async def record(self, user_id: str, send: PushSend) -> None:
        self.users[user_id] = with_send(self.of(user_id), send)


class NoPushSends:
    """Nobody was ever pushed: only the throttle can refuse."""

    def of(self, user_id: str) -> tuple[PushSend, ...]:
        return ()

    async def record(self, user_id: str, send: PushSend) -> None: ...
