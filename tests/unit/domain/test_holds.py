"""What held an event up: in words, in a header, and over several stages."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from saving_alerts.domain.holds import MAX_HOLDS, HeldBy, in_words, read_holds, together

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.9, "0 s"),
        (8, "8 s"),
        (60, "1 min"),
        (580, "9 min 40 s"),
        (3600, "1 h"),
        (3605, "1 h"),
        (7500, "2 h 5 min"),
        (273_600, "3 d 4 h"),
    ],
)
def test_a_duration_has_at_most_two_units(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def test_a_hold_says_who_how_long_and_why() -> None:
    assert str(HeldBy("the Coupon API", 580, NOON, "HTTP 500")) == "held 9 min 40 s by the Coupon API: HTTP 500"
    assert str(HeldBy("Redis", 5, NOON)) == "held 5 s by Redis"


def test_what_was_written_is_read() -> None:
    holds = (HeldBy("Redis", 5, NOON), HeldBy("the push API", 1.5, NOON, "HTTP 429"))

    assert read_holds(msgspec.json.encode(holds)) == holds


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(None, id="no value"),
        pytest.param(b"{}", id="no list"),
        pytest.param(b"\xff", id="no JSON"),
        pytest.param(b'[{"by":"x","seconds":-1,"since":"2026-11-23T12:00:00Z"}]', id="a negative time"),
        pytest.param(b'[{"by":"x","seconds":1e300,"since":"2026-11-23T12:00:00Z"}]', id="for ever"),
        pytest.param(b'[{"by":"x","seconds":1,"since":"2026-11-23T12:00:00"}]', id="a time without a zone"),
        pytest.param(b'[{"by":"' + b"x" * 1000 + b'","seconds":1,"since":"2026-11-23T12:00:00Z"}]', id="a long name"),
        pytest.param(b"[" * 10_000, id="deep"),
        pytest.param(b" " * 100_000, id="long"),
    ],
)
def test_what_others_wrote_there_and_is_none_says_nothing(raw: bytes | None) -> None:
    assert read_holds(raw) == ()


def test_one_that_held_an_event_in_two_stages_is_named_once() -> None:
    later = NOON + timedelta(minutes=5)
    holds = [HeldBy("Kafka", 20, NOON, "gone"), HeldBy("Redis", 60, NOON), HeldBy("Kafka", 30, later, "slow")]

    assert together(holds) == (HeldBy("Redis", 60, NOON), HeldBy("Kafka", 50, NOON, "slow"))


def test_no_header_makes_a_decision_grow_without_bound() -> None:
    assert len(together(HeldBy(str(number), 1, NOON) for number in range(1_000))) == MAX_HOLDS
