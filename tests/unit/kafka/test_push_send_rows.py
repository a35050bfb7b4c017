"""The wire of the Table: a key has the whole send, and 0.1.0 leaves it alone."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from saving_alerts.domain.decoding import Unreadable
from saving_alerts.domain.events import MAX_IDENTIFIER_CHARACTERS
from saving_alerts.domain.push_sends import PushSend
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.push_send_rows import ROW_VALUE, SendRow, read_list, read_row, user_and_row

ids = st.text(min_size=1, max_size=MAX_IDENTIFIER_CHARACTERS)
sends = st.builds(
    PushSend,
    merchant_id=ids,
    sent_at=st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis adds the zone
    position=st.builds(SourcePosition, st.text(max_size=249), st.integers(0, 2**31 - 1), st.integers(0, 2**63 - 1)),
    event_id=ids,
    uncertain=st.booleans(),
    control=st.booleans(),
)
SEND = PushSend(
    merchant_id="m-1",
    sent_at=datetime(2026, 11, 23, 12, tzinfo=UTC),
    position=SourcePosition("saving-events", 3, 7),
    event_id="e-1",
)
OTHERS = {
    "time": {"sent_at": SEND.sent_at + timedelta(microseconds=1)},
    "certainty": {"uncertain": True},
    "whether anything was sent": {"control": True},
    "merchant": {"merchant_id": "m-2"},
    "event": {"event_id": "e-2"},
    "position": {"position": SourcePosition("saving-events", 3, 8)},
}


@given(ids, sends)
def test_a_key_says_whose_send_it_is_and_all_of_it(user_id: str, send: PushSend) -> None:
    user, raw = user_and_row(SendRow.of(send).key(user_id.encode()))
    row = read_row(raw)

    assert user.decode() == user_id
    assert isinstance(row, SendRow)
    assert row.send == send


def test_these_bytes_are_the_contract() -> None:
    assert SendRow.of(SEND).key(b"u-1") == b'u-1\xff["saving-events",3,7,"e-1","m-1",1795435200000000,false]'
    charged = SendRow.of(replace(SEND, control=True)).key(b"u-1")
    assert charged == b'u-1\xff["saving-events",3,7,"e-1","m-1",1795435200000000,false,true]'


@pytest.mark.parametrize("change", OTHERS.values(), ids=OTHERS)
def test_sends_that_differ_in_anything_have_different_keys(change: dict[str, object]) -> None:
    assert SendRow.of(replace(SEND, **change)).key(b"u-1") != SendRow.of(SEND).key(b"u-1")


@given(ids)
def test_the_key_of_a_former_release_is_its_user(user_id: str) -> None:
    assert user_and_row(user_id.encode()) == (user_id.encode(), b"")


def test_a_former_release_cannot_read_the_value_so_it_leaves_the_row_alone() -> None:
    """It deletes what it can read and finds too old, in the partition that the hash of the whole key names."""
    assert isinstance(read_list(ROW_VALUE), Unreadable)
