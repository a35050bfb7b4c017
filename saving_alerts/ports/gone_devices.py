"""Whom the push API has called gone, remembered for a while."""

from datetime import datetime
from typing import Protocol

import msgspec

from saving_alerts.domain.decoding import Instant


class GoneDevice(msgspec.Struct, frozen=True):
    """Since when the push API calls the user's device gone, and its reason."""

    since: Instant
    reason: str


class GoneDevices(Protocol):
    async def of(self, user_id: str) -> GoneDevice | None:
        """None where nobody is remembered, or nobody can say: the push API itself will."""

    async def remember(self, user_id: str, reason: str, now: datetime) -> None:
        """For as long as a setting says. It is a hint, so it does not raise where it cannot be kept."""

    async def forget(self, user_id: str) -> None:
        """Raises UnavailableError where nobody can say that it is gone."""


class NobodyGone:
    """Remembers nobody: for a deployment that asks the push API every time."""

    async def of(self, user_id: str) -> GoneDevice | None:  # noqa: ARG002 - the port's
        return None

    async def remember(self, user_id: str, reason: str, now: datetime) -> None:
        """Nothing is kept."""

    async def forget(self, user_id: str) -> None:
        """Nobody is known."""
