"""What somebody would write by hand, made to live through faults: one asyncio process, aiokafka, aiohttp, redis-py.

Our steps decide. Calls are repeated until the deadline, with the same key. A claim in Redis is one push a user and
event; a commit covers what is behind the pushes. Nothing is written down, and nothing fences two owners off from each
other.

python -m benchmarks.faults.by_hand JOB
"""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

import aiohttp
import msgspec
import uvloop
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from redis.asyncio import Redis
from redis.exceptions import RedisError

from benchmarks.contenders.read_progress import ReadProgress, commit
from benchmarks.source import snapshot
from saving_alerts.domain.alerts import Alert, idempotency_key, push_of, rfc3339
from saving_alerts.domain.coupons import Coupon, CouponAnswer
from saving_alerts.domain.events import SourceRecord
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.pipeline import steps
from saving_alerts.pipeline.outcomes import Forward
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.worker.clock import SystemClock
from tests.end_to_end.shoppers import long_freshness_rules

POLL_MILLISECONDS = 200
COMMIT_SECONDS = 1.0
CALL_SECONDS = 4.0
PAUSE_SECONDS = 0.5
DAY_SECONDS = 24 * 3600
REDIS_SECONDS = 0.5
# As the contract of both APIs wants it to begin.
USER_AGENT = "saving-alerts/by-hand"
MOST_IN_FLIGHT = 4_000
FAILED = (aiohttp.ClientError, TimeoutError, RedisError, OSError)

Result = TypeVar("Result")


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Where everything is."""

    bootstrap_servers: str
    source: str
    group: str
    redis_url: str
    coupon_api_url: str
    push_api_url: str


class ByHand:
    """The work of one process."""

    def __init__(self, job: Job, redis: Redis, session: aiohttp.ClientSession) -> None:
        self._job = job
        self._redis = redis
        self._session = session
        self._clock = SystemClock()
        self._snapshot = snapshot(long_freshness_rules())
        self._room = asyncio.Semaphore(MOST_IN_FLIGHT)
        self._coupons = msgspec.json.Decoder(tuple[Coupon, ...])
        self.progress = ReadProgress()

    async def run(self, consumer: AIOKafkaConsumer) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._commit(consumer))
            while True:
                fetched = await consumer.getmany(timeout_ms=POLL_MILLISECONDS)
                for partition, records in fetched.items():
                    for record in records:
                        await self._room.acquire()
                        self.progress.begin(partition, record.offset)
                        self.progress.next_offset[partition] = record.offset + 1
                        group.create_task(self._work(partition, record))

    async def _work(self, partition: TopicPartition, record: ConsumerRecord) -> None:
        try:
            await self._decide(record)
        finally:
            self._room.release()
        self.progress.end(partition, record.offset)

    async def _decide(self, record: ConsumerRecord) -> None:
        now = datetime.now(UTC)
        position = SourcePosition(record.topic, record.partition, record.offset)
        validated = steps.validate(SourceRecord(position, record.value, now), self._snapshot, now)
        if not isinstance(validated, Forward):
            return
        found = await steps.query_coupons(validated.value, self._snapshot, (), self, self._clock)
        if not isinstance(found, Forward):
            return
        alert = steps.evaluate_rules(found.value, self._snapshot, datetime.now(UTC))
        if isinstance(alert, Forward):
            await self._dispatch(alert.value)

    async def coupons(self, user_id: str, merchant_id: str, deadline: datetime) -> CouponAnswer:
        """Asked until the deadline."""
        url = f"{self._job.coupon_api_url}/users/{user_id}/merchants/{merchant_id}/coupons"

        async def ask() -> CouponAnswer:
            async with self._session.get(url, headers={"Accept": "application/json"}) as answer:
                answer.raise_for_status()
                return CouponAnswer(self._coupons.decode(await answer.read()))

        return await _repeated(ask, deadline)

    async def _dispatch(self, alert: Alert) -> None:
        key = idempotency_key(alert.user_id, alert.event_id)

        async def claim() -> bool:
            held_by = await self._redis.set(f"claim:{alert.user_id}", alert.event_id, nx=True, get=True, ex=DAY_SECONDS)
            return held_by in {None, alert.event_id}

        async def push() -> None:
            freshness = self._snapshot.rules.freshness_of(alert.event_type)
            body = msgspec.json.encode(push_of(alert, datetime.now(UTC), freshness))
            headers = {
                "Content-Type": "application/json",
                "Idempotency-Key": key,
                "Request-Not-After": rfc3339(alert.deadline),
            }
            url = f"{self._job.push_api_url}/push-notifications"
            async with self._session.post(url, data=body, headers=headers) as answer:
                if answer.status != 409:  # noqa: PLR2004 - HTTP's: it was accepted before
                    answer.raise_for_status()

        if await _repeated(claim, alert.deadline):
            await _repeated(push, alert.deadline)

    async def _commit(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            await asyncio.sleep(COMMIT_SECONDS)
            if offsets := self.progress.committable():
                await commit(consumer, offsets)


async def _repeated(call: Callable[[], Awaitable[Result]], deadline: datetime) -> Result:
    while True:
        try:
            return await call()
        except FAILED as error:
            if datetime.now(UTC) >= deadline:
                raise UnavailableError(str(error)) from error
            await asyncio.sleep(PAUSE_SECONDS)


async def run(job: Job) -> None:
    """Until SIGTERM, or until something fails."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=job.bootstrap_servers,
        group_id=job.group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    redis = Redis.from_url(
        job.redis_url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS, decode_responses=True
    )
    timeout = aiohttp.ClientTimeout(CALL_SECONDS)
    async with consumer, aiohttp.ClientSession(timeout=timeout, headers={"User-Agent": USER_AGENT}) as session:
        work = ByHand(job, redis, session)
        consumer.subscribe([job.source], listener=work.progress)
        working = asyncio.ensure_future(work.run(consumer))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, working.cancel)
        await asyncio.wait([working])
    if not working.cancelled():
        working.result()


if __name__ == "__main__":
    uvloop.run(run(msgspec.json.decode(sys.argv[1], type=Job)))
