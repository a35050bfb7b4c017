"""Every fault of an event is a Problem with its place; nothing that upstream can send raises."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.deadlines import deadline_of
from saving_alerts.domain.events import (
    GEOFENCE_TYPES,
    MAX_EVENT_BYTES,
    MAX_PROBLEM_CHARACTERS,
    TYPES_WITHOUT_MERCHANT,
    EventType,
    Problem,
    SavingEvent,
    ValidatedEvent,
    is_late,
    read_event,
)
from saving_alerts.domain.source_position import SourcePosition

REMOVED = object()
RECEIVED = datetime(2026, 11, 23, 10, 15, 3, 4_000, tzinfo=UTC)
GOOD: Mapping[str, object] = {
    "event_id": "0192",
    "schema": 1,
    "type": "geofence_entered",
    "user_id": "u-42",
    "merchant_id": "m-123",
    "store_id": "s-77",
    "occurred_at": "2026-11-23T10:15:02.120Z",
    "received_at": "2026-11-23T10:15:03.004Z",
    "timezone": "Europe/Berlin",
    "locale": "de-DE",
    "app": {"version": "9.4.1", "os": "ios"},
    "location": {"latitude": 52.52, "longitude": 13.405, "accuracy_m": 35},
    "push": {"consent": True},
}


def raw(**changes: object) -> bytes:
    fields = {name: value for name, value in (dict(GOOD) | changes).items() if value is not REMOVED}
    return json.dumps(fields).encode()


def good(**changes: object) -> SavingEvent:
    event = read_event(raw(**changes))
    assert isinstance(event, SavingEvent), event
    return event


def problem(content: bytes | None) -> Problem:
    found = read_event(content)
    assert isinstance(found, Problem), found
    return found


def test_a_good_event_is_read() -> None:
    event = good()

    assert (event.event_id, event.type, event.received_at) == ("0192", EventType.GEOFENCE_ENTERED, RECEIVED)


@pytest.mark.parametrize("name", ["merchant_id", "store_id", "location"])
def test_a_field_that_may_be_missing_may_be_null(name: str) -> None:
    without, null = (good(**{name: value, "type": "app_opened"}) for value in (REMOVED, None))

    assert without == null


def test_fields_that_nobody_knows_yet_are_ignored() -> None:
    assert good(campaign={"id": 7}, app={"version": "1", "os": "ios", "build": 12}).app.version == "1"


@pytest.mark.parametrize("kind", EventType)
def test_only_what_happens_at_a_merchant_needs_one(kind: EventType) -> None:
    event = read_event(raw(type=kind, merchant_id=REMOVED))

    assert isinstance(event, SavingEvent) is (kind in TYPES_WITHOUT_MERCHANT)


@pytest.mark.parametrize("kind", EventType)
def test_only_geofences_need_a_store(kind: EventType) -> None:
    event = read_event(raw(type=kind, store_id=REMOVED))

    assert isinstance(event, Problem) is (kind in GEOFENCE_TYPES)


INVALID: dict[str, tuple[Mapping[str, object], str, str]] = {
    **{
        f"{name} is missing": ({name: REMOVED}, "missing", f"$.{name}")
        for name in GOOD
        if name not in {"merchant_id", "store_id", "location"}
    },
    "merchant_id is missing": ({"merchant_id": REMOVED}, "missing, geofence_entered needs it", "$.merchant_id"),
    "store_id is missing": ({"store_id": REMOVED}, "missing, geofence_entered needs it", "$.store_id"),
    "an empty id": ({"event_id": ""}, "Expected `str` of length >= 1", "$.event_id"),
    "an id that is too long": ({"user_id": "u" * 129}, "Expected `str` of length <= 128", "$.user_id"),
    "an id as a number": ({"user_id": 42}, "Expected `str`, got `int`", "$.user_id"),
    "an id that leads out of an address": ({"user_id": ".."}, ".. cannot be a part of an address", "$.user_id"),
    "an id with white space": (
        {"user_id": "u-42 "},
        "white space, a control character or an invisible one is in it: U+0020",
        "$.user_id",
    ),
    "an id in another form": ({"user_id": "u\u0308"}, "not in the Unicode form NFC", "$.user_id"),
    "a merchant that leads out of one": ({"merchant_id": "."}, ". cannot be a part of an address", "$.merchant_id"),
    "an id that is null": ({"user_id": None}, "Expected `str`, got `null`", "$.user_id"),
    "another schema": ({"schema": 2}, "Expected `int` <= 1", "$.schema"),
    "a schema as text": ({"schema": "1"}, "Expected `int`, got `str`", "$.schema"),
    "an unknown type": ({"type": "teleported"}, "Invalid enum value 'teleported'", "$.type"),
    "a type that quotes our messages": ({"type": "x - at `$.y`"}, "Invalid enum value 'x - at `$.y`'", "$.type"),
    "a zone as a number": ({"timezone": 1}, "Expected `str`, got `int`", "$.timezone"),
    "an empty zone": ({"timezone": ""}, "Expected `str` of length >= 1", "$.timezone"),
    "a locale of one letter": ({"locale": "d"}, "Expected `str` of length >= 2", "$.locale"),
    "no time": ({"occurred_at": "yesterday"}, "Invalid RFC3339 encoded datetime", "$.occurred_at"),
    "a time without a zone": (
        {"occurred_at": "2026-11-23T10:15:02"},
        "Expected `datetime` with a timezone component",
        "$.occurred_at",
    ),
    "a time as a number": ({"received_at": 1_795_000_000}, "Expected `datetime`, got `int`", "$.received_at"),
    "a clock that was never set": (
        {"received_at": "1970-01-01T00:00:00Z"},
        "year 1970 is out of range",
        "$.received_at",
    ),
    "the end of time": ({"received_at": "9999-12-31T23:59:59-12:00"}, "year 9999 is out of range", "$.received_at"),
    "an event of the far past": (
        {"occurred_at": "0001-01-01T00:00:00+12:00"},
        "more than 7 days before received_at",
        "$.occurred_at",
    ),
    "an event of the far future": (
        {"occurred_at": "9999-12-31T23:59:59-12:00"},
        "more than 5 minutes after received_at",
        "$.occurred_at",
    ),
    "an app that is a list": ({"app": []}, "Expected `object`, got `array`", "$.app"),
    "an app without a version": ({"app": {"os": "ios"}}, "missing", "$.app.version"),
    "a place beyond the pole": (
        {"location": {"latitude": 90.1, "longitude": 0, "accuracy_m": 1}},
        "Expected `float` <= 90.0",
        "$.location.latitude",
    ),
    "a place without a longitude": ({"location": {"latitude": 1, "accuracy_m": 1}}, "missing", "$.location.longitude"),
    "an accuracy as a text": (
        {"location": {"latitude": 1, "longitude": 0, "accuracy_m": "-1"}},
        "Expected `float`, got `str`",
        "$.location.accuracy_m",
    ),
    "a consent that is a number": ({"push": {"consent": 1}}, "Expected `bool`, got `int`", "$.push.consent"),
}


@pytest.mark.parametrize(("changes", "what", "where"), INVALID.values(), ids=INVALID)
def test_what_is_wrong_is_named_with_its_place(changes: Mapping[str, object], what: str, where: str) -> None:
    found = problem(raw(**changes))

    assert (found.problem, found.path, found.unreadable) == (what, where, False)


@pytest.mark.parametrize(
    ("occurred", "invalid"),
    [
        pytest.param(timedelta(minutes=5), False, id="5 minutes ahead"),
        pytest.param(timedelta(minutes=5, microseconds=1), True, id="more than 5 minutes ahead"),
        pytest.param(timedelta(days=-7), False, id="7 days behind"),
        pytest.param(timedelta(days=-7, microseconds=-1), True, id="more than 7 days behind"),
    ],
)
def test_an_event_occurs_about_when_it_is_received(occurred: timedelta, *, invalid: bool) -> None:
    event = read_event(raw(occurred_at=(RECEIVED + occurred).isoformat()))

    assert isinstance(event, Problem) is invalid


UNREADABLE: dict[str, bytes | None] = {
    "a tombstone": None,
    "no bytes": b"",
    "text": b"nonsense",
    "half of an event": raw()[:-1],
    "an event and more": raw() + b"x",
    "not UTF-8": raw().replace(b"u-42", b"u-\xff"),
    "half of a surrogate pair": raw(user_id="\ud800"),
    "a byte order mark": b"\xef\xbb\xbf" + raw(),
    "endless brackets": b'{"app":' * 9_000,
    "one byte too many": raw(filler="x" * (MAX_EVENT_BYTES + 1 - len(raw(filler="")))),
}


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_json_or_oversize_is_unreadable(content: bytes | None) -> None:
    found = problem(content)

    assert (found.unreadable, found.path) == (True, "$")


def test_an_event_of_exactly_the_allowed_size_is_read() -> None:
    content = raw(filler="x" * (MAX_EVENT_BYTES - len(raw(filler=""))))

    assert len(content) == MAX_EVENT_BYTES
    assert isinstance(read_event(content), SavingEvent)


@pytest.mark.parametrize("content", [b"[]", b"1", b"null", b'"x"', b"true"])
def test_json_that_is_no_object_is_readable_and_invalid(content: bytes) -> None:
    found = problem(content)

    assert (found.unreadable, found.path) == (False, "$")


def test_a_problem_is_no_longer_than_a_line() -> None:
    assert len(problem(raw(type="x" * 10_000)).problem) == MAX_PROBLEM_CHARACTERS


@pytest.mark.parametrize(
    ("changes", "ids"),
    [
        pytest.param({"locale": 1}, ("0192", "u-42"), id="both"),
        pytest.param({"event_id": 1}, (None, "u-42"), id="one is a number"),
        pytest.param({"user_id": REMOVED}, ("0192", None), id="one is missing"),
        pytest.param({"user_id": "u" * 129}, ("0192", None), id="one is too long"),
        pytest.param({"store_id": REMOVED}, ("0192", "u-42"), id="a contradiction"),
    ],
)
def test_a_problem_says_whose_it_is_where_that_can_be_made_out(
    changes: Mapping[str, object], ids: tuple[str | None, str | None]
) -> None:
    found = problem(raw(**changes))

    assert (found.event_id, found.user_id) == ids


@given(content=st.binary(max_size=300))
def test_no_bytes_raise(content: bytes) -> None:
    assert isinstance(read_event(content), Problem)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.datetimes().map(str)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


@given(changes=st.dictionaries(st.sampled_from(list(GOOD)), values | st.just(REMOVED), max_size=4))
def test_no_values_raise(changes: dict[str, object]) -> None:
    assert isinstance(read_event(raw(**changes)), SavingEvent | Problem)


@given(cut=st.integers(0, len(raw())), byte=st.binary(min_size=1, max_size=3))
def test_no_damage_raises(cut: int, byte: bytes) -> None:
    content = raw()[:cut] + byte + raw()[cut + 1 :]

    assert isinstance(read_event(content), SavingEvent | Problem)


@pytest.mark.parametrize(
    ("occurred_at", "deadline"),
    [
        pytest.param("2026-11-23T10:15:00Z", datetime(2026, 11, 23, 10, 25, tzinfo=UTC), id="occurred before"),
        pytest.param("2026-11-23T10:17:00Z", RECEIVED + timedelta(minutes=10), id="a phone whose clock is ahead"),
        pytest.param("2026-11-23T12:15:00+02:00", datetime(2026, 11, 23, 10, 25, tzinfo=UTC), id="another zone"),
    ],
)
def test_the_deadline_counts_from_the_earlier_moment_in_utc(occurred_at: str, deadline: datetime) -> None:
    found = deadline_of(good(occurred_at=occurred_at), timedelta(minutes=10), RECEIVED)

    assert (found, found.tzinfo) == (deadline, UTC)


@given(
    received=st.datetimes(datetime(2000, 1, 2), datetime(2100, 12, 30), timezones=st.timezones()),  # noqa: DTZ001
    behind=st.timedeltas(timedelta(minutes=-5), timedelta(days=7)),
)
def test_every_event_that_is_believed_has_a_deadline(received: datetime, behind: timedelta) -> None:
    event = read_event(
        raw(
            received_at=received.astimezone(UTC).isoformat(),
            occurred_at=(received.astimezone(UTC) - behind).isoformat(),
        )
    )

    assert isinstance(event, SavingEvent)
    assert deadline_of(event, timedelta(days=1), event.received_at) <= event.received_at + timedelta(days=1)


@pytest.mark.parametrize(("seconds", "late"), [(-0.001, False), (0, True)], ids=["a moment before", "at the deadline"])
def test_an_event_is_late_from_its_deadline_on(seconds: float, *, late: bool) -> None:
    position = SourcePosition("saving-events", 0, 1)
    validated = ValidatedEvent(position=position, deadline=RECEIVED, read_at=RECEIVED, event=good())

    assert is_late(validated, RECEIVED + timedelta(seconds=seconds)) is late


NOWHERE = {"latitude": -180, "longitude": -180, "accuracy_m": -1}


@pytest.mark.parametrize(
    "location",
    [
        NOWHERE,
        NOWHERE | {"latitude": 52.5, "longitude": 13.4},
        NOWHERE | {"accuracy_m": -0.001},
        NOWHERE | {"accuracy_m": -1e300, "altitude": 3},
        {"accuracy_m": -1},
        NOWHERE | {"latitude": None},
    ],
    ids=str,
)
def test_an_accuracy_below_0_is_no_position(location: object) -> None:
    assert good(location=location) == good(location=None)


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"location": NOWHERE | {"accuracy_m": 5}}, "$.location.latitude"),
        ({"location": NOWHERE | {"accuracy_m": "-1"}}, "$.location.latitude"),
        ({"location": NOWHERE, "user_id": 42}, "$.user_id"),
        ({"location": NOWHERE, "user_id": " "}, "$.user_id"),
        ({"location": NOWHERE, "timezone": ""}, "$.timezone"),
    ],
    ids=str,
)
def test_what_else_is_wrong_is_still_wrong(changes: Mapping[str, object], where: str) -> None:
    assert problem(raw(**changes)).path == where
