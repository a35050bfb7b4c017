"""How long a push may live is bounded by what an event of its type is worth."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.alerts import push_of
from tests.support.fakes.clock import START
from tests.support.sample_events import FRESHNESS, alert


@pytest.mark.parametrize(
    ("left", "ttl"),
    [(timedelta(seconds=90.9), 90), (timedelta(seconds=0.1), 1), (FRESHNESS, 600), (timedelta(days=30), 600)],
    ids=["cut to whole seconds", "one at least", "all of it", "the freshness at most"],
)
def test_the_time_to_live(left: timedelta, ttl: int) -> None:
    assert push_of(alert(deadline=START + left), START, FRESHNESS).ttl_seconds == ttl


@given(left=st.timedeltas(timedelta(days=-400_000), timedelta(days=2_000_000)))
def test_it_is_never_longer_than_the_freshness(left: timedelta) -> None:
    assert 1 <= push_of(alert(deadline=START + left), START, FRESHNESS).ttl_seconds <= FRESHNESS.total_seconds()
