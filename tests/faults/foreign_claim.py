"""A claim of a worker that nobody knows, as a dead one leaves it behind."""

import asyncio

from saving_alerts.adapters.redis_connection import connect
from saving_alerts.adapters.redis_throttle import RedisThrottle, ThrottlePolicy
from saving_alerts.domain.caps import Cap, CapPer
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.ports.throttle import Claim, Granted
from tests.end_to_end.shoppers import PREPARED_OFFSET
from tests.faults.crew import Crew
from tests.faults.shape import CLAIM_LEASE_SECONDS
from tests.support.fakes.metrics import RecordingMetrics

TIMEOUT_SECONDS = 5
DAILY = Cap(CapPer.USER, 1, 24)


def claim(crew: Crew, user: str) -> None:
    """Written now; it lives for one lease."""
    asyncio.run(_claim(crew, user))


async def _claim(crew: Crew, user: str) -> None:
    policy = ThrottlePolicy(CLAIM_LEASE_SECONDS, f"{crew.shape.group}:claims:")
    other = SourcePosition(crew.topics.source.name, crew.partition_of(user), PREPARED_OFFSET)
    mine = Claim(user, "another-merchant", f"{user}-another", other, "a-dead-worker", 1)
    async with connect(crew.world.redis.url, TIMEOUT_SECONDS, max_connections=1) as client:
        answer = await RedisThrottle(client, policy, RecordingMetrics()).reserve(mine, (DAILY,))
    assert isinstance(answer, Granted)
