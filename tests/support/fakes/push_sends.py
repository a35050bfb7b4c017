"""The PushSends port in memory."""

from collections import defaultdict
from collections.abc import Sequence

from saving_alerts.domain.erasures import EventAt
from saving_alerts.domain.push_sends import PushSend, remembered, with_send
from saving_alerts.ports.clock import Clock


class FakePushSends:
    """Instances with the same `users` are workers that own the partition one after the other."""

    def __init__(self, clock: Clock, users: defaultdict[str, tuple[PushSend, ...]] | None = None) -> None:
        self.users = defaultdict(tuple) if users is None else users
        self._clock = clock

    def of(self, user_id: str, event: EventAt | None = None) -> tuple[PushSend, ...]:
        return remembered(self.users[user_id], self._clock.now())

    async def record(self, user_id: str, send: PushSend) -> None:
        self.users[user_id] = with_send(self.of(user_id), send)

    async def keep_under_token(self, user_id: str, partition: int) -> Sequence[bytes]:
        """All counts as before: here nobody looks under which name."""
        return [user_id.encode()]

    async def remove(self, partition: int, keys: Sequence[bytes]) -> None:
        """Nothing stands there in the clear."""


class NoPushSends:
    """Nobody was ever pushed: only the throttle can refuse."""

    def of(self, user_id: str, event: EventAt | None = None) -> tuple[PushSend, ...]:
        return ()

    async def record(self, user_id: str, send: PushSend) -> None: ...

    async def keep_under_token(self, user_id: str, partition: int) -> Sequence[bytes]:
        return ()

    async def remove(self, partition: int, keys: Sequence[bytes]) -> None: ...
