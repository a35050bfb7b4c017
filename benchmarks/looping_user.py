"""What a user costs Redis whose events are claimed and given back again and again, by the number of events before.

Such a user exists: pushes that the API refuses for good, or a client that reports the same visit every second.

python -m benchmarks.looping_user
"""

import asyncio
import sys
from dataclasses import dataclass

import click
from redis import asyncio as aioredis
from rich.console import Console
from rich.table import Table

from demo.servers.redis import EmbeddedRedis
from saving_alerts.adapters.in_memory_metrics import InMemoryMetrics
from saving_alerts.adapters.redis_throttle import RedisThrottle, ThrottlePolicy
from saving_alerts.domain.caps import Cap, CapPer
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.ports.throttle import Claim

CAPS = (Cap(CapPer.USER, 1, 24),)
LEASE_SECONDS = 20.0
PREFIX = "saving-alerts:claims:"
USER = "0192f0c1-aaaa-bbbb-cccc-000000000001"
MEASURED_AT = (1, 100, 1_000, 4_000)
MEASURED_EVENTS = 10  # on average of these: one call is a few microseconds
MOST_TIMES_THE_FIRST = 3.0  # what the machine's other work makes of a cost that does not grow


@dataclass(frozen=True, slots=True)
class Cost:
    """After so many events: how long one script keeps Redis busy, and the size of the user's value."""

    events: int
    microseconds: float
    value_bytes: int


@click.command()
def main() -> None:
    """Measure, and end with 1 if an event costs more the more there were before."""
    costs = asyncio.run(measured())
    table = Table("events before", "Redis, µs per script", "bytes of the user's value")
    for cost in costs:
        table.add_row(f"{cost.events:,}", f"{cost.microseconds:.0f}", f"{cost.value_bytes:,}")
    Console().print(table)
    first, last = costs[0], costs[-1]
    grows = last.microseconds > first.microseconds * MOST_TIMES_THE_FIRST or last.value_bytes > first.value_bytes * 2
    sys.exit(grows)


async def measured() -> list[Cost]:
    costs, events = [], 0
    with EmbeddedRedis() as redis:
        async with aioredis.from_url(redis.url) as client:
            throttle = RedisThrottle(client, ThrottlePolicy(LEASE_SECONDS, PREFIX), InMemoryMetrics())
            for before in MEASURED_AT:
                while events < before:
                    events += 1
                    await one_event(throttle, events)
                costs.append(await cost_of_the_next(client, throttle, events))
                events += MEASURED_EVENTS
    return costs


async def cost_of_the_next(client: aioredis.Redis, throttle: RedisThrottle, events: int) -> Cost:
    await client.config_resetstat()
    for number in range(events + 1, events + MEASURED_EVENTS + 1):
        await one_event(throttle, number)
    statistics = await client.info("commandstats")
    return Cost(events, statistics["cmdstat_evalsha"]["usec_per_call"], await client.strlen(PREFIX + USER))


async def one_event(throttle: RedisThrottle, number: int) -> None:
    """Claimed, and given back because the API refused it."""
    position = SourcePosition("saving-events", 3, 10_000_000 + number)
    claim = Claim(USER, "m-1", f"0192f0c1-aaaa-bbbb-cccc-{number:012}", position, "c" * 32, number)
    await throttle.reserve(claim, CAPS)
    await throttle.release(claim)


if __name__ == "__main__":
    main()
