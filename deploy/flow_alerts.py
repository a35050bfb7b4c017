"""The alerts of workers, and of the events that flow through them."""

from deploy.alert import Alert, Monitor, monitor
from deploy.queries import highest, rate, selector, total
from saving_alerts.metrics import Metric

# Fewer come and go with every burst. So many are more than a partition may have in work (`window_max_records`), and
# then it has stopped.
LAG_RECORDS = 10_000
# A quarter of the ten minutes that an event of the demo's rules lives. Raise it where yours wait longer on purpose.
UNDECIDED_SECONDS = 150
DEAD_LETTER_SHARE = 0.001
# 250 bytes each: a quarter of the 512 MiB that a worker has in the local cluster.
TABLE_USERS = 500_000
# How long the work that waits would take at the present pace.
STANDSTILL_SECONDS = 600


def _stands_still() -> tuple[str, Monitor]:
    lag, pace = total(Metric.COMMITS_LAG), rate(Metric.STAGE_OUT)
    left = f"{lag.datadog} / ({pace.datadog} + 0.001)"
    return (
        f"({lag.prometheus} > 0) / (({pace.prometheus} or vector(0)) + 0.001) > {STANDSTILL_SECONDS}",
        monitor(left, f"> {STANDSTILL_SECONDS}", "min(last_5m)"),
    )


def _dead_letters() -> tuple[str, Monitor]:
    dead, read = rate(Metric.DEAD_LETTERS), rate(Metric.EVENTS_READ)
    return (
        f"{dead.prometheus} / {read.prometheus} > {DEAD_LETTER_SHARE:g}",
        monitor(f"{dead.datadog} / {read.datadog}", f"> {DEAD_LETTER_SHARE:g}", "avg(last_15m)"),
    )


FLOW: tuple[Alert, ...] = (
    Alert(
        "WorkerGone",
        "page",
        "A worker does not answer",
        "Prometheus cannot reach it. Its partitions go to the others within 10 s; what it had in work is delayed.",
        (
            "Look whether its process runs, and read the end of its log; 70 is the exit code of a worker that stood still.",
            "Look at the page of another worker: has it taken over the partitions, and does the lag shrink?",
            'Start it again. If it dies again, see "A record that kills its worker" and "Memory".',
        ),
        'up{job="saving-alerts"} == 0',
        1,
        monitor(rate(Metric.HEARTBEAT, "worker").datadog, "< 0.01", "max(last_2m)", 5),
    ),
    Alert(
        "AllWorkersGone",
        "page",
        "No worker is there at all",
        "No event is read, and all that arrive wait on Kafka. They are too late soon.",
        (
            "Start the workers, and read why they ended: the last lines of a log.",
            "If they refuse to start, they say what is missing: a topic, a right, a setting.",
            "Afterwards run `saving-alerts audit --since 3h`: nothing may be missing.",
        ),
        f"absent({selector(Metric.BUILD_INFO)})",
        1,
        monitor(rate(Metric.HEARTBEAT).datadog, "< 0.01", "max(last_2m)", 5),
    ),
    Alert(
        "WorkerRestarts",
        "ticket",
        "A worker was started again three times within 15 minutes",
        "It dies or stands still again and again. Each time its events are late, and its users wait for a lease.",
        (
            "Read the end of its log: exit code 70 says what stood still.",
            'See "A record that kills its worker": after five deaths that record becomes a dead letter.',
            "Look at its memory just before: a killed process says nothing.",
        ),
        'changes(process_start_time_seconds{job="saving-alerts"}[15m]) >= 3',
        0,
        monitor(rate(Metric.HEARTBEAT, "worker").datadog, "< 0.25", "avg(last_15m)"),
    ),
    Alert(
        "LagGrows",
        "page",
        f"More than {LAG_RECORDS:,} records of a topic wait",
        "Events arrive faster than they are handled, or a stage has stopped.",
        (
            "Look which topic it is: its reader is the stage that is too slow, or waits for an API.",
            "Look at `CouponApiDown`, `PushApiDown` and `RedisRefuses`: with one of them the lag goes away by itself afterwards.",
            "Otherwise start more workers, up to the number of partitions.",
        ),
        f"{total(Metric.COMMITS_LAG, 'topic').prometheus} > {LAG_RECORDS}",
        5,
        monitor(total(Metric.COMMITS_LAG, "topic").datadog, f"> {LAG_RECORDS}", "min(last_5m)"),
    ),
    Alert(
        "UndecidedTooLong",
        "page",
        f"An event has waited for more than {UNDECIDED_SECONDS} s for its decision",
        "Most events are decided within a second. This one is near its deadline, and those behind it are, too.",
        (
            'Look at "Commits that wait for a record" on the page: it says what the record waits for.',
            'Mend that: the table in "A record that holds its partition back" says what to look at.',
            "Read afterwards with `explain` what became of it.",
        ),
        f"{highest(Metric.UNDECIDED_AGE, 'stage').prometheus} > {UNDECIDED_SECONDS}",
        1,
        monitor(highest(Metric.UNDECIDED_AGE, "stage").datadog, f"> {UNDECIDED_SECONDS}"),
    ),
    Alert(
        "StandsStill",
        "page",
        "Work waits, and nearly nothing is finished",
        "At this pace what waits would take more than 10 minutes. A worker that stands still by its own fault exits "
        "with 70 after a minute, so it is more likely something that all workers wait for.",
        (
            "Look at `/health/ready` of any worker: it names every condition.",
            "If all is in order there, look at Kafka: can records be written to our topics?",
            "If one worker alone stands still, restart it: nothing is lost.",
        ),
        _stands_still()[0],
        5,
        _stands_still()[1],
    ),
    Alert(
        "DeadLetters",
        "ticket",
        "More than 1 of 1,000 events ends as a dead letter",
        "Each is a bug here or in a producer. Their shoppers hear nothing.",
        (
            "Run `saving-alerts dead-letters list --since 1h`: is it one error?",
            "`saving-alerts dead-letters show NAME` has its traceback and the bytes.",
            "Mend it, then `saving-alerts dead-letters replay --since 2h`: nobody is pushed twice, or too late.",
        ),
        _dead_letters()[0],
        5,
        _dead_letters()[1],
    ),
    Alert(
        "TableGrows",
        "ticket",
        f"A worker has the sends of more than {TABLE_USERS:,} users in memory, or will have within a day",
        "Each takes up to 250 bytes. A worker that outgrows its memory is killed, and the next owner after it.",
        (
            "Look at the worker's memory, and how fast both grow.",
            "Give the workers more memory, or start more: each has its share, and follows as much as a standby.",
            "Look whether more users than usual are pushed: a rule may have lost its cap.",
        ),
        f"predict_linear({selector(Metric.TABLE_USERS)}[6h], 86400) > {TABLE_USERS}",
        30,
        monitor(highest(Metric.TABLE_USERS, "worker").datadog, f"> {TABLE_USERS}"),
    ),
)
