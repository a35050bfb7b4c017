"""The Table of sends: what Kafka remembers of a user's pushes, beside the throttle in Redis."""

from collections.abc import Sequence
from typing import Protocol

from saving_alerts.domain.erasures import EventAt
from saving_alerts.domain.push_sends import PushSend


class PushSends(Protocol):
    """The sends to the users of this worker's partitions. Caps hold by them if Redis has lost its data."""

    def of(self, user_id: str, event: EventAt | None = None) -> tuple[PushSend, ...]:
        """The user's sends that a cap can still count, in the order in which they were recorded.

        What was sent before the user was erased is among them. Of its texts only those are known that are `event`'s.
        """

    async def record(self, user_id: str, send: PushSend) -> None:
        """Record a send. Returns when Kafka has it. Idempotent by its source position and event."""

    async def keep_under_token(self, user_id: str, partition: int) -> Sequence[bytes]:
        """Write what this user was sent under a token as well. Returns the keys in the clear when Kafka has all of it.

        To be called by the owner of the partition, while no event of this user is dispatched. No send counts twice.
        """

    async def remove(self, partition: int, keys: Sequence[bytes]) -> None:
        """These keys of `keep_under_token` and no others. Returns when Kafka has their tombstones."""
