"""Quiet hours are on the user's own clock, wherever that is, and in doubt it is quiet."""

from datetime import UTC, datetime, time, timedelta
from time import process_time
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saving_alerts.domain.rules.quiet_hours import QuietHours, is_quiet, known_zones, local_time

NIGHT = QuietHours(time(22), time(8))
NOON = QuietHours(time(12), time(13))
ZONES = sorted(available_timezones() - {"Factory", "localtime", "posixrules"})

moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - given a zone
times = st.times()


@pytest.mark.parametrize(
    ("hours", "local", "quiet"),
    [
        pytest.param(NIGHT, time(21, 59, 59), False, id="just before a night"),
        pytest.param(NIGHT, time(22), True, id="the first moment of a night"),
        pytest.param(NIGHT, time(0), True, id="midnight"),
        pytest.param(NIGHT, time(7, 59, 59, 999_999), True, id="the last moment of a night"),
        pytest.param(NIGHT, time(8), False, id="the end of a night"),
        pytest.param(NOON, time(11, 59), False, id="before noon"),
        pytest.param(NOON, time(12), True, id="noon"),
        pytest.param(NOON, time(13), False, id="the end of the noon hour"),
        pytest.param(QuietHours(time(22), time(0)), time(23, 59), True, id="until midnight"),
        pytest.param(QuietHours(time(22), time(0)), time(0), False, id="not after midnight"),
        pytest.param(QuietHours(time(0), time(8)), time(0), True, id="from midnight"),
    ],
)
def test_the_beginning_belongs_to_quiet_hours_and_the_end_does_not(
    hours: QuietHours, local: time, *, quiet: bool
) -> None:
    assert hours.covers(local) is quiet


@given(start=times, end=times, local=times)
def test_a_moment_is_either_in_the_window_or_in_the_one_the_other_way_round(
    start: time, end: time, local: time
) -> None:
    if start != end:
        assert QuietHours(start, end).covers(local) is not QuietHours(end, start).covers(local)


@given(start=times, end=times, local=times)
def test_a_window_is_the_same_counted_in_minutes_from_its_start(start: time, end: time, local: time) -> None:
    day = datetime(2026, 1, 1, tzinfo=UTC)

    def since_start(moment: time) -> timedelta:
        return (datetime.combine(day, moment) - datetime.combine(day, start)) % timedelta(days=1)

    if start != end:
        assert QuietHours(start, end).covers(local) is (since_start(local) < since_start(end))


@given(now=moments)
@settings(deadline=None)  # 600 zones each time
def test_every_zone_is_known_and_asked_by_its_own_clock(now: datetime) -> None:
    local = {zone: now.astimezone(ZoneInfo(zone)).time() for zone in ZONES}

    assert [zone for zone in ZONES if is_quiet(NIGHT, local_time(zone, now)) is not NIGHT.covers(local[zone])] == []


def test_two_users_at_one_moment_live_at_different_times() -> None:
    now = datetime(2026, 11, 23, 21, 30, tzinfo=UTC)

    assert [is_quiet(NIGHT, local_time(zone, now)) for zone in ("Europe/London", "Europe/Berlin")] == [False, True]


@pytest.mark.parametrize(
    ("now", "quiet"),
    [
        pytest.param(datetime(2026, 3, 29, 0, 30, tzinfo=UTC), False, id="01:30 before the clocks go forward"),
        pytest.param(datetime(2026, 3, 29, 1, 0, tzinfo=UTC), True, id="03:00, an hour later on the wall"),
        pytest.param(datetime(2026, 10, 25, 0, 30, tzinfo=UTC), True, id="02:30 the first time"),
        pytest.param(datetime(2026, 10, 25, 1, 30, tzinfo=UTC), True, id="02:30 again"),
        pytest.param(datetime(2026, 10, 25, 3, 0, tzinfo=UTC), False, id="04:00"),
    ],
)
def test_summer_time_follows_the_wall_clock(now: datetime, *, quiet: bool) -> None:
    assert is_quiet(QuietHours(time(2), time(4)), local_time("Europe/Berlin", now)) is quiet


ODD_ZONES = [
    "localtime",
    "posixrules",
    "Factory",
    "posix/Europe/Berlin",
    "right/Europe/Berlin",
    "posix/localtime",
    "Local",
    "local",
    "europe/berlin",
    "leapseconds",
    "+VERSION",
    "Mars/Olympus",
    "Europe",
    "Europe/",
    "/etc/passwd",
    "../UTC",
    "a/../UTC",
    ".",
    "zone.tab",
    "tzdata.zi",
    "__init__.py",
    "Europe/__init__.py",
    "\x00",
    "ü",
    "x" * 64,
    "Europe//Berlin",
    " ",
    "a.b/c",
]


@pytest.mark.parametrize("zone", ODD_ZONES, ids=ascii)
def test_a_zone_that_nobody_knows_is_quiet(zone: str) -> None:
    assert is_quiet(NOON, local_time(zone, datetime(2026, 11, 23, 3, tzinfo=UTC)))


@given(zone=st.text(min_size=1, max_size=64), now=moments)
def test_no_text_in_place_of_a_zone_raises(zone: str, now: datetime) -> None:
    assert is_quiet(NIGHT, local_time(zone, now)) in {True, False}


@given(zone=st.sampled_from([*ZONES, *ODD_ZONES]), now=moments)
def test_without_quiet_hours_it_is_never_quiet(zone: str, now: datetime) -> None:
    assert not is_quiet(None, local_time(zone, now))


def test_every_zone_of_the_installed_data_is_known_but_those_of_the_machine() -> None:
    assert known_zones() == set(ZONES)
    assert all(local_time(zone, datetime(2026, 11, 23, 3, tzinfo=UTC)) for zone in ZONES)


def test_a_text_that_is_no_zone_costs_no_look_at_the_disk() -> None:
    """100,000 of them, each another one, take less time than opening as many files would."""
    now, began = datetime(2026, 11, 23, 3, tzinfo=UTC), process_time()

    assert not any(local_time(f"Mars/{number}", now) for number in range(100_000))

    assert process_time() - began < 1
