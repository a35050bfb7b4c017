"""What the dashboards show, the same in Grafana and in Datadog: the verdict first, then what flows, then who is ill."""

from collections.abc import Mapping
from dataclasses import dataclass

from deploy.objectives import PUSHES_IN_TIME
from deploy.queries import Query, highest, lowest, percentile, rate, total
from saving_alerts.metrics import Metric

PER_SECOND, SECONDS, SHARE, NUMBER, BYTES = "ops", "s", "percentunit", "short", "bytes"
JOB = 'job="saving-alerts"'


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture. `queries` are by the legend of their series, in Grafana's words: `{{stage}}` is a tag's value."""

    title: str
    unit: str
    queries: Mapping[str, Query]


def _of_the_process(prometheus: str, datadog: str) -> Query:
    """What Prometheus' client measures of a process. Datadog's agent does with its check `process`."""
    return Query(prometheus, datadog)


VERDICT = (
    Panel("Pushes within 10 s of received_at", SHARE, {"share": PUSHES_IN_TIME.share("1h")}),
    Panel("Events read", PER_SECOND, {"read": rate(Metric.EVENTS_READ)}),
    Panel("Pushes", PER_SECOND, {"{{decision}}": rate(Metric.STAGE_OUT, "decision", stage="dispatch_push")}),
    Panel("Oldest undecided", SECONDS, {"{{stage}}": highest(Metric.UNDECIDED_AGE, "stage")}),
    Panel("Not in order", NUMBER, {"{{condition}}": lowest(Metric.CONDITION_OK, "condition")}),
    Panel(
        "Workers",
        NUMBER,
        {"{{version}}": total(Metric.BUILD_INFO, "version"), "heartbeats a second": rate(Metric.HEARTBEAT)},
    ),
)
FLOW = (
    Panel("Taken by stage", PER_SECOND, {"{{stage}}": rate(Metric.STAGE_IN, "stage")}),
    Panel(
        "Left by stage and decision",
        PER_SECOND,
        {"{{stage}} {{decision}}": rate(Metric.STAGE_OUT, "stage", "decision")},
    ),
    Panel("Lag by topic", NUMBER, {"{{topic}}": total(Metric.COMMITS_LAG, "topic")}),
    Panel("Lag by partition", NUMBER, {"{{topic}} {{partition}}": highest(Metric.COMMITS_LAG, "topic", "partition")}),
    Panel("In flight", NUMBER, {"{{stage}}": total(Metric.IN_FLIGHT, "stage")}),
    Panel("Age when done, p99", SECONDS, {"{{stage}}": percentile(Metric.EVENT_AGE, 99, "stage")}),
    Panel("Age of pushes", SECONDS, {"p50": percentile(Metric.PUSH_AGE, 50), "p99": percentile(Metric.PUSH_AGE, 99)}),
    Panel("From intake to outcome, p99", SECONDS, {"{{stage}}": percentile(Metric.STAGE_DURATION, 99, "stage")}),
    Panel("Commits that wait: records", NUMBER, {"{{stage}}": highest(Metric.HELD_BACK_RECORDS, "stage")}),
    Panel("Commits that wait: since", SECONDS, {"{{stage}}": highest(Metric.HELD_BACK_AGE, "stage")}),
    Panel("Dead letters", PER_SECOND, {"{{stage}} {{reason}}": rate(Metric.DEAD_LETTERS, "stage", "reason")}),
    Panel("Offsets of the last audit", NUMBER, {"{{answer}}": total(Metric.AUDIT_OFFSETS, "answer")}),
    Panel("Time of the last audit", NUMBER, {"audit": highest(Metric.AUDIT_TIME)}),
    Panel("Responses of shoppers", PER_SECOND, {"{{kind}}": rate(Metric.RESPONSES, "kind")}),
    Panel("Results written", PER_SECOND, {"results": rate(Metric.RESULTS)}),
    Panel(
        "Alerts of record-results",
        NUMBER,
        {"remembered": total(Metric.RESULTS_ALERTS), "forgotten too early": total(Metric.RESULTS_FORGOTTEN)},
    ),
)
DEPENDENCIES = (
    Panel(
        "Kill switches on, workers away",
        NUMBER,
        {"switches": highest(Metric.KILL_SWITCHES_ON), "workers": highest(Metric.WORKERS_AWAY)},
    ),
    Panel("Ill (1)", NUMBER, {"{{dependency}}": highest(Metric.DEPENDENCY_ILL, "dependency")}),
    Panel("Events that wait for who is ill", NUMBER, {"{{dependency}}": total(Metric.DEPENDENCY_HELD, "dependency")}),
    Panel("Coupon API: requests", PER_SECOND, {"{{outcome}}": rate(Metric.COUPON_API_REQUESTS, "outcome")}),
    Panel("Coupon API: p99", SECONDS, {"p99": percentile(Metric.COUPON_API_DURATION, 99)}),
    Panel("Coupon API: not asked", PER_SECOND, {"{{reason}}": rate(Metric.COUPON_API_SKIPPED, "reason")}),
    Panel("Coupon API: share not asked", SHARE, {"share": highest(Metric.COUPON_API_SKIPPED_SHARE)}),
    Panel("Coupons passed over", PER_SECOND, {"{{oddity}}": rate(Metric.COUPONS_PASSED_OVER, "oddity")}),
    Panel("Push API: attempts", PER_SECOND, {"{{outcome}}": rate(Metric.PUSH_API_REQUESTS, "outcome")}),
    Panel("Push API: p99", SECONDS, {"p99": percentile(Metric.PUSH_API_DURATION, 99)}),
    Panel(
        "Breakers (1 is open)",
        NUMBER,
        {"Coupon API": highest(Metric.COUPON_API_BREAKER), "push API": highest(Metric.PUSH_API_BREAKER)},
    ),
    Panel("Redis: calls", PER_SECOND, {"{{call}} {{outcome}}": rate(Metric.REDIS_CALLS, "call", "outcome")}),
    Panel("Redis: p99", SECONDS, {"{{call}}": percentile(Metric.REDIS_DURATION, 99, "call")}),
    Panel(
        "Kafka: attempts to write that were repeated", PER_SECOND, {"{{topic}}": rate(Metric.DELIVERY_RETRIES, "topic")}
    ),
    Panel("S3: age of the documents", SECONDS, {"{{kind}}": highest(Metric.REFERENCE_DATA_AGE, "kind")}),
    Panel("S3: looks", PER_SECOND, {"{{kind}} {{outcome}}": rate(Metric.REFERENCE_DATA_RELOADS, "kind", "outcome")}),
    Panel("S3: refused (1)", NUMBER, {"{{kind}}": highest(Metric.REFERENCE_DATA_REFUSED, "kind")}),
    Panel("A `when` that failed", PER_SECOND, {"{{rule}}": rate(Metric.RULES_WHEN_ERRORS, "rule")}),
    Panel(
        "Canary: tried, taken back (1)",
        NUMBER,
        {"tried": highest(Metric.CANARY_TRIED), "taken back": highest(Metric.CANARY_TAKEN_BACK)},
    ),
    Panel("Canary: evidence against it", SHARE, {"{{guard}}": highest(Metric.CANARY_EVIDENCE, "guard")}),
    Panel("Consent: certain up to so long ago", SECONDS, {"age": highest(Metric.CONSENT_AGE)}),
    Panel("Consent: changes", PER_SECOND, {"{{kind}}": rate(Metric.CONSENT_CHANGES, "kind")}),
    Panel("Consent: opt-outs", NUMBER, {"opt-outs": total(Metric.CONSENT_OPT_OUTS)}),
    Panel("Users to erase: attempts", PER_SECOND, {"{{outcome}}": rate(Metric.ERASURES, "outcome")}),
    Panel(
        "Redis' clock is ahead by",
        SECONDS,
        {"most": highest(Metric.CLOCK_OFFSET), "least": lowest(Metric.CLOCK_OFFSET)},
    ),
)
PROCESS = (
    Panel("Users in the Table", NUMBER, {"{{instance}}": highest(Metric.TABLE_USERS, "instance")}),
    Panel(
        "Processors",
        NUMBER,
        {
            "{{instance}}": _of_the_process(
                f"sum by (instance) (rate(process_cpu_seconds_total{{{JOB}}}[5m]))",
                "sum:system.processes.cpu.pct{process_name:saving-alerts,$env} by {host}",
            )
        },
    ),
    Panel(
        "Memory",
        BYTES,
        {
            "{{instance}}": _of_the_process(
                f"sum by (instance) (process_resident_memory_bytes{{{JOB}}})",
                "sum:system.processes.mem.rss{process_name:saving-alerts,$env} by {host}",
            )
        },
    ),
    Panel(
        "Open files and connections",
        NUMBER,
        {
            "{{instance}}": _of_the_process(
                f"sum by (instance) (process_open_fds{{{JOB}}})",
                "sum:system.processes.open_file_descriptors{process_name:saving-alerts,$env} by {host}",
            )
        },
    ),
)
ROWS: Mapping[str, tuple[Panel, ...]] = {
    "The verdict": VERDICT,
    "What flows": FLOW,
    "Dependencies": DEPENDENCIES,
    "Processes": PROCESS,
}
