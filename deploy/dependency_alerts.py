"""The alerts of what others run: S3 with its documents, both APIs, Redis."""

from deploy.alert import Alert, monitor
from deploy.queries import highest, lowest, selector
from saving_alerts.metrics import Metric

# `SAVING_ALERTS_REFERENCE_DATA_STALE_SECONDS`: the worker is not ready then.
RULES_AGE_SECONDS = 600

DEPENDENCIES: tuple[Alert, ...] = (
    Alert(
        "RulesOld",
        "ticket",
        "S3 has not confirmed the rules or the merchants for 10 minutes",
        "Workers go on with the last good ones; what was changed since is not obeyed. A worker that starts now waits.",
        (
            "Look at `rules_fresh` and `merchants_fresh` in `/health/ready`: they say what S3 answered.",
            "Look at the bucket, and at the credentials of the workers.",
            "Do not restart workers before it is mended.",
        ),
        f"{highest(Metric.REFERENCE_DATA_AGE, 'kind').prometheus} > {RULES_AGE_SECONDS}",
        5,
        monitor(highest(Metric.REFERENCE_DATA_AGE, "kind").datadog, f"> {RULES_AGE_SECONDS}"),
    ),
    Alert(
        "RulesRefused",
        "ticket",
        "The newest rules or merchants are refused",
        "Whoever published them believes that they are in force. Workers go on with those before.",
        (
            'Read the reason under "Rules and merchants" on the page: it names the place in the file.',
            "Tell whoever published it: `saving-alerts rules history` says who that was.",
            "If nobody can mend it now: `saving-alerts rules rollback --by NAME`, or the same for `merchants`.",
        ),
        f"{highest(Metric.REFERENCE_DATA_REFUSED, 'kind').prometheus} > 0",
        1,
        monitor(highest(Metric.REFERENCE_DATA_REFUSED, "kind").datadog, "> 0", "min(last_5m)"),
    ),
    Alert(
        "CanaryTakenBack",
        "ticket",
        "Rules that were tried on some of the users are taken back",
        "Everybody has the rules before them. Nothing else can be published until somebody has put the canary away.",
        (
            "Run `saving-alerts rules canary status`: it names the guard, and what it saw.",
            "Tell whoever published it. Either the rules do something else than was meant, or too much was foretold.",
            "Put it away: `saving-alerts rules canary abort --by NAME --note WHY`.",
        ),
        f"{highest(Metric.CANARY_TAKEN_BACK).prometheus} > 0",
        1,
        monitor(highest(Metric.CANARY_TAKEN_BACK).datadog, "> 0", "min(last_5m)"),
    ),
    Alert(
        "CouponApiDown",
        "page",
        "The Coupon API's breaker is open",
        "10 requests in a row have failed. Events wait, at most until their deadline, and are `expired` then.",
        (
            "Tell the owners of the Coupon API, with the error of `coupon_api` in `/health/ready`.",
            'Look at "Oldest undecided": it says how much time is left.',
            "Nothing has to be done here when it is back: a probe every 5 s finds out.",
        ),
        f"min_over_time({selector(Metric.COUPON_API_BREAKER)}[1m]) > 0",
        1,
        monitor(highest(Metric.COUPON_API_BREAKER).datadog, "> 0", "min(last_5m)"),
    ),
    Alert(
        "PushApiDown",
        "page",
        "The push API's breaker is open",
        "10 attempts in a row have failed. Alerts wait, at most until their deadline; what may have arrived ends as "
        "`push_uncertain`.",
        (
            "Tell the owners of the push API, with the error of `push_api` in `/health/ready`.",
            "Do not push by hand: what was unclear is asked again with the same key.",
            "If it accepts pushes and answers with errors, stop: `saving-alerts kill on all --reason … --by …`.",
        ),
        f"min_over_time({selector(Metric.PUSH_API_BREAKER)}[1m]) > 0",
        1,
        monitor(highest(Metric.PUSH_API_BREAKER).datadog, "> 0", "min(last_5m)"),
    ),
    Alert(
        "RedisRefuses",
        "page",
        "A worker cannot claim: Redis refuses or does not answer",
        "Without a claim nobody is pushed. Alerts wait until their deadline, and are `expired` then.",
        (
            'Read Redis\' own words in `redis` of `/health/ready`; the table in "Redis" says what each means.',
            'If it does not answer, bring it back; if it came back empty, see "A Redis that is empty" first.',
            'Look at "Oldest undecided": it says how much time is left.',
        ),
        f"{lowest(Metric.CONDITION_OK, 'instance', condition='redis').prometheus} < 1",
        1,
        monitor(lowest(Metric.CONDITION_OK, "worker", condition="redis").datadog, "< 1"),
    ),
)
