"""Only who knows the token comes in; guesses are limited, and a cookie is neither the token nor for ever."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.web.explain.access import (
    GUESS_SECONDS,
    GUESSES_OF_ADDRESS,
    GUESSES_OF_ALL,
    MAX_ADDRESSES,
    SESSION_SECONDS,
    Access,
    TooManyGuessesError,
)

TOKEN = "correct-horse-battery"


class Seconds:
    def __init__(self) -> None:
        self.now = 1_795_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def access(seconds: Seconds) -> Access:
    return Access(TOKEN, seconds)


def test_the_token_opens_a_session_that_every_worker_knows(access: Access, seconds: Seconds) -> None:
    cookie = access.log_in(TOKEN, "10.0.0.1")

    assert cookie is not None
    assert TOKEN not in cookie
    assert access.session(cookie) == Access(TOKEN, seconds).session(cookie) != None  # noqa: E711 - all three


def test_each_session_has_its_name(access: Access) -> None:
    names = {access.session(access.log_in(TOKEN, "10.0.0.1")) for _ in range(20)}

    assert len(names) == 20


def test_a_session_ends_and_another_token_ends_it(access: Access, seconds: Seconds) -> None:
    cookie = access.log_in(TOKEN, "10.0.0.1")

    assert Access("another-token-of-ours", seconds).session(cookie) is None
    seconds.now += SESSION_SECONDS + 1
    assert access.session(cookie) is None


@given(st.none() | st.text() | st.from_regex(r"\A[0-9]{1,12}\.[0-9a-f]{12}\.[0-9a-f]{64}\Z"))
def test_a_cookie_of_others_is_none(cookie: str | None) -> None:
    assert Access(TOKEN).session(cookie) is None


def test_a_cookie_whose_end_was_moved_is_none(access: Access) -> None:
    until, name, mac = str(access.log_in(TOKEN, "10.0.0.1")).split(".")

    assert access.session(f"{int(until) + 3600}.{name}.{mac}") is None


@pytest.mark.parametrize("guess", ["", "x", TOKEN + " ", TOKEN.upper(), "é" * 40, "\ud800", TOKEN[:-1]])
def test_another_token_opens_nothing(access: Access, guess: str) -> None:
    assert access.log_in(guess, "10.0.0.1") is None


def test_guesses_of_one_address_are_limited_for_a_minute(access: Access, seconds: Seconds) -> None:
    for _ in range(GUESSES_OF_ADDRESS):
        access.log_in("guess", "10.0.0.1")

    with pytest.raises(TooManyGuessesError):
        access.log_in(TOKEN, "10.0.0.1")
    assert access.log_in(TOKEN, "10.0.0.2") is not None
    seconds.now += GUESS_SECONDS
    assert access.log_in(TOKEN, "10.0.0.1") is not None


def test_guesses_of_all_addresses_are_limited_together(access: Access) -> None:
    for number in range(GUESSES_OF_ALL):
        access.log_in("guess", f"10.0.0.{number}")

    with pytest.raises(TooManyGuessesError):
        access.log_in(TOKEN, "10.0.1.1")


def test_who_logs_in_often_is_not_limited(access: Access) -> None:
    assert all(access.log_in(TOKEN, "10.0.0.1") for _ in range(100))


def test_what_is_remembered_of_addresses_has_a_bound(access: Access, seconds: Seconds) -> None:
    for number in range(MAX_ADDRESSES * 2):
        seconds.now += GUESS_SECONDS / 10
        access.log_in("guess", f"10.0.{number}")

    assert len(access._guesses) <= MAX_ADDRESSES
