"""The page's numbers out of what was counted."""

from datetime import UTC, datetime, timedelta

import pytest

from saving_alerts.adapters.in_memory_metrics import InMemoryMetrics
from saving_alerts.adapters.metrics_by_time import MetricsByTime
from saving_alerts.domain.decisions import Stage
from saving_alerts.domain.reasons import Reason
from saving_alerts.metrics import Metric
from saving_alerts.reference_data.snapshot import Freshness
from saving_alerts.web.stats import (
    PartitionLag,
    asks_avoided,
    dead_letters_by_reason,
    decisions_of,
    documents,
    stage_numbers,
)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_every_reason_is_counted_over_all_stages_in_the_order_of_the_closed_list() -> None:
    metrics = InMemoryMetrics()
    metrics.count(Metric.STAGE_OUT, 2, stage=Stage.QUERY_COUPONS, decision=Reason.CAPPED)
    metrics.count(Metric.STAGE_OUT, 3, stage=Stage.DISPATCH_PUSH, decision=Reason.CAPPED)

    counted = decisions_of(metrics)

    assert list(counted) == [str(reason) for reason in Reason]
    assert counted["capped"] == 5


def test_a_stage_tells_what_it_forwarded_from_what_it_decided() -> None:
    metrics = InMemoryMetrics()
    metrics.count(Metric.STAGE_IN, 9, stage=Stage.VALIDATE)
    metrics.count(Metric.STAGE_OUT, 4, stage=Stage.VALIDATE, decision="forwarded")
    metrics.count(Metric.STAGE_OUT, 3, stage=Stage.VALIDATE, decision=Reason.INVALID)

    validate = stage_numbers(metrics, MetricsByTime(lambda: NOW), {Stage.VALIDATE: 2})[0]

    assert (validate.taken, validate.forwarded, validate.decided, validate.in_flight) == (9, 4, 3, 2)
    assert (validate.p50_seconds, validate.p99_seconds) == (None, None)


def test_all_stages_are_there_before_anything_was_counted() -> None:
    numbers = stage_numbers(InMemoryMetrics(), MetricsByTime(lambda: NOW), {})

    assert [each.stage for each in numbers] == list(Stage)


@pytest.mark.parametrize(
    ("committed", "end", "records"),
    [
        pytest.param(5, 12, 7, id="behind"),
        pytest.param(12, 12, 0, id="at the end"),
        pytest.param(13, 12, 0, id="the end was looked up earlier"),
        pytest.param(None, 12, None, id="nothing committed yet"),
        pytest.param(5, None, None, id="end unknown"),
    ],
)
def test_lag_is_known_only_where_both_offsets_are(committed: int | None, end: int | None, records: int | None) -> None:
    assert PartitionLag("saving-events", 0, committed, end).records == records


def test_a_documents_age_counts_from_its_last_confirmation() -> None:
    known = Freshness(version="v1", confirmed_at=NOW - timedelta(seconds=40), refusal="not JSON", remark="one is out")

    (rules, merchants) = documents({"rules": known, "merchants": Freshness()}, NOW)

    assert (rules.version, rules.age_seconds, rules.refusal, rules.remark) == ("v1", 40.0, "not JSON", "one is out")
    assert (merchants.version, merchants.age_seconds) == (None, None)


def test_dead_letters_are_told_by_stage_and_reason() -> None:
    metrics = InMemoryMetrics()
    metrics.count(Metric.DEAD_LETTERS, 2, stage=Stage.QUERY_COUPONS, reason=Reason.DEAD_LETTER)
    metrics.count(Metric.DEAD_LETTERS, 1, stage=Stage.VALIDATE, reason=Reason.INVALID)

    assert dead_letters_by_reason(metrics) == {"invalid at validate": 1, "dead_letter at query_coupons": 2}


def test_the_share_of_asks_avoided_is_of_all_events_at_the_coupon_apis_door() -> None:
    metrics = InMemoryMetrics()
    before_the_first = asks_avoided(metrics)
    metrics.count(Metric.STAGE_OUT, 8, stage=Stage.QUERY_COUPONS, decision="forwarded")
    metrics.count(Metric.STAGE_OUT, 2, stage=Stage.QUERY_COUPONS, decision=Reason.QUIET_HOURS)
    metrics.count(Metric.COUPON_API_SKIPPED, 2, reason=Reason.QUIET_HOURS)

    assert (before_the_first, asks_avoided(metrics)) == (None, 0.2)
