"""What the second fence remembers: a week, the first time, and with growing certainty."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from saving_alerts.domain.caps import Cap, CapPer, blocking_cap
from saving_alerts.domain.push_sends import PushSend, of_event, of_position, remembered, with_send
from saving_alerts.domain.source_position import SourcePosition

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def send(offset: int, hours_ago: float = 0, *, uncertain: bool = False) -> PushSend:
    return PushSend(
        merchant_id="m-1",
        sent_at=NOW - timedelta(hours=hours_ago),
        position=SourcePosition("saving-events", 0, offset),
        event_id=f"event-{offset}",
        uncertain=uncertain,
    )


def test_sends_are_kept_in_order() -> None:
    assert with_send((send(1),), send(2)) == (send(1), send(2))


@pytest.mark.parametrize(
    ("first", "second", "uncertain"),
    [
        pytest.param(True, False, False, id="it turned out to be certain"),
        pytest.param(False, True, False, id="it was certain already"),
        pytest.param(True, True, True, id="nobody knows"),
    ],
)
def test_certainty_only_grows_and_the_first_time_counts(*, first: bool, second: bool, uncertain: bool) -> None:
    sends = with_send((send(1, hours_ago=2, uncertain=first),), send(1, uncertain=second))

    assert sends == (send(1, hours_ago=2, uncertain=uncertain),)


@pytest.mark.parametrize("uncertain", [True, False])
def test_a_push_takes_the_place_of_a_charge_as_control_in_any_order(*, uncertain: bool) -> None:
    charged = msgspec.structs.replace(send(1, hours_ago=2), control=True)
    pushed = send(1, uncertain=uncertain)

    assert with_send((charged,), pushed) == with_send((pushed,), charged) == (pushed,)
    assert with_send((charged,), msgspec.structs.replace(charged, sent_at=NOW)) == (charged,)


def test_what_no_cap_can_count_is_not_remembered() -> None:
    assert remembered((send(1, hours_ago=168), send(2, hours_ago=167.9)), NOW) == (send(2, hours_ago=167.9),)


def test_a_send_is_found_by_its_position_and_by_its_event() -> None:
    sends = (send(1), send(2))

    assert of_position(sends, SourcePosition("saving-events", 0, 2), "event-2") == send(2)
    assert of_position(sends, SourcePosition("saving-events", 0, 2), "event-1") is None
    assert of_event(sends, "event-1") == send(1)
    assert of_event(sends, "event-3") is None


def test_caps_count_them_like_any_send() -> None:
    blocked = blocking_cap((Cap(CapPer.USER, 1, 24),), (send(1, hours_ago=1),), "m-9", NOW)

    assert blocked is not None
    assert blocked.until == NOW + timedelta(hours=23)


def test_another_event_at_the_same_position_is_another_send() -> None:
    """The source was made again."""
    reborn = msgspec.structs.replace(send(1), event_id="event-of-the-new-topic")

    sends = with_send((send(1, hours_ago=1, uncertain=True),), reborn)

    assert sends == (send(1, hours_ago=1, uncertain=True), reborn)


@pytest.mark.parametrize(
    "ahead", [timedelta(days=8), datetime.max.replace(tzinfo=UTC) - NOW], ids=["a week", "year 9999"]
)
def test_a_send_that_is_dated_far_ahead_caps_nobody(ahead: timedelta) -> None:
    assert remembered((msgspec.structs.replace(send(1), sent_at=NOW + ahead),), NOW) == ()
