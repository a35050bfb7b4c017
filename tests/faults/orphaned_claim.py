"""A claim as a dead worker leaves it behind: until its lease ends, no other worker may push to the user."""

import asyncio

from saving_alerts.adapters.redis_connection import connect
from saving_alerts.adapters.redis_throttle import RedisThrottle, ThrottlePolicy
from saving_alerts.domain.caps import Cap, CapPer
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.ports.throttle import Claim, Granted
from tests.end_to_end.shoppers import PREPARED_OFFSET
from tests.faults.deployment import Deployment
from tests.support.fakes.metrics import RecordingMetrics

TIMEOUT_SECONDS = 5
LEASE_SECONDS = 60.0
DAILY = Cap(CapPer.USER, 1, 24)


def reserve_orphaned_claim(deployment: Deployment, user: str) -> None:
    """Reserve it now, until long after the deadlines of its test, however slowly its events are written."""
    asyncio.run(_reserve(deployment, user))


async def _reserve(deployment: Deployment, user: str) -> None:
    policy = ThrottlePolicy(LEASE_SECONDS, f"{deployment.spec.group}:claims:")
    other = SourcePosition(deployment.topics.source.name, deployment.partition_of(user), PREPARED_OFFSET)
    mine = Claim(user, "another-merchant", f"{user}-another", other, "a-dead-worker", 1)
    async with connect(deployment.world.redis.url, TIMEOUT_SECONDS, max_connections=1) as client:
        answer = await RedisThrottle(client, policy, RecordingMetrics()).reserve(mine, (DAILY,))
    assert isinstance(answer, Granted)
