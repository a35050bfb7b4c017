"""For each alert: series in which all is well at first, and then what it is about breaks.

A series is in promtool's words, one sample a minute: `0x10 5x2` is eleven times 0 and three times 5; `0+60x10` grows.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scene:
    """Minutes after the beginning: when all is well, and when the alert must have fired."""

    series: Mapping[str, str]
    well: int
    broken: int


def _audit(missing: str) -> Mapping[str, str]:
    return {
        'saving_alerts_audit_offsets{answer="missing"}': missing,
        'saving_alerts_audit_offsets{answer="answered"}': "100000x60",
    }


def _pushes(in_time: str) -> Mapping[str, str]:
    name = "saving_alerts_push_age_seconds"
    return {f'{name}_bucket{{le="10.0"}}': in_time, f"{name}_count": "0+60x800"}


SCENES: Mapping[str, Scene] = {
    "PushesLate": Scene(_pushes("0+60x120 7230+30x60"), 119, 160),
    "PushesOftenLate": Scene(_pushes("0+60x400 24054+54x390"), 399, 780),
    "OffsetsMissing": Scene(_audit("0x10 5x40"), 10, 12),
    "OffsetsMissingStill": Scene(_audit("0x10 5x2 0x40"), 10, 40),
    "AuditOld": Scene({"saving_alerts_audit_timestamp_seconds": "0x300"}, 60, 150),
    "WorkerGone": Scene({'up{job="saving-alerts", instance="w-2"}': "1x10 0x10"}, 10, 13),
    "AllWorkersGone": Scene({'saving_alerts_build_info{version="1", worker="w-1"}': "1x10 _x30"}, 10, 20),
    "WorkerRestarts": Scene(
        {'process_start_time_seconds{job="saving-alerts", instance="w-2"}': "100x20 200x2 300x2 400x10"}, 24, 28
    ),
    "LagGrows": Scene(
        {f'saving_alerts_commits_lag{{topic="t", partition="{number}"}}': "10x10 6000x20" for number in range(2)},
        10,
        20,
    ),
    "UndecidedTooLong": Scene({'saving_alerts_undecided_age_seconds{stage="query_coupons"}': "1x10 100+60x10"}, 10, 15),
    "StandsStill": Scene(
        {
            'saving_alerts_commits_lag{topic="t", partition="0"}': "0x10 500x40",
            'saving_alerts_stage_out_total{stage="validate", decision="forwarded"}': "0+600x20 12000x40",
        },
        20,
        35,
    ),
    "DeadLetters": Scene(
        {
            'saving_alerts_dead_letters_total{stage="validate"}': "0x30 0+1x30",
            "saving_alerts_events_read_total": "0+60x60",
        },
        30,
        50,
    ),
    "TableGrows": Scene({'saving_alerts_table_users{instance="w-1"}': "1000x400 1000+2000x200"}, 399, 590),
    "RulesOld": Scene({'saving_alerts_reference_data_age_seconds{kind="rules"}': "30x10 700x20"}, 10, 20),
    "RulesRefused": Scene({'saving_alerts_reference_data_refused{kind="rules"}': "0x10 1x10"}, 10, 14),
    "CanaryTakenBack": Scene({"saving_alerts_canary_taken_back": "0x10 1x10"}, 10, 14),
    "CouponApiDown": Scene({"saving_alerts_coupon_api_breaker": "0x10 1x10"}, 10, 15),
    "PushApiDown": Scene({"saving_alerts_push_api_breaker": "0x10 1x10"}, 10, 15),
    "RedisRefuses": Scene({'saving_alerts_condition_ok{condition="redis", instance="w-1"}': "1x10 0x10"}, 10, 14),
}
