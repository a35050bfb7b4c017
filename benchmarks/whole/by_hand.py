"""What somebody would write instead of this project: one asyncio process, one consumer group, no topics of its own.

Our `domain` code and steps, aiohttp, one claim in Redis (one push for a user in a day, as the rules of the benchmark
say), and a commit of what is behind the pushes. No decision is written down, a call is not made twice, nothing fences
two owners off from each other, and one request to an API or to Redis that fails ends it.

python -m benchmarks.whole.by_hand JOB
"""

import asyncio
import signal
import sys
from datetime import UTC, datetime

import aiohttp
import msgspec
import uvloop
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from redis.asyncio import BlockingConnectionPool, Redis

from benchmarks.contenders.read_progress import ReadProgress, commit
from benchmarks.source import long_freshness_rules, snapshot
from saving_alerts.domain.alerts import Alert, idempotency_key, push_of, rfc3339
from saving_alerts.domain.coupons import Coupon, CouponAnswer
from saving_alerts.domain.events import SourceRecord, ValidatedEvent
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.pipeline import steps
from saving_alerts.pipeline.outcomes import Forward
from saving_alerts.worker.clock import SystemClock

POLL_MILLISECONDS = 200
POLL_RECORDS = 2_000
MOST_IN_FLIGHT = 4_000
COMMIT_SECONDS = 1.0
DAY_SECONDS = 24 * 3600


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """`calls`: how many requests to each API at the same time."""

    bootstrap_servers: str
    source: str
    group: str
    redis_url: str
    coupon_api_url: str
    push_api_url: str
    calls: int


class ByHand:
    """The work of one process."""

    def __init__(self, job: Job, redis: Redis, session: aiohttp.ClientSession) -> None:
        self._job = job
        self._redis = redis
        self._session = session
        self._clock = SystemClock()
        self._snapshot = snapshot(long_freshness_rules())
        self._asking, self._pushing = asyncio.Semaphore(job.calls), asyncio.Semaphore(job.calls)
        self._room = asyncio.Semaphore(MOST_IN_FLIGHT)
        self._coupons = msgspec.json.Decoder(tuple[Coupon, ...])
        self.progress = ReadProgress()

    async def run(self, consumer: AIOKafkaConsumer) -> None:
        """Until something fails."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._commit(consumer))
            while True:
                fetched = await consumer.getmany(timeout_ms=POLL_MILLISECONDS, max_records=POLL_RECORDS)
                for partition, records in fetched.items():
                    await self._take(group, partition, records)

    async def _take(self, group: asyncio.TaskGroup, partition: TopicPartition, records: list[ConsumerRecord]) -> None:
        now = datetime.now(UTC)
        for record in records:
            position = SourcePosition(record.topic, record.partition, record.offset)
            outcome = steps.validate(SourceRecord(position, record.value, now), self._snapshot, now)
            if isinstance(outcome, Forward):
                await self._room.acquire()
                self.progress.begin(partition, record.offset)
                group.create_task(self._work(partition, record.offset, outcome.value))
            self.progress.next_offset[partition] = record.offset + 1

    async def _work(self, partition: TopicPartition, offset: int, validated: ValidatedEvent) -> None:
        try:
            found = await steps.query_coupons(validated, self._snapshot, (), self, self._clock)
            if isinstance(found, Forward):
                alert = steps.evaluate_rules(found.value, self._snapshot, datetime.now(UTC))
                if isinstance(alert, Forward):
                    await self._dispatch(alert.value)
        finally:
            self._room.release()
        self.progress.end(partition, offset)

    async def coupons(self, user_id: str, merchant_id: str, deadline: datetime) -> CouponAnswer:  # noqa: ARG002 - `CouponSource`
        url = f"{self._job.coupon_api_url}/users/{user_id}/merchants/{merchant_id}/coupons"
        async with self._asking, self._session.get(url, headers={"Accept": "application/json"}) as answer:
            answer.raise_for_status()
            return CouponAnswer(self._coupons.decode(await answer.read()))

    async def _dispatch(self, alert: Alert) -> None:
        claim = f"claim:{alert.user_id}"
        if not await self._redis.set(claim, alert.event_id, nx=True, ex=DAY_SECONDS):
            return
        now = datetime.now(UTC)
        freshness = self._snapshot.rules.freshness_of(alert.event_type)
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": idempotency_key(alert.user_id, alert.event_id),
            "Request-Not-After": rfc3339(alert.deadline),
        }
        body = msgspec.json.encode(push_of(alert, now, freshness))
        url = f"{self._job.push_api_url}/push-notifications"
        async with self._pushing, self._session.post(url, data=body, headers=headers) as answer:
            answer.raise_for_status()
            await answer.read()

    async def _commit(self, consumer: AIOKafkaConsumer) -> None:
        committed: dict[TopicPartition, int] = {}
        while True:
            await asyncio.sleep(COMMIT_SECONDS)
            now = self.progress.committable()
            if now != committed and await commit(consumer, now):
                committed = now


def _consumer(job: Job) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        bootstrap_servers=job.bootstrap_servers,
        group_id=job.group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )


async def run(job: Job) -> None:
    """Until SIGTERM."""
    # As many connections as calls may be made of both APIs, and of Redis.
    connector = aiohttp.TCPConnector(limit=2 * job.calls)
    pool: BlockingConnectionPool = BlockingConnectionPool.from_url(job.redis_url, max_connections=job.calls)
    async with aiohttp.ClientSession(connector=connector) as session, _consumer(job) as consumer:
        work = ByHand(job, Redis.from_pool(pool), session)
        consumer.subscribe([job.source], listener=work.progress)
        working = asyncio.ensure_future(work.run(consumer))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, working.cancel)
        await asyncio.wait([working])
    if not working.cancelled():
        working.result()


if __name__ == "__main__":
    uvloop.run(run(msgspec.json.decode(sys.argv[1], type=Job)))
