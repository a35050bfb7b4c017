"""The real adapters, opened in the event loop and closed in reverse."""

from contextlib import AsyncExitStack
from urllib.parse import urlsplit

from saving_alerts.adapters.coupon_api import CouponApi, CouponApiPolicy
from saving_alerts.adapters.dry_run_push import DryRunPushSender
from saving_alerts.adapters.push_api import PushApi, PushApiPolicy
from saving_alerts.adapters.redis_accepted_directory import RedisAcceptedDirectories
from saving_alerts.adapters.redis_connection import connect
from saving_alerts.adapters.redis_gone_devices import RedisGoneDevices
from saving_alerts.adapters.redis_heartbeats import RedisHeartbeats
from saving_alerts.adapters.redis_histories import RedisHistories
from saving_alerts.adapters.redis_throttle import RedisThrottle, ThrottlePolicy
from saving_alerts.adapters.s3 import S3ObjectStore, S3Policy
from saving_alerts.dependencies import COUPON_API, PUSH_API, REDIS, Dependencies
from saving_alerts.metrics import Metrics
from saving_alerts.ports import Ports
from saving_alerts.ports.clock import Clock
from saving_alerts.settings import Settings


async def open_ports(
    settings: Settings, clock: Clock, metrics: Metrics, closing: AsyncExitStack, dependencies: Dependencies
) -> Ports:
    """Everything that the settings name. Opening connects to nobody yet, so it works while they are down.

    The adapters tell `dependencies` how those are whom they ask.
    """
    redis = connect(settings.redis_address, settings.redis_timeout_seconds, settings.redis_max_connections)
    closing.push_async_callback(redis.aclose)
    coupon_api = _coupon_api(settings, clock, metrics, dependencies)
    closing.push_async_callback(coupon_api.close)
    push_api = _push_api(settings, clock, metrics, dependencies)
    closing.push_async_callback(push_api.close)
    store = await closing.enter_async_context(
        S3ObjectStore(S3Policy(bucket=settings.s3_bucket, endpoint_url=settings.s3_endpoint_url))
    )
    prefix = settings.key_prefix
    return Ports(
        coupon_source=coupon_api,
        push_sender=DryRunPushSender(clock) if settings.dry_run else push_api,
        throttle=RedisThrottle(
            redis, claim_policy(settings), metrics, dependencies.of(REDIS, _shown(settings.redis_address))
        ),
        object_store=store,
        heartbeats=RedisHeartbeats(redis, f"{prefix}workers:"),
        gone_devices=RedisGoneDevices(redis, f"{prefix}gone:", settings.gone_device_seconds),
        histories=RedisHistories(redis, f"{prefix}history:"),
        accepted_directories=RedisAcceptedDirectories(redis, settings.accepted_directory_key),
    )


def _coupon_api(settings: Settings, clock: Clock, metrics: Metrics, dependencies: Dependencies) -> CouponApi:
    asked = dependencies.of(COUPON_API, _shown(settings.coupon_api_url))
    return CouponApi.over_http(coupon_api_policy(settings), clock, metrics, asked)


def _push_api(settings: Settings, clock: Clock, metrics: Metrics, dependencies: Dependencies) -> PushApi:
    asked = dependencies.of(PUSH_API, _shown(settings.push_api_url))
    return PushApi.over_http(push_api_policy(settings), clock, metrics, asked)


def claim_policy(settings: Settings) -> ThrottlePolicy:
    return ThrottlePolicy(settings.claim_lease_seconds, f"{settings.key_prefix}claims:", settings.tokens)


def _shown(url: str) -> str:
    """Where it is, for people: without a login, a path and options."""
    parts = urlsplit(url)
    return parts.hostname or "" if parts.port is None else f"{parts.hostname}:{parts.port}"


def coupon_api_policy(settings: Settings) -> CouponApiPolicy:
    return CouponApiPolicy(
        url=settings.coupon_api_url,
        access=settings.coupon_api_access,
        timeout_seconds=settings.coupon_api_timeout_seconds,
        total_seconds=settings.coupon_api_total_seconds,
        attempts=settings.coupon_api_attempts,
        longest_pause_seconds=settings.coupon_api_longest_pause_seconds,
        concurrency=settings.coupon_api_concurrency,
        breaker_failures=settings.breaker_failures,
        breaker_seconds=settings.breaker_seconds,
    )


def push_api_policy(settings: Settings) -> PushApiPolicy:
    return PushApiPolicy(
        url=settings.push_api_url,
        access=settings.push_api_access,
        attempt_seconds=settings.push_attempt_seconds,
        concurrency=settings.push_api_concurrency,
        per_second=settings.push_api_per_second,
        breaker_failures=settings.breaker_failures,
        breaker_seconds=settings.breaker_seconds,
        link_parameter=settings.link_parameter,
    )
