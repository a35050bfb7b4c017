"""The Table of sends: what Kafka remembers of a user's pushes, beside the throttle in Redis."""

from typing import Protocol

from saving_alerts.domain.push_sends import PushSend


class PushSends(Protocol):
    """The sends to the users of this worker's partitions. Caps hold by them if Redis has lost its data."""

    def of(self, user_id: str) -> tuple[PushSend, ...]:
        """The user's sends that a cap can still count, in the order in which they were recorded."""

    async def record(self, user_id: str, send: PushSend) -> None:
        """Record a send. Returns when Kafka has it. Idempotent by its source position and event."""
