"""What is on stays on until it is lifted, whatever stands on the topic; what is no switch stops more, never less."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.kill_switches import (
    MAX_SWITCH_BYTES,
    KillScope,
    KillSwitch,
    StandingSwitch,
    TurnedOn,
    UnreadableSwitch,
    by_what_they_stop,
    name_of,
    names_a_scope,
    read_switch,
    switch_of,
)
from saving_alerts.domain.stopped_pushes import Stoppable, active_switch, taken_back

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
PUSH = Stoppable("m-1", "r-1", "v-1")


def switch(scope: KillScope = KillScope.ALL, identifier: str = "", reason: str = "wrong prices") -> KillSwitch:
    return KillSwitch(scope=scope, id=identifier, reason=reason, by="ines", since=NOON)


def body(**changes: object) -> bytes:
    document = {"scope": "merchant", "id": "m-1", "reason": "r", "by": "b", "since": "2026-11-23T10:00:00Z"}
    return msgspec.json.encode(document | changes)


UNREADABLE = {
    "empty": b"",
    "no UTF-8": b'{"scope":"merchant","id":"m-1","reason":"\xff","by":"b","since":"2026-11-23T10:00:00Z"}',
    "no JSON": b"off",
    "deep": b'{"z":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    "a list": b"[]",
    "a number": b"7",
    "a field is missing": b'{"scope":"merchant","id":"m-1"}',
    "a wrong type": body(reason=7),
    "a time without a zone": body(since="2026-11-23T10:00:00"),
    "a year that cannot be": body(since="0001-01-01T00:00:00+23:59"),
    "too long": body(reason="x" * MAX_SWITCH_BYTES),
}


@pytest.mark.parametrize("value", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("key", ["all", "merchant:m-1", "rule:r-1"])
def test_what_cannot_be_read_stops_what_its_key_names(key: str, value: bytes) -> None:
    found = read_switch(key.encode(), value)

    assert isinstance(found, UnreadableSwitch)
    assert (found.name, found.stops) == (key, (key,))
    assert f"`saving-alerts kill off {key}` lifts it" in str(found)


@pytest.mark.parametrize("value", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("key", [None, b"", b"\xff\xfe", b"country:DE", b"merchant:", b"rule", b"merchant:\xff"])
def test_what_cannot_be_read_under_a_key_that_names_nothing_stops_everything(key: bytes | None, value: bytes) -> None:
    found = read_switch(key, value)

    assert found.stops == ("all",)
    assert str(found).isprintable()


@pytest.mark.parametrize("key", [b"country:DE", b"merchant:m-1", b"all", b"\xff"])
def test_a_switch_of_a_newer_release_stops_everything(key: bytes) -> None:
    found = read_switch(key, body(scope="country", id="DE"))

    assert found.stops == ("all",)
    assert "does not know the scope 'country'" in str(found)


def test_a_switch_under_the_key_of_another_stops_both() -> None:
    assert read_switch(b"rule:r-1", body()).stops == ("rule:r-1", "merchant:m-1")
    assert read_switch(b"\xff", body()).stops == ("merchant:m-1",)
    assert read_switch(b"merchant:", body(id="")).stops == ("all",)


def test_a_switch_under_its_own_key_is_a_switch() -> None:
    assert read_switch(b"merchant:m-1", body(field_of_a_newer_release=1)) == KillSwitch(
        scope=KillScope.MERCHANT, id="m-1", reason="r", by="b", since=datetime(2026, 11, 23, 10, tzinfo=UTC)
    )


def test_what_stood_there_before_is_told() -> None:
    first = read_switch(b"all", b"garbage", switch())
    second = read_switch(b"all", b"more of it", first)

    assert "Before it: all since 2026-11-23 12:00:00 by ines: wrong prices" in str(second)


keys = st.none() | st.binary(max_size=300) | st.sampled_from([b"all", b"merchant:m-1", b"rule:r-1", b"country:DE"])
values = st.binary() | st.sampled_from([*UNREADABLE.values(), body(), body(scope="all", id=""), body(scope="new")])


@given(keys, values)
def test_every_record_with_a_value_stops_something_and_can_be_shown(key: bytes | None, value: bytes) -> None:
    found = read_switch(key, value)

    assert found.stops
    assert all(names_a_scope(each) for each in found.stops)
    assert str(found).isprintable()
    assert len(str(found)) < 2_000
    text = (key or b"").decode(errors="ignore")
    if names_a_scope(text) and text.encode() == key:
        assert text in found.stops or "all" in found.stops


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_two_keys_have_two_names(first: bytes, second: bytes) -> None:
    assert (name_of(first) == name_of(second)) == (first == second)


@pytest.mark.parametrize(
    ("stops", "stopped"),
    [
        pytest.param(("all",), True, id="all"),
        pytest.param(("merchant:m-1",), True, id="its merchant"),
        pytest.param(("rule:r-1",), True, id="its rule"),
        pytest.param(("rule:r-2", "merchant:m-1"), True, id="another rule, and its merchant"),
        pytest.param(("merchant:m-2",), False, id="another merchant"),
    ],
)
def test_a_push_is_stopped_by_whatever_counts_as_a_switch_of_it(stops: tuple[str, ...], *, stopped: bool) -> None:
    unreadable = UnreadableSwitch(name="x", problem="p", stops=stops)

    found = active_switch(by_what_they_stop([unreadable]), PUSH, NOON)

    assert (found is unreadable) is stopped


def test_of_two_that_stop_the_same_the_readable_one_speaks() -> None:
    unreadable = UnreadableSwitch(name="x", problem="p", stops=("all",))

    orders: list[list[StandingSwitch]] = [[unreadable, switch()], [switch(), unreadable]]
    for standing in orders:
        assert active_switch(by_what_they_stop(standing), PUSH, NOON) == switch()


def test_what_somebody_wrote_as_a_reason_cannot_draw_on_a_terminal() -> None:
    assert "\x1b" not in str(switch(reason="\x1b[2J" + "x" * 1_000))
    assert len(str(switch(reason="x" * 1_000))) < 500


def turned_on(by: str, hours: float | None = None) -> TurnedOn:
    return TurnedOn(reason="r", by=by, since=NOON, until=NOON + timedelta(hours=hours) if hours else None)


def test_a_switch_ends_by_itself() -> None:
    ending = switch_of(KillScope.ALL, "", [turned_on("ines", hours=2)])
    assert ending is not None
    standing = by_what_they_stop([ending])

    assert active_switch(standing, PUSH, NOON + timedelta(hours=1)) == ending
    assert active_switch(standing, PUSH, NOON + timedelta(hours=2)) is None
    assert "until 2026-11-23 14:00:00" in str(ending)


def test_it_is_on_while_one_of_those_stands_who_turned_it_on() -> None:
    found = switch_of(KillScope.ALL, "", [turned_on("ines", hours=2), turned_on("tom")])
    assert found is not None

    left = active_switch(by_what_they_stop([found]), PUSH, NOON + timedelta(hours=3))

    assert left == switch_of(KillScope.ALL, "", [turned_on("tom")])


def test_one_that_ends_hides_none_that_does_not() -> None:
    ending = switch_of(KillScope.ALL, "", [turned_on("ines", hours=2)])
    assert ending is not None
    unreadable = UnreadableSwitch(name="x", problem="p", stops=("all",))

    orders: list[list[StandingSwitch]] = [[unreadable, ending], [ending, unreadable]]
    for standing in orders:
        assert active_switch(by_what_they_stop(standing), PUSH, NOON + timedelta(hours=3)) is unreadable


class SwitchOfFirstRelease(msgspec.Struct, frozen=True, kw_only=True):
    """As 0.1.0 reads it."""

    scope: KillScope
    id: str = ""
    reason: str
    by: str
    since: datetime


def test_the_first_release_reads_what_is_written_now_as_a_switch_that_is_on() -> None:
    written = switch_of(KillScope.MERCHANT, "m-1", [turned_on("ines", hours=2), turned_on("tom")])

    read = msgspec.json.decode(msgspec.json.encode(written), type=SwitchOfFirstRelease)

    assert read == SwitchOfFirstRelease(scope=KillScope.MERCHANT, id="m-1", reason="r", by="ines", since=NOON)


def test_what_the_first_release_wrote_is_one_persons_switch_without_an_end() -> None:
    found = read_switch(b"merchant:m-1", body())

    assert isinstance(found, KillSwitch)
    assert (found.others, found.lasts, found.at(NOON)) == ((), True, found)


@pytest.mark.parametrize(
    ("scope", "identifier", "stops"),
    [
        (KillScope.VERSION, "v-1", True),
        (KillScope.VERSION, "v-2", False),
        (KillScope.RULE, "v-1", False),
        (KillScope.VERSION, "r-1", False),
    ],
)
def test_a_switch_of_a_version_stops_what_that_version_has_made(
    scope: KillScope, identifier: str, *, stops: bool
) -> None:
    on = KillSwitch(scope=scope, id=identifier, reason="too many", by="ines", since=NOON)

    found = active_switch(by_what_they_stop([on]), PUSH, NOON)

    assert (found == on) is stops
    assert read_switch(on.key.encode(), msgspec.json.encode(on)) == on


@pytest.mark.parametrize("canary", ["0123456789ab-a1b2c3", None, "0123456789ab-ffffff"])
def test_a_canary_that_is_taken_back_stops_what_its_rules_have_made_and_nothing_else(canary: str | None) -> None:
    switches = by_what_they_stop([switch(KillScope.CANARY, "0123456789ab-a1b2c3", "pushes, too many")])

    found = active_switch(switches, Stoppable("m-1", "r-1", "0123456789ab", canary), NOON)

    assert (found is not None) is (canary == "0123456789ab-a1b2c3")
    assert taken_back(switches, "0123456789ab-a1b2c3", NOON) is not None
    assert taken_back(switches, "0123456789ab-ffffff", NOON) is None
    assert taken_back({}, "0123456789ab-a1b2c3", NOON) is None


def test_what_stands_under_a_canarys_key_and_cannot_be_read_takes_it_back() -> None:
    switches = by_what_they_stop([read_switch(b"canary:0123456789ab-a1b2c3", b"garbage")])

    assert taken_back(switches, "0123456789ab-a1b2c3", NOON) is not None
