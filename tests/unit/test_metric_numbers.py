"""What is no number is left out, and said."""

import logging
import math

import pytest

from saving_alerts.metric_numbers import are_numbers, number_of
from saving_alerts.metrics import Metric


def test_what_is_left_out_is_said_with_its_name(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert number_of(Metric.IN_FLIGHT, math.nan) is None

    assert caplog.messages == ["in_flight: nan is no number and was not counted"]


@pytest.mark.parametrize(
    ("values", "are"),
    [
        ([], True),
        ([1, 2.5], True),
        ([math.nan], False),
        ([math.inf, -math.inf], False),
        ([10**400], False),
        ([1, "2"], False),
        ([None], False),
    ],
)
def test_many_are_looked_at_together(values: list[object], *, are: bool) -> None:
    assert are_numbers(values) is are
