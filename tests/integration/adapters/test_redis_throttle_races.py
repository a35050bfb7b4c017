"""Many processes, one server, one user: of all who ask at once, one is granted."""

import asyncio
import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.synchronize import Barrier

import pytest

from demo.servers.redis import EmbeddedRedis
from saving_alerts.adapters.redis_connection import connect
from saving_alerts.adapters.redis_throttle import RedisThrottle, ThrottlePolicy
from saving_alerts.ports.throttle import Busy, Claim, Granted
from tests.contracts.throttle_harness import DAILY, KEY_PREFIX, LEASE_SECONDS, claim_of
from tests.contracts.throttle_servers import SERVERS, named
from tests.support.fakes.metrics import RecordingMetrics

PROCESSES = 3
RESERVES = 1_000
CONNECTIONS = 50
WAIT_SECONDS = 60
_SPAWN = multiprocessing.get_context("spawn")

start: Barrier  # of the process that runs `race`


def enter(barrier: Barrier) -> None:
    """Runs first in each process."""
    global start  # noqa: PLW0603 - a barrier is inherited, it cannot be sent with a task
    start = barrier


def race(url: str, claims: list[Claim]) -> Counter[str]:
    """In a process of its own: reserve them all at once, together with the other processes."""
    return asyncio.run(_race(url, claims))


async def _race(url: str, claims: list[Claim]) -> Counter[str]:
    async with connect(url, timeout_seconds=WAIT_SECONDS, max_connections=CONNECTIONS) as client:
        throttle = RedisThrottle(client, ThrottlePolicy(LEASE_SECONDS, KEY_PREFIX), RecordingMetrics())
        await client.ping()
        await asyncio.to_thread(start.wait, WAIT_SECONDS)
        answers = await asyncio.gather(*(throttle.reserve(claim, (DAILY,)) for claim in claims))
    return Counter(type(answer).__name__ for answer in answers)


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPoolExecutor]:
    barrier = _SPAWN.Barrier(PROCESSES)
    with ProcessPoolExecutor(PROCESSES, _SPAWN, initializer=enter, initargs=(barrier,)) as pool:
        yield pool


@pytest.fixture(scope="module", params=SERVERS)
def redis(request: pytest.FixtureRequest) -> Iterator[EmbeddedRedis]:
    with named(request.param) as server:
        yield server


def of_many_events(process: int) -> list[Claim]:
    offsets = range(process, RESERVES, PROCESSES)
    return [claim_of(offset, f"worker-{process}", number=1, user_id="u-many") for offset in offsets]


def of_one_event_at_many_positions(process: int) -> list[Claim]:
    offsets = range(process, RESERVES, PROCESSES)
    return [claim_of(offset, f"worker-{process}", 1, "event-1", user_id="u-sent_calls") for offset in offsets]


def of_one_position(process: int) -> list[Claim]:
    askers = range(process, RESERVES, PROCESSES)
    return [claim_of(1, f"worker-{asker}", number=1, user_id="u-one") for asker in askers]


@pytest.mark.parametrize("claims", [of_many_events, of_one_event_at_many_positions, of_one_position])
def test_of_a_thousand_reserves_from_three_processes_one_is_granted(
    redis: EmbeddedRedis, processes: ProcessPoolExecutor, claims: Callable[[int], list[Claim]]
) -> None:
    races = [processes.submit(race, redis.url, claims(process)) for process in range(PROCESSES)]

    answers = sum((each.result(WAIT_SECONDS) for each in races), Counter[str]())
    assert answers == {Granted.__name__: 1, Busy.__name__: RESERVES - 1}
