"""Every metric is in the catalogue, with the names that dashboards were promised."""

import pytest

from saving_alerts.metrics import CATALOGUE, PREFIX, Metric, MetricKind

PROMISED = {
    "events.read",
    "stage.in",
    "stage.out",
    "stage.duration",
    "event.age",
    "in_flight",
    "reference_data.age",
    "commits.lag",
    "dead_letters",
    "heartbeat",
}
PROMISED_FAMILIES = ("coupon_api.", "push_api.", "redis.")


def test_every_metric_has_an_entry_and_every_entry_a_metric() -> None:
    assert set(CATALOGUE) == set(Metric)


def test_names_are_what_was_promised() -> None:
    assert {str(metric) for metric in Metric} >= PROMISED
    assert PREFIX == "saving_alerts."


@pytest.mark.parametrize("family", PROMISED_FAMILIES)
def test_every_dependency_is_measured_by_count_and_duration(family: str) -> None:
    kinds = {entry.kind for metric, entry in CATALOGUE.items() if metric.startswith(family)}

    assert kinds >= {MetricKind.COUNT, MetricKind.DISTRIBUTION}


def test_what_is_promised_by_tag_has_that_tag() -> None:
    assert CATALOGUE[Metric.STAGE_OUT].tags == ("stage", "decision")
    assert "kind" in CATALOGUE[Metric.REFERENCE_DATA_AGE].tags


@pytest.mark.parametrize("metric", Metric)
def test_every_entry_is_complete(metric: Metric) -> None:
    entry = CATALOGUE[metric]

    assert entry.unit
    assert entry.meaning
    assert all(tag.isidentifier() for tag in entry.tags)


def test_durations_and_ages_are_in_seconds() -> None:
    units = {entry.unit for metric, entry in CATALOGUE.items() if metric.endswith((".duration", ".age"))}

    assert units == {"seconds"}
