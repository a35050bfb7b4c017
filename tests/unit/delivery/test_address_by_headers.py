"""Whose a record is by its headers, whatever they are: what is no position of Kafka's is its own place."""

import pytest
from aiokafka import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.delivery.addressing import address_by_headers
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.codecs import HEADER_NAMES, encode

OURS = {
    "schema": b"1",
    "position": b"saving-events/3/7",
    "event_id": b"e-1",
    "deadline": b"2026-11-23T12:00:00+00:00",
}
ITS_OWN_PLACE = SourcePosition("a-topic", 2, 5)


def record(headers: dict[str, bytes], key: bytes | None = b"u-1") -> ConsumerRecord:
    return ConsumerRecord("a-topic", 2, 5, 0, 0, key, b"?", None, -1, -1, tuple(headers.items()))


def test_ours_are_read() -> None:
    found = address_by_headers(record(OURS))

    assert (str(found.position), found.subject.event_id, found.subject.user_id) == ("saving-events/3/7", "e-1", "u-1")


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"position": b"saving-events/3/" + b"9" * 30}, id="an offset that no record can be written with"),
        pytest.param({"position": b"saving-events/-3/7"}, id="a negative partition"),
        pytest.param({"position": b"x" * 300 + b"/3/7"}, id="a topic that is too long"),
        pytest.param({"event_id": b"e" * 500_000}, id="an event that does not fit into a decision"),
        pytest.param({"event_id": b"\xff"}, id="no UTF-8"),
        pytest.param({"deadline": b"2026-11-23T12:00:00"}, id="a time without a zone"),
        pytest.param({"schema": b"9" * 5_000}, id="thousands of digits"),
    ],
)
def test_others_are_not_believed(changes: dict[str, bytes]) -> None:
    assert address_by_headers(record(OURS | changes)).position == ITS_OWN_PLACE


def test_a_key_that_is_no_user_is_not_named() -> None:
    assert address_by_headers(record(OURS, b"u" * 500_000)).subject.user_id is None
    assert address_by_headers(record(OURS, None)).subject.user_id is None


@given(st.dictionaries(st.sampled_from(HEADER_NAMES), st.binary() | st.sampled_from([*OURS.values()])), st.binary())
def test_whatever_the_headers_are_a_decision_can_be_written(headers: dict[str, bytes], key: bytes) -> None:
    found = address_by_headers(record(headers, key))

    assert len(encode((found.position, found.subject))) < 4_000
