"""The catalogue of all metrics, and the protocol that sends them.

Only a metric of the catalogue can be sent, because its name is an enum. Sending never blocks or raises. All that tools
read is made of this catalogue: `/metrics`, `docs/metrics.md`, and the dashboards and alerts in `deploy/`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, overload

from typing_extensions import deprecated

PREFIX = "saving_alerts."
SECONDS = "seconds"
FORWARDED = "forwarded"  # the tag `decision` of what goes on to the next stage


class MetricKind(StrEnum):
    COUNT = "count"
    GAUGE = "gauge"
    DISTRIBUTION = "distribution"


class Metric(StrEnum):
    """Every metric by its name, without the prefix."""

    __hash__ = str.__hash__  # Enum's own is a function in Python: too much for every number

    EVENTS_READ = "events.read"
    STAGE_IN = "stage.in"
    STAGE_OUT = "stage.out"
    STAGE_DURATION = "stage.duration"
    EVENT_AGE = "event.age"
    PUSH_AGE = "push.age"
    IN_FLIGHT = "in_flight"
    HELD_BACK_RECORDS = "held_back.records"
    HELD_BACK_AGE = "held_back.age"
    UNDECIDED_AGE = "undecided.age"
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
    CANARY_TRIED = "canary.tried"
    CANARY_TAKEN_BACK = "canary.taken_back"
    CANARY_EVIDENCE = "canary.evidence"
    REDIS_CALLS = "redis.calls"
    REDIS_DURATION = "redis.duration"
    REFERENCE_DATA_AGE = "reference_data.age"
    REFERENCE_DATA_RELOADS = "reference_data.reloads"
    REFERENCE_DATA_REFUSED = "reference_data.refused"
    TABLE_USERS = "table.users"
    CONDITION_OK = "condition.ok"
    CLOCK_OFFSET = "clock.offset"
    CONSENT_AGE = "consent.age"
    CONSENT_CHANGES = "consent.changes"
    CONSENT_OPT_OUTS = "consent.opt_outs"
    ERASURES = "erasures"
    RESPONSES = "responses"
    RESULTS = "results"
    RESULTS_ALERTS = "results.alerts"
    RESULTS_FORGOTTEN = "results.forgotten"
    COMMITS_LAG = "commits.lag"
    DEAD_LETTERS = "dead_letters"
    DEPENDENCY_ILL = "dependency.ill"
    DEPENDENCY_HELD = "dependency.held"
    KILL_SWITCHES_ON = "kill_switches.on"
    WORKERS_AWAY = "workers.away"
    DELIVERY_RETRIES = "delivery.retries"
    HEARTBEAT = "heartbeat"
    BUILD_INFO = "build_info"
    AUDIT_OFFSETS = "audit.offsets"
    AUDIT_TIME = "audit.timestamp"


# Upper ends of the buckets of a distribution. One answer of a server or of Redis takes milliseconds, at most a minute.
ANSWER_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
# An event can wait until its deadline, which is minutes away. 10 s is an end, because an objective asks for it.
AGE_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the catalogue. `meaning` is the help text of `/metrics`. `buckets` are for distributions."""

    kind: MetricKind
    unit: str
    tags: tuple[str, ...]
    meaning: str
    buckets: tuple[float, ...] = ANSWER_BUCKETS


CATALOGUE: dict[Metric, Entry] = {
    Metric.EVENTS_READ: Entry(MetricKind.COUNT, "events", (), "read from the source topic"),
    Metric.STAGE_IN: Entry(MetricKind.COUNT, "events", ("stage",), "taken into a stage"),
    Metric.STAGE_OUT: Entry(
        MetricKind.COUNT, "events", ("stage", "decision"), "left a stage: forwarded, or a decision"
    ),
    Metric.STAGE_DURATION: Entry(
        MetricKind.DISTRIBUTION, SECONDS, ("stage",), "from intake to durable outcome", AGE_BUCKETS
    ),
    Metric.EVENT_AGE: Entry(
        MetricKind.DISTRIBUTION, SECONDS, ("stage",), "from received_at until the stage has it done", AGE_BUCKETS
    ),
    Metric.PUSH_AGE: Entry(
        MetricKind.DISTRIBUTION, SECONDS, (), "from received_at until its push was accepted and recorded", AGE_BUCKETS
    ),
    Metric.IN_FLIGHT: Entry(MetricKind.GAUGE, "events", ("stage",), "taken into a stage and not finished"),
    Metric.HELD_BACK_RECORDS: Entry(
        MetricKind.GAUGE, "records", ("stage",), "not committed behind an unfinished record, of the worst partition"
    ),
    Metric.HELD_BACK_AGE: Entry(
        MetricKind.GAUGE, SECONDS, ("stage",), "since the oldest unfinished record of a stage was taken"
    ),
    Metric.UNDECIDED_AGE: Entry(
        MetricKind.GAUGE, SECONDS, ("stage",), "since the oldest record that a stage has not finished stood on Kafka"
    ),
    Metric.COUPON_API_REQUESTS: Entry(MetricKind.COUNT, "requests", ("outcome",), "requests to the Coupon API"),
    Metric.COUPON_API_DURATION: Entry(MetricKind.DISTRIBUTION, SECONDS, (), "one request to the Coupon API"),
    Metric.COUPON_API_SKIPPED: Entry(MetricKind.COUNT, "events", ("reason",), "decided without asking the Coupon API"),
    Metric.COUPON_API_SKIPPED_SHARE: Entry(
        MetricKind.GAUGE, "share", (), "of the events at the Coupon API's door, those decided without asking"
    ),
    Metric.COUPON_API_BREAKER: Entry(MetricKind.GAUGE, "open", (), "1 while the Coupon API's breaker is open"),
    Metric.COUPONS_PASSED_OVER: Entry(
        MetricKind.COUNT, "coupons", ("oddity",), "that cannot be promised: the others of their answer are used"
    ),
    Metric.PUSH_API_REQUESTS: Entry(MetricKind.COUNT, "requests", ("outcome",), "attempts at the push API"),
    Metric.PUSH_API_DURATION: Entry(MetricKind.DISTRIBUTION, SECONDS, (), "one attempt at the push API"),
    Metric.PUSH_API_BREAKER: Entry(MetricKind.GAUGE, "open", (), "1 while the push API's breaker is open"),
    Metric.RULES_WHEN_ERRORS: Entry(MetricKind.COUNT, "errors", ("rule",), "a `when` that failed, so the rule said no"),
    Metric.CANARY_TRIED: Entry(MetricKind.GAUGE, "canaries", (), "1 while rules are tried on some of the users"),
    Metric.CANARY_TAKEN_BACK: Entry(
        MetricKind.GAUGE, "canaries", (), "1 from when a canary is taken back until `rules canary abort` puts it away"
    ),
    Metric.CANARY_EVIDENCE: Entry(
        MetricKind.GAUGE, "share", ("guard",), "of the evidence that takes the canary back, how much there is"
    ),
    Metric.REDIS_CALLS: Entry(MetricKind.COUNT, "calls", ("call", "outcome"), "throttle calls"),
    Metric.REDIS_DURATION: Entry(MetricKind.DISTRIBUTION, SECONDS, ("call",), "one throttle call"),
    Metric.REFERENCE_DATA_AGE: Entry(MetricKind.GAUGE, SECONDS, ("kind",), "since S3 last confirmed the document"),
    Metric.REFERENCE_DATA_RELOADS: Entry(MetricKind.COUNT, "reloads", ("kind", "outcome"), "looks at S3"),
    Metric.REFERENCE_DATA_REFUSED: Entry(
        MetricKind.GAUGE, "refused", ("kind",), "1 while the newest document is refused and an older one is in use"
    ),
    Metric.TABLE_USERS: Entry(MetricKind.GAUGE, "users", (), "whose sends this worker's Table has in memory"),
    Metric.CONDITION_OK: Entry(
        MetricKind.GAUGE, "ok", ("condition",), "1 while a condition of /health/ready or /health/live holds, else 0"
    ),
    Metric.CLOCK_OFFSET: Entry(MetricKind.GAUGE, SECONDS, (), "by how much Redis' clock is ahead of this machine's"),
    Metric.CONSENT_AGE: Entry(
        MetricKind.GAUGE, SECONDS, (), "since the moment up to which all consent changes are obeyed for certain"
    ),
    Metric.CONSENT_CHANGES: Entry(
        MetricKind.COUNT,
        "records",
        ("kind",),
        "of the consent topic, re-keyed by this worker: opt_in, opt_out, unreadable (an opt-out of its key), nobodys, "
        "refused (everybody's opt-out)",
    ),
    Metric.CONSENT_OPT_OUTS: Entry(MetricKind.GAUGE, "users", (), "who have opted out, of this worker's partitions"),
    Metric.ERASURES: Entry(
        MetricKind.COUNT, "attempts", ("outcome",), "to erase a user: erased, or waits, and is tried again"
    ),
    Metric.RESPONSES: Entry(
        MetricKind.COUNT, "events", ("kind",), "of the source that may be the result of an alert: opened, redeemed"
    ),
    Metric.RESULTS: Entry(MetricKind.COUNT, "records", (), "written to the topic of results; one can come again"),
    Metric.RESULTS_ALERTS: Entry(MetricKind.GAUGE, "alerts", (), "remembered by this `record-results`"),
    Metric.RESULTS_FORGOTTEN: Entry(
        MetricKind.GAUGE, "alerts", (), "forgotten before their window was over, since the last rebalance"
    ),
    Metric.COMMITS_LAG: Entry(
        MetricKind.GAUGE, "records", ("topic", "partition"), "between commit and end, of this worker's partitions"
    ),
    Metric.DEAD_LETTERS: Entry(
        MetricKind.COUNT, "records", ("stage", "reason"), "written to the dead-letter topic; `reason` is the decision's"
    ),
    Metric.DEPENDENCY_ILL: Entry(
        MetricKind.GAUGE, "ill", ("dependency",), "1 while a condition of health is degraded or not ready"
    ),
    Metric.DEPENDENCY_HELD: Entry(MetricKind.GAUGE, "events", ("dependency",), "that wait for it while it is ill"),
    Metric.KILL_SWITCHES_ON: Entry(MetricKind.GAUGE, "switches", (), "kill switches that are on: that is a choice"),
    Metric.WORKERS_AWAY: Entry(
        MetricKind.GAUGE, "workers", (), "that do not answer, or ended without a word within the last hour"
    ),
    Metric.DELIVERY_RETRIES: Entry(
        MetricKind.COUNT, "attempts", ("topic",), "produce attempts that Kafka asked to repeat"
    ),
    Metric.HEARTBEAT: Entry(MetricKind.COUNT, "beats", (), "this worker said that it lives"),
    Metric.BUILD_INFO: Entry(MetricKind.GAUGE, "worker", ("version", "worker"), "1: this worker and its version"),
    Metric.AUDIT_OFFSETS: Entry(
        MetricKind.GAUGE,
        "offsets",
        ("answer",),
        "of the source, as the last `audit` found them: answered, pending, missing, contradictory, unknown",
    ),
    Metric.AUDIT_TIME: Entry(MetricKind.GAUGE, SECONDS, (), "Unix time of the last `audit` that sent its numbers"),
}


def exposition_name(metric: Metric) -> str:
    """As `/metrics` has it: a counter ends in `_total`, a time in `_seconds`; a histogram has `_bucket` and so on."""
    entry, name = CATALOGUE[metric], (PREFIX + metric).replace(".", "_")
    if entry.unit == SECONDS:
        name += "_seconds"
    return f"{name}_total" if entry.kind is MetricKind.COUNT else name


class Metrics(Protocol):
    """Where metrics are sent. No call raises or blocks. `tags` are those of the metric's entry.

    Values are numbers: the type checker refuses a truth value, too, which is an `int` in Python and would be written
    `False`. What is not finite shows only when it is there: an implementation asks `number_of` (`metric_numbers`)
    what it may send.
    """

    @overload
    @deprecated("a truth value is no number: write int(...)")
    def count(self, metric: Metric, value: bool, **tags: str) -> None: ...  # noqa: FBT001 - this refuses it
    @overload
    def count(self, metric: Metric, value: int = 1, **tags: str) -> None: ...

    @overload
    @deprecated("a truth value is no number: write int(...)")
    def gauge(self, metric: Metric, value: bool, **tags: str) -> None: ...  # noqa: FBT001 - this refuses it
    @overload
    def gauge(self, metric: Metric, value: float, **tags: str) -> None: ...

    @overload
    @deprecated("a truth value is no number: write int(...)")
    def observe(self, metric: Metric, value: bool, **tags: str) -> None: ...  # noqa: FBT001 - this refuses it
    @overload
    def observe(self, metric: Metric, value: float, **tags: str) -> None: ...

    def observe_all(self, metric: Metric, values: Sequence[float], **tags: str) -> None:
        """As `observe` with each of the values, which costs less."""

    def forget(self, metric: Metric) -> None:
        """Drop what a gauge said, of all tags: of a partition that is no longer ours, say."""
