"""No moment that others can write raises when it is put into ours."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.alerts import rfc3339
from saving_alerts.domain.moments import FIRST, LAST, in_utc, of_milliseconds

ZONES = st.builds(timezone, st.timedeltas(timedelta(hours=-23), timedelta(hours=23)))
ANY_MOMENT = st.datetimes(timezones=ZONES)
WEST, EAST = timezone(timedelta(hours=-14)), timezone(timedelta(hours=14))


@given(moment=ANY_MOMENT)
def test_every_moment_has_one_in_utc(moment: datetime) -> None:
    found = in_utc(moment)

    assert found.tzinfo is UTC
    assert found == moment or found in {FIRST, LAST}
    assert rfc3339(moment).endswith("Z")


@pytest.mark.parametrize(
    ("moment", "nearest"),
    [
        pytest.param(datetime(9999, 12, 31, 23, 59, tzinfo=WEST), LAST, id="the end, further west"),
        pytest.param(datetime(1, 1, 1, tzinfo=EAST), FIRST, id="the beginning, further east"),
        pytest.param(datetime(2026, 11, 23, tzinfo=EAST), datetime(2026, 11, 22, 10, tzinfo=UTC), id="between"),
    ],
)
def test_beyond_the_edges_it_is_the_nearest(moment: datetime, nearest: datetime) -> None:
    assert in_utc(moment) == nearest


@given(milliseconds=st.integers(-(2**63), 2**63))
def test_every_number_of_milliseconds_is_a_moment(milliseconds: int) -> None:
    assert FIRST <= of_milliseconds(milliseconds) <= LAST


def test_milliseconds_count_from_1970() -> None:
    assert of_milliseconds(1_000) == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
