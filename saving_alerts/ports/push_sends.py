"""The sends that a worker remembers of its own users, beside the throttle."""

from typing import Protocol

from saving_alerts.domain.push_sends import PushSend


class PushSends(Protocol):
    """The second fence: what was sent to the users of this worker's partitions, whatever the throttle forgot."""

    def of(self, user_id: str) -> tuple[PushSend, ...]:
        """What a cap can still count, in the order it was recorded."""

    async def record(self, user_id: str, send: PushSend) -> None:
        """Remember a send. Returns when it is durable. Idempotent by its position and event."""
