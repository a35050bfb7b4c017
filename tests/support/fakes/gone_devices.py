"""The GoneDevices port in memory."""

from datetime import datetime

from saving_alerts.ports.gone_devices import GoneDevice


class FakeGoneDevices:
    """`remembered` by user."""

    def __init__(self) -> None:
        self.remembered: dict[str, GoneDevice] = {}

    async def of(self, user_id: str) -> GoneDevice | None:
        return self.remembered.get(user_id)

    async def remember(self, user_id: str, reason: str, now: datetime) -> None:
        self.remembered[user_id] = GoneDevice(now, reason)

    async def forget(self, user_id: str) -> None:
        self.remembered.pop(user_id, None)
