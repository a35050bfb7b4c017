"""What was counted by time, by workers that live and by those that are gone."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.history import KEPT, Bucket, CountedByTime, Deployment, Resolution, WorkerHistory

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


def counted(*ages: timedelta, name: str = "read", incarnation: str = "a") -> WorkerHistory:
    worker = CountedByTime()
    for age in sorted(ages, reverse=True):
        worker.count(name, 1, NOON - age)
    return worker.history(incarnation)


def deployment(*histories: WorkerHistory, now: datetime = NOON) -> Deployment:
    return Deployment(histories, now)


def test_each_span_counts_what_happened_in_it() -> None:
    seen = deployment(counted(SECOND, 4 * MINUTE, 30 * MINUTE, 5 * HOUR))

    assert seen.counts(Resolution.FINE, 30)["read"] == 2
    assert seen.counts(Resolution.MINUTE, 60)["read"] == 3
    assert seen.counts(Resolution.COARSE, 60)["read"] == 4


def test_what_a_dead_worker_has_counted_stays_counted_and_leaves_with_its_hour() -> None:
    dead, alive = counted(10 * MINUTE, incarnation="dead"), counted(SECOND, incarnation="alive")

    assert deployment(dead, alive).counts(Resolution.MINUTE, 60)["read"] == 2
    assert deployment(dead, alive, now=NOON + 55 * MINUTE).counts(Resolution.MINUTE, 60)["read"] == 1


def test_a_line_has_a_value_for_each_minute_the_oldest_first() -> None:
    line = deployment(counted(SECOND, 2 * SECOND, 3 * MINUTE)).line(Resolution.MINUTE, ["read"], 5)

    assert line == (0, 1, 0, 2, 0)  # the minute that begins at noon is the last


def test_a_rate_is_of_the_time_that_has_passed() -> None:
    assert deployment(now=NOON + 3 * SECOND).seconds(Resolution.FINE, 2) == 13.0


def test_it_is_counted_since_the_oldest_bucket_within_the_day() -> None:
    assert deployment().since is None
    assert deployment(counted(5 * HOUR)).since == NOON - 5 * HOUR - 12 * MINUTE  # its bucket's beginning
    assert deployment(counted(50 * HOUR)).since is None
    assert deployment(WorkerHistory(incarnation="x", coarse=(Bucket(2**53 - 1, {"read": 1}),))).since is None


@given(st.lists(st.integers(0, 3 * 86_400), max_size=200))
def test_the_memory_is_bounded_and_what_is_shown_is_exact(ages: list[int]) -> None:
    history = counted(*(timedelta(seconds=age) for age in ages))

    assert all(len(history.of(resolution)) <= KEPT for resolution in Resolution)
    shown = deployment(history).counts(Resolution.MINUTE, 60)["read"]
    begin = NOON + MINUTE - 60 * MINUTE
    assert shown == sum(NOON - timedelta(seconds=age) >= begin for age in ages)


@given(st.lists(st.tuples(st.sampled_from(["read", "pushed"]), st.integers(0, 86_400)), max_size=50))
def test_what_is_written_can_be_read(happened: Iterable[tuple[str, int]]) -> None:
    worker = CountedByTime()
    for name, age in sorted(happened, key=lambda each: -each[1]):
        worker.count(name, 1, NOON - timedelta(seconds=age))
    history = worker.history("a")

    assert msgspec.json.decode(msgspec.json.encode(history), type=WorkerHistory) == history
