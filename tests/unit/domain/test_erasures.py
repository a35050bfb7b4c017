"""Tokens lead to nobody without the secret, and an order is read or refused, never raised."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.decoding import Unreadable
from saving_alerts.domain.erasures import (
    CARRIED_OUT,
    MAX_USER_CHARACTERS,
    ErasureOrder,
    EventAt,
    Tokens,
    read_order,
    takes_off,
)
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.codecs import encode
from tests.support.fakes.clock import START

TOKENS = Tokens("a secret of the tests, of 32 letters")
OTHERS = Tokens("another secret of the tests, also 32")
EVENT = EventAt(SourcePosition("saving-events", 3, 7), "e-1", "m-1")
KEY = TOKENS.of_user("u-1").encode()
ORDER = ErasureOrder("u-1", START)
HOSTILE = {
    "no value": None,
    "no UTF-8": b"\xff",
    "deep": b"[" * 10_000,
    "a list": b"[]",
    "nobody": encode({"user_id": "", "ordered_at": START}),
    "a user without end": encode({"user_id": "u" * (MAX_USER_CHARACTERS + 1), "ordered_at": START}),
    "no time": encode({"user_id": "u-1"}),
    "half a character": b'{"user_id": "\\ud800", "ordered_at": "2026-11-23T12:00:00Z"}',
}


def test_the_tokens_are_the_contract() -> None:
    """Other bytes, and what was charged to those who were erased would count for nothing."""
    assert TOKENS.of_user("u-1") == "c52220f3de05e5dad446819b1309cb423b314eb17d2bdde03201495ce9b21b29"
    assert TOKENS.of_event("u-1", EVENT) == (
        "033a446ed3773b24bbd646c55143b473",
        "881350d6eeb6e49c321eba599abe2c30",
        "86916ee12a10296526fd23f035c38bcf",
    )


def test_a_token_depends_on_the_secret_the_user_and_what_it_stands_for() -> None:
    tokens = [
        TOKENS.of_user("u-1"),
        TOKENS.of_user("u-2"),
        OTHERS.of_user("u-1"),
        TOKENS.of_text("u-1", "event_id", "x"),
        TOKENS.of_text("u-2", "event_id", "x"),
        TOKENS.of_text("u-1", "merchant_id", "x"),
        OTHERS.of_text("u-1", "event_id", "x"),
    ]

    assert len(set(tokens)) == len(tokens)


@given(st.text(), st.text(), st.text(), st.text())
def test_no_two_texts_are_run_together(user: str, text: str, other_user: str, other_text: str) -> None:
    same = (user, text) == (other_user, other_text)

    assert (TOKENS.of_text(user, "event_id", text) == TOKENS.of_text(other_user, "event_id", other_text)) is same


def test_an_order_is_read_as_it_was_written() -> None:
    assert read_order(KEY, encode(ORDER), TOKENS) == ORDER


@pytest.mark.parametrize("key", [None, b"", b"u-1", OTHERS.of_user("u-1").encode(), TOKENS.of_user("u-2").encode()])
def test_an_order_under_another_key_is_refused(key: bytes | None) -> None:
    found = read_order(key, encode(ORDER), TOKENS)

    assert isinstance(found, Unreadable)
    assert "SAVING_ALERTS_ERASURE_SECRET" in str(found)


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_order_is_refused(value: bytes | None) -> None:
    assert isinstance(read_order(KEY, value, TOKENS), Unreadable)


@given(st.binary(), st.binary())
def test_no_bytes_raise(key: bytes, value: bytes) -> None:
    assert isinstance(read_order(key, value, TOKENS), ErasureOrder | Unreadable)


@pytest.mark.parametrize(
    ("named", "is_over"),
    [(b"8", True), (b"7", True), (b"6", False), (b"", True), (b"-1", True), (b"\xff", True), (b"0" * 5_000, True)],
)
def test_a_tombstone_takes_off_the_order_that_it_names_and_those_before(named: bytes, is_over: bool) -> None:  # noqa: FBT001 - a row
    assert takes_off([(CARRIED_OUT, named)], 7) is is_over
    assert takes_off([], 7)
