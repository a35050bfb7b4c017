"""Settings that are right by themselves and wrong together: each row says when they fit, and what to change else."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from saving_alerts.kafka.last_commit import LAST_SECONDS_OF_A_REVOKE
from saving_alerts.kafka.topics import Topics

LEASE_SLACK_SECONDS = 1.0  # of a lease that has just been renewed, for what happens before the attempt
HEARTBEATS_PER_SESSION = 3  # one can be lost, and one late


class Together(Protocol):
    """The settings that depend on others."""

    @property
    def claim_lease_seconds(self) -> float: ...
    @property
    def push_attempt_seconds(self) -> float: ...
    @property
    def redis_timeout_seconds(self) -> float: ...
    @property
    def drain_seconds(self) -> float: ...
    @property
    def rebalance_timeout_seconds(self) -> float: ...
    @property
    def group_heartbeat_seconds(self) -> float: ...
    @property
    def session_timeout_seconds(self) -> float: ...
    @property
    def consent_topic(self) -> str | None: ...
    @property
    def consent_stale_seconds(self) -> float: ...
    @property
    def coupon_api_total_seconds(self) -> float: ...
    @property
    def coupon_api_timeout_seconds(self) -> float: ...
    @property
    def reference_data_stale_seconds(self) -> float: ...
    @property
    def reload_seconds(self) -> float: ...
    @property
    def s3_rules_key(self) -> str: ...
    @property
    def s3_merchants_key(self) -> str: ...
    @property
    def source_topic(self) -> str: ...

    @property
    def lease_left_to_attempt_seconds(self) -> float: ...
    @property
    def topics(self) -> Topics: ...
    @property
    def has_login(self) -> bool: ...


class _Row(NamedTuple):
    fits: Callable[[Together], bool]
    words: str


_ROWS = (
    # docs/claims.md, rule 3: a lease that has just been renewed has room for an attempt.
    _Row(
        lambda s: s.claim_lease_seconds >= s.lease_left_to_attempt_seconds + LEASE_SLACK_SECONDS,
        "SAVING_ALERTS_CLAIM_LEASE_SECONDS must be at least SAVING_ALERTS_PUSH_ATTEMPT_SECONDS "
        f"+ SAVING_ALERTS_CLOCK_MARGIN_SECONDS + {LEASE_SLACK_SECONDS:g}",
    ),
    # Redis' answer may come so late.
    _Row(
        lambda s: s.claim_lease_seconds >= s.lease_left_to_attempt_seconds + s.redis_timeout_seconds,
        "SAVING_ALERTS_CLAIM_LEASE_SECONDS must be at least SAVING_ALERTS_PUSH_ATTEMPT_SECONDS "
        "+ SAVING_ALERTS_CLOCK_MARGIN_SECONDS + SAVING_ALERTS_REDIS_TIMEOUT_SECONDS, else no attempt could begin",
    ),
    # An attempt that is cut off is an unclear one: `push_uncertain`, at each rebalance.
    _Row(
        lambda s: s.drain_seconds >= s.push_attempt_seconds,
        "SAVING_ALERTS_DRAIN_SECONDS must be at least SAVING_ALERTS_PUSH_ATTEMPT_SECONDS, "
        "else attempts are cut off whenever a worker stops",
    ),
    _Row(
        lambda s: s.drain_seconds + LAST_SECONDS_OF_A_REVOKE < s.rebalance_timeout_seconds,
        f"SAVING_ALERTS_DRAIN_SECONDS + {LAST_SECONDS_OF_A_REVOKE:g}, which the last commits may take, "
        "must be less than SAVING_ALERTS_REBALANCE_TIMEOUT_SECONDS",
    ),
    _Row(
        lambda s: s.group_heartbeat_seconds * HEARTBEATS_PER_SESSION <= s.session_timeout_seconds,
        "SAVING_ALERTS_GROUP_HEARTBEAT_SECONDS must be at most a third of SAVING_ALERTS_SESSION_TIMEOUT_SECONDS",
    ),
    _Row(
        lambda s: s.consent_topic is None or s.consent_stale_seconds > s.session_timeout_seconds,
        "SAVING_ALERTS_CONSENT_STALE_SECONDS must be more than SAVING_ALERTS_SESSION_TIMEOUT_SECONDS, "
        "else no consent is known whenever a worker is gone",
    ),
    _Row(
        lambda s: s.coupon_api_total_seconds >= s.coupon_api_timeout_seconds,
        "SAVING_ALERTS_COUPON_API_TOTAL_SECONDS must be at least SAVING_ALERTS_COUPON_API_TIMEOUT_SECONDS, "
        "which the first attempt may take",
    ),
    _Row(
        lambda s: s.reference_data_stale_seconds > s.reload_seconds,
        "SAVING_ALERTS_REFERENCE_DATA_STALE_SECONDS must be more than SAVING_ALERTS_RELOAD_SECONDS, "
        "else the worker is not ready between two looks at S3",
    ),
    _Row(
        lambda s: s.s3_rules_key != s.s3_merchants_key,
        "SAVING_ALERTS_S3_RULES_KEY and SAVING_ALERTS_S3_MERCHANTS_KEY must be two objects",
    ),
    _Row(
        lambda s: s.source_topic not in {topic.name for topic in s.topics.all[1:]},
        "SAVING_ALERTS_SOURCE_TOPIC must not be a topic of our own: choose another SAVING_ALERTS_TOPIC_PREFIX",
    ),
    _Row(
        lambda s: s.has_login,
        "SAVING_ALERTS_KAFKA_SASL_USERNAME and SAVING_ALERTS_KAFKA_SASL_PASSWORD are needed for SASL",
    ),
)


def misfits(settings: Together) -> list[str]:
    """What does not fit, a line for each: which settings, and how they must be to each other."""
    return [row.words for row in _ROWS if not row.fits(settings)]
