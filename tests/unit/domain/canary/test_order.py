"""An order of a canary is read whole or refused, and says whose rules its own are, at any moment."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.canary.evidence import Evidence, guards_of
from saving_alerts.domain.canary.order import Bounds, CanaryOrder, Ended, read_order
from saving_alerts.domain.canary.split import is_in_canary
from saving_alerts.domain.decoding import Unreadable
from tests.support.fakes.clock import START
from tests.support.sample_canary import HOURS, LIVE, VERSION, an_order

USERS = [f"u-{number}" for number in range(2_000)]
SECOND = timedelta(seconds=1)


def ended(how: str) -> CanaryOrder:
    written = {"how": how, "by": "tom", "note": "enough", "at": START.isoformat()}
    return msgspec.structs.replace(an_order(), ended=msgspec.convert(written, Ended))


def test_what_was_written_is_read() -> None:
    for order in (an_order(), ended("promoted"), ended("aborted")):
        assert read_order(msgspec.json.encode(order)) == order


ODD: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "of nobody": (lambda order: order.update(percent=0), "$.percent"),
    "of nearly everybody": (lambda order: order.update(percent=51), "$.percent"),
    "no version": (lambda order: order.update(version="../rules"), "$.version"),
    "an id of another version": (lambda order: order.update(id=f"{LIVE}-a1b2c3"), "$.id"),
    "in place of itself": (lambda order: order.update(instead_of=VERSION), "$.version"),
    "ends before it begins": (lambda order: order.update(ends=order["begins"]), "$.ends"),
    "a moment without a zone": (lambda order: order.update(ends="2026-11-23T14:00:00"), "$.ends"),
    "of hardly anybody": (lambda order: order.update(percent=1e-9), "$.percent"),
    "hardly a push foretold": (lambda order: order["foretold"].update(pushes=1e-9), "$.foretold.pushes"),
    "a limit of hardly any": (
        lambda order: order["foretold"].update(when_errors={"foretold": 0, "limit": 1e-9}),
        "$.foretold.when_errors.limit",
    ),
    "nothing foretold": (lambda order: order.update(foretold={}), "$.foretold"),
    "everything foretold": (lambda order: order["foretold"].update(pushes=1), "$.foretold.pushes"),
    "a limit that is foretold": (
        lambda order: order["foretold"].update(push_refused={"foretold": 0.1, "limit": 0.1}),
        "$.foretold",
    ),
    "ended in a way of a newer release": (
        lambda order: order.update(ended={"how": "paused", "by": "x", "note": "", "at": "2026-11-23T12:00:00Z"}),
        "$.ended.how",
    ),
    "a note without an end": (lambda order: order.update(note="x" * 70_000), "$"),
    "a note that nobody reads": (lambda order: order.update(note="x" * 2_001), "$.note"),
}


@pytest.mark.parametrize(("change", "path"), ODD.values(), ids=ODD)
def test_what_nobody_would_write_is_refused(change: Callable[[dict[str, Any]], object], path: str) -> None:
    order = json.loads(msgspec.json.encode(an_order()))
    change(order)

    found = read_order(json.dumps(order).encode())

    assert isinstance(found, Unreadable)
    assert found.path == path


@given(st.binary() | st.recursive(st.none() | st.text(), st.lists).map(lambda value: json.dumps(value).encode()))
def test_reading_never_raises(raw: bytes) -> None:
    assert isinstance(read_order(raw), Unreadable)


def test_while_it_is_tried_it_is_for_the_share_that_is_drawn() -> None:
    order = an_order()

    chosen = {user for user in USERS if order.is_for(user, order.ends - SECOND)}

    assert chosen == {user for user in USERS if is_in_canary(5, VERSION, user)}
    assert 50 < len(chosen) < 150
    assert order.is_tried(order.ends - SECOND)


@pytest.mark.parametrize(
    ("order", "moment"),
    [(an_order(), START + HOURS), (an_order(), START + 400 * HOURS), (ended("promoted"), START)],
    ids=["its time is over", "long ago", "promoted"],
)
def test_when_it_was_not_ended_badly_it_is_for_everybody(order: CanaryOrder, moment: Any) -> None:  # noqa: ANN401
    assert all(order.is_for(user, moment) for user in USERS)
    assert order.is_for_everybody(moment)
    assert not order.is_tried(moment)


def test_aborted_it_is_for_nobody_ever() -> None:
    order = ended("aborted")

    for moment in (START, START + HOURS, START + 400 * HOURS):
        assert not any(order.is_for(user, moment) for user in USERS)
        assert not order.is_tried(moment)


def test_a_clock_that_is_behind_begins_it_all_the_same() -> None:
    """Whoever has read it knows that it has begun: only its end goes by the clock."""
    order = an_order()

    assert {user for user in USERS if order.is_for(user, START - HOURS)} == {
        user for user in USERS if order.is_for(user, START)
    }


def test_it_says_itself_in_words() -> None:
    assert str(an_order()) == f"canary {VERSION}-a1b2c3 on 5 % of the users until {START + HOURS:%Y-%m-%d %H:%M:%S} UTC"


def test_limits_have_to_be_above_what_was_foretold() -> None:
    foretold = msgspec.structs.replace(an_order().foretold, when_errors=Bounds(foretold=0.5, limit=0.2))

    assert foretold.problem == "when_errors: the limit 0.2 is not above the foretold 0.5"


numbers = st.floats(0, 100) | st.sampled_from([0, 1e-9, 1e-4, 0.01, 0.99, 1, 50])


@given(st.fixed_dictionaries(dict.fromkeys(("percent", "pushes", "factor", "foretold", "limit"), numbers)))
def test_of_every_order_that_is_read_there_are_guards(drawn: dict[str, float]) -> None:
    bounds = {"foretold": drawn["foretold"], "limit": drawn["limit"]}
    foretold = {"pushes": drawn["pushes"], "factor": drawn["factor"], "when_errors": bounds, "push_refused": bounds}
    order = json.loads(msgspec.json.encode(an_order())) | {"percent": drawn["percent"], "foretold": foretold}

    found = read_order(json.dumps(order).encode())

    if isinstance(found, CanaryOrder):
        assert len(guards_of(found, Evidence(evaluated=100, wanted=50))) == 5


def test_the_longest_texts_fit_into_an_order() -> None:
    longest = "\x07" * 2_000
    ended = Ended(how="aborted", by=longest, note=longest, at=START)
    order = msgspec.structs.replace(an_order(), by=longest, note=longest, ended=ended)

    assert read_order(msgspec.json.encode(order)) == order
