"""The alerts of the two objectives, and of the audit that one of them is measured by."""

from deploy.alert import Alert, monitor
from deploy.objectives import FAST, NONE_MISSING, PUSHES_IN_TIME, SLOW
from deploy.queries import highest, selector, total
from saving_alerts.metrics import Metric

AUDIT_SECONDS = 7200

OBJECTIVES: tuple[Alert, ...] = (
    Alert(
        "PushesLate",
        "page",
        "The objective of 99 % of pushes within 10 s burns its month's budget 14 times too fast",
        "Of the pushes of the last hour, and of the last 5 minutes, more than 14 % were accepted later than 10 s after "
        "`received_at`. Shoppers are told when they have left the store.",
        (
            'Look at the dashboard\'s row "What flows": the stage whose age rises is where events wait.',
            "If it is `query_coupons` or `dispatch_push`, look at the p99 of the Coupon API, of the push API and of Redis.",
            "If all stages are late and the lag grows, there are too few workers: start more, up to the partitions.",
        ),
        PUSHES_IN_TIME.burns(FAST),
        2,
        monitor(PUSHES_IN_TIME.share("1h").datadog, "> 10", "avg(last_1h)"),
    ),
    Alert(
        "PushesOftenLate",
        "ticket",
        "The objective of 99 % of pushes within 10 s burns its month's budget 6 times too fast",
        "Of the pushes of the last 6 hours, and of the last 30 minutes, more than 6 % were late.",
        (
            "Compare the hours of the day: a rush hour that is too much for the workers comes every day.",
            "Look at the p99 of both APIs over the last week, and ask their owners about a rise.",
            "Look for a worker whose processor is always busy, and add one.",
        ),
        PUSHES_IN_TIME.burns(SLOW),
        15,
        monitor(PUSHES_IN_TIME.share("6h").datadog, "> 10", "avg(last_4h)"),
    ),
    Alert(
        "OffsetsMissing",
        "page",
        "An audit found source offsets that nothing has answered",
        "An event was lost, against the first promise of this program: its shopper heard nothing, and nobody knows why.",
        (
            "Run `saving-alerts audit --since 3h`: it names the offsets.",
            'Look at "Reading `audit`" for what `missing` can be: a batch between the stages that was refused is one cause.',
            "Keep the logs of all workers of that time, and report it with them: it is a bug.",
        ),
        NONE_MISSING.burns(FAST),
        0,
        monitor(total(Metric.AUDIT_OFFSETS, answer="missing").datadog, "> 0"),
    ),
    Alert(
        "OffsetsMissingStill",
        "ticket",
        "An audit of the last 6 hours found missing source offsets",
        "`OffsetsMissing` may be over, because a later audit looked at a later time. The events are still lost.",
        (
            "Read what was found out about `OffsetsMissing`.",
            "Run `saving-alerts audit` over the whole retention: are there more?",
            "Ask upstream to send the events again if they still matter.",
        ),
        f"max_over_time({selector(Metric.AUDIT_OFFSETS, answer='missing')}[{SLOW.long}]) > 0",
        0,
        monitor(total(Metric.AUDIT_OFFSETS, answer="missing").datadog, "> 0", "max(last_4h)"),
    ),
    Alert(
        "AuditOld",
        "ticket",
        "No audit has sent its numbers for 2 hours",
        "Whether offsets are missing is not known. It also fires where no audit was ever run with `--metrics`.",
        (
            "Look at the machine that runs `saving-alerts audit --since 3h --metrics FILE` every hour.",
            "Run it by hand: with exit code 2 its sentence says what it cannot read.",
            "Look whether the collector of text files reads that folder.",
        ),
        f"(time() - {highest(Metric.AUDIT_TIME).prometheus} > {AUDIT_SECONDS}) or absent({selector(Metric.AUDIT_TIME)})",
        5,
        monitor(highest(Metric.AUDIT_TIME).datadog, "< 0", "max(last_2h)", 240),
    ),
)
