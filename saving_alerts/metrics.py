"""The catalogue of all metrics, and the protocol that sends them.

Only a metric of the catalogue can be sent, because its name is an enum. Sending never blocks or raises.
"""

import logging
import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

PREFIX = "saving_alerts."
FORWARDED = "forwarded"  # the tag `decision` of what goes on to the next stage

log = logging.getLogger(__name__)


class MetricKind(StrEnum):
    COUNT = "count"
    GAUGE = "gauge"
    DISTRIBUTION = "distribution"


class Metric(StrEnum):
    """Every metric by its name, without the prefix."""

    EVENTS_READ = "events.read"
    STAGE_IN = "stage.in"
    STAGE_OUT = "stage.out"
    STAGE_DURATION = "stage.duration"
    EVENT_AGE = "event.age"
    IN_FLIGHT = "in_flight"
    HELD_BACK_RECORDS = "held_back.records"
    HELD_BACK_AGE = "held_back.age"
    COUPON_API_REQUESTS = "coupon_api.requests"
    COUPON_API_DURATION = "coupon_api.duration"
    COUPON_API_SKIPPED = "coupon_api.skipped"
    COUPON_API_SKIPPED_SHARE = "coupon_api.skipped_share"
    COUPON_API_BREAKER = "coupon_api.breaker"
    COUPONS_PASSED_OVER = "coupons.passed_over"
    PUSH_API_REQUESTS = "push_api.requests"
    PUSH_API_DURATION = "push_api.duration"
    PUSH_API_BREAKER = "push_api.breaker"
    RULES_WHEN_ERRORS = "rules.when_errors"
    REDIS_CALLS = "redis.calls"
    REDIS_DURATION = "redis.duration"
    REFERENCE_DATA_AGE = "reference_data.age"
    REFERENCE_DATA_RELOADS = "reference_data.reloads"
    CLOCK_OFFSET = "clock.offset"
    CONSENT_AGE = "consent.age"
    CONSENT_CHANGES = "consent.changes"
    CONSENT_OPT_OUTS = "consent.opt_outs"
    RESPONSES = "responses"
    RESULTS = "results"
    RESULTS_ALERTS = "results.alerts"
    RESULTS_FORGOTTEN = "results.forgotten"
    COMMITS_LAG = "commits.lag"
    DEAD_LETTERS = "dead_letters"
    DELIVERY_RETRIES = "delivery.retries"
    HEARTBEAT = "heartbeat"


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the catalogue. `meaning` is the help text of `/metrics`."""

    kind: MetricKind
    unit: str
    tags: tuple[str, ...]
    meaning: str


CATALOGUE: dict[Metric, Entry] = {
    Metric.EVENTS_READ: Entry(MetricKind.COUNT, "events", (), "read from the source topic"),
    Metric.STAGE_IN: Entry(MetricKind.COUNT, "events", ("stage",), "taken into a stage"),
    Metric.STAGE_OUT: Entry(
        MetricKind.COUNT, "events", ("stage", "decision"), "left a stage: forwarded, or a decision"
    ),
    Metric.STAGE_DURATION: Entry(MetricKind.DISTRIBUTION, "seconds", ("stage",), "from intake to durable outcome"),
    Metric.EVENT_AGE: Entry(
        MetricKind.DISTRIBUTION, "seconds", ("stage",), "from received_at until the stage has it done"
    ),
    Metric.IN_FLIGHT: Entry(MetricKind.GAUGE, "events", ("stage",), "taken into a stage and not finished"),
    Metric.HELD_BACK_RECORDS: Entry(
        MetricKind.GAUGE, "records", ("stage",), "not committed behind an unfinished record, of the worst partition"
    ),
    Metric.HELD_BACK_AGE: Entry(
        MetricKind.GAUGE, "seconds", ("stage",), "since the oldest unfinished record of a stage was taken"
    ),
    Metric.COUPON_API_REQUESTS: Entry(MetricKind.COUNT, "requests", ("outcome",), "requests to the Coupon API"),
    Metric.COUPON_API_DURATION: Entry(MetricKind.DISTRIBUTION, "seconds", (), "one request to the Coupon API"),
    Metric.COUPON_API_SKIPPED: Entry(MetricKind.COUNT, "events", ("reason",), "decided without asking the Coupon API"),
    Metric.COUPON_API_SKIPPED_SHARE: Entry(
        MetricKind.GAUGE, "share", (), "of the events at the Coupon API's door, those decided without asking"
    ),
    Metric.COUPON_API_BREAKER: Entry(MetricKind.GAUGE, "open", (), "1 while the Coupon API's breaker is open"),
    Metric.COUPONS_PASSED_OVER: Entry(
        MetricKind.COUNT, "coupons", ("oddity",), "that cannot be promised: the others of their answer are used"
    ),
    Metric.PUSH_API_REQUESTS: Entry(MetricKind.COUNT, "requests", ("outcome",), "attempts at the push API"),
    Metric.PUSH_API_DURATION: Entry(MetricKind.DISTRIBUTION, "seconds", (), "one attempt at the push API"),
    Metric.PUSH_API_BREAKER: Entry(MetricKind.GAUGE, "open", (), "1 while the push API's breaker is open"),
    Metric.RULES_WHEN_ERRORS: Entry(MetricKind.COUNT, "errors", ("rule",), "a `when` that failed, so the rule said no"),
    Metric.REDIS_CALLS: Entry(MetricKind.COUNT, "calls", ("call", "outcome"), "throttle calls"),
    Metric.REDIS_DURATION: Entry(MetricKind.DISTRIBUTION, "seconds", ("call",), "one throttle call"),
    Metric.REFERENCE_DATA_AGE: Entry(MetricKind.GAUGE, "seconds", ("kind",), "since S3 last confirmed the document"),
    Metric.REFERENCE_DATA_RELOADS: Entry(MetricKind.COUNT, "reloads", ("kind", "outcome"), "looks at S3"),
    Metric.CLOCK_OFFSET: Entry(MetricKind.GAUGE, "seconds", (), "by how much Redis' clock is ahead of this machine's"),
    Metric.CONSENT_AGE: Entry(
        MetricKind.GAUGE, "seconds", (), "since the moment up to which all consent changes are obeyed for certain"
    ),
    Metric.CONSENT_CHANGES: Entry(
        MetricKind.COUNT,
        "records",
        ("kind",),
        "of the consent topic, re-keyed by this worker: opt_in, opt_out, unreadable (an opt-out of its key), nobodys, "
        "refused (everybody's opt-out)",
    ),
    Metric.CONSENT_OPT_OUTS: Entry(MetricKind.GAUGE, "users", (), "who have opted out, of this worker's partitions"),
    Metric.RESPONSES: Entry(
        MetricKind.COUNT, "events", ("kind",), "of the source that may be the result of an alert: opened, redeemed"
    ),
    Metric.RESULTS: Entry(MetricKind.COUNT, "records", (), "written to the topic of results; one can come again"),
    Metric.RESULTS_ALERTS: Entry(MetricKind.GAUGE, "alerts", (), "remembered by this `record-results`"),
    Metric.RESULTS_FORGOTTEN: Entry(
        MetricKind.GAUGE, "alerts", (), "forgotten before their window was over, since the last rebalance"
    ),
    Metric.COMMITS_LAG: Entry(
        MetricKind.GAUGE, "records", ("topic",), "behind the end of the topic, this worker's share"
    ),
    Metric.DEAD_LETTERS: Entry(MetricKind.COUNT, "records", ("stage",), "written to the dead-letter topic"),
    Metric.DELIVERY_RETRIES: Entry(
        MetricKind.COUNT, "attempts", ("topic",), "produce attempts that Kafka asked to repeat"
    ),
    Metric.HEARTBEAT: Entry(MetricKind.COUNT, "beats", (), "this worker said that it lives"),
}


class Metrics(Protocol):
    """Where metrics are sent. No call raises or blocks. `tags` are those of the metric's entry.

    An implementation asks `number_of` what it may send: what is no number is sent nowhere.
    """

    def count(self, metric: Metric, value: int = 1, **tags: str) -> None: ...

    def gauge(self, metric: Metric, value: float, **tags: str) -> None: ...

    def observe(self, metric: Metric, value: float, **tags: str) -> None: ...


def number_of(metric: Metric, value: object) -> int | float | None:
    """What every reader of numbers takes: finite, and no truth value, which would be written `False`.

    A truth value counts as 1 or 0; None is for everything else, and the log says which metric it was. One wrong line
    would make Prometheus refuse the whole page, and one that is not finite would stay in a sum for ever.
    """
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float) and _is_finite(value):
        return value
    log.warning("%s: %r is no number and was not counted", metric, value)
    return None


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer that no float can hold
        return False
