"""Forgets one user: the claims, then the Table, each under a token first (docs/claims.md, rule 10)."""

from dataclasses import dataclass, field

from saving_alerts.failpoints import Failpoint, Failpoints
from saving_alerts.pipeline.user_turns import UserTurns
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.ports.gone_devices import GoneDevices
from saving_alerts.ports.push_sends import PushSends
from saving_alerts.ports.throttle import Throttle


@dataclass(frozen=True, slots=True)
class Eraser:
    """All its steps can be repeated, and are when a worker dies between two of them."""

    throttle: Throttle
    gone_devices: GoneDevices
    push_sends: PushSends
    turns: UserTurns
    failpoints: Failpoints = field(default_factory=Failpoints)

    async def erase(self, user_id: str, partition: int) -> str | None:
        """None: it is done. Else why not yet, in words that name nobody. To be called by the partition's owner."""
        with self.turns.erasing(user_id) as may_begin:
            if not may_begin:
                return "a push to a user who is to be erased is in work"
            try:
                if await self.throttle.erase(user_id) is not None:
                    return "a claim of a user who is to be erased lives"
                await self.gone_devices.forget(user_id)
            except UnavailableError as error:
                return str(error)
            self.failpoints.reach(Failpoint.AFTER_CLAIMS_ERASED)
            keys = await self.push_sends.keep_under_token(user_id, partition)
            self.failpoints.reach(Failpoint.AFTER_TOKENS_WRITTEN)
            await self.push_sends.remove(partition, keys)
            self.failpoints.reach(Failpoint.AFTER_ROWS_ERASED)
        return None
