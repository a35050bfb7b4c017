"""How the deployment is, in sentences."""

import re
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from saving_alerts.dependencies import State
from saving_alerts.ports.heartbeats import Problem, WorkerRow
from saving_alerts.web.verdict import Missed, Verdict, verdict
from tests.support.worker_rows import a_row

NOW = datetime(2026, 11, 23, 18, 43, tzinfo=UTC)
BEGAN = NOW - timedelta(minutes=10)


def worker(name: str, *problems: Problem) -> WorkerRow:
    return msgspec.structs.replace(a_row(0, {}), name=name, incarnation=name, problems=problems)


def push_api(since: datetime = BEGAN, held: int = 7, expired: int = 0, seconds: float | None = 3.5) -> Problem:
    return Problem(
        name="push_api",
        state="degraded",
        detail="HTTP 500",
        since=since,
        held=held,
        expired=expired,
        next_try=None if seconds is None else NOW + timedelta(seconds=seconds),
    )


def test_where_nothing_is_the_matter_all_is_well() -> None:
    assert verdict([worker("w1"), worker("w2")], Missed(), NOW) == Verdict()
    assert Verdict().headline == "all well"


def test_it_says_what_is_down_since_when_why_and_what_it_does_to_events() -> None:
    found = verdict([worker("w1", push_api())], Missed(), NOW)

    assert found.state is State.DEGRADED
    assert found.headline == "push API down since 18:33: HTTP 500 · 7 alerts held · next probe in 3 s"


def test_what_is_spoken_changes_only_when_something_happens() -> None:
    spoken = {verdict([worker("w1", push_api(seconds=seconds))], Missed(), NOW).spoken for seconds in (3, 2, -1)}

    assert spoken == {"push API down since 18:33: HTTP 500"}


def test_what_several_workers_say_of_one_dependency_is_one_sentence() -> None:
    rows = [worker("w1", push_api(held=7, expired=2)), worker("w2", push_api(BEGAN - timedelta(minutes=1), held=1_000))]

    found = verdict(rows, Missed(), NOW)

    assert found.sentences == (
        "push API down since 18:32: HTTP 500 · 1,007 alerts held · 2 expired · next probe in 3 s",
    )


def test_what_only_some_workers_see_names_them() -> None:
    rows = [worker("w1", push_api(held=1, seconds=None)), worker("w2")]

    assert verdict(rows, Missed(), NOW).headline == "push API down since 18:33: HTTP 500 · 1 alert held · on w1"


def test_a_probe_that_is_due_is_made_by_who_waits_or_by_the_next_event() -> None:
    for held, words in ((3, "probing now"), (0, "next probe with the next event")):
        assert words in verdict([worker("w1", push_api(held=held, seconds=-20))], Missed(), NOW).headline


@pytest.mark.parametrize(
    ("since", "words"),
    [(NOW - timedelta(hours=23), "since 19:43"), (NOW - timedelta(days=3), "since 2026-11-20 18:43")],
)
def test_what_began_another_day_is_dated(since: datetime, words: str) -> None:
    assert words in verdict([worker("w1", push_api(since))], Missed(), NOW).headline


def test_the_worst_comes_first_and_what_is_wanted_last() -> None:
    rows = [
        worker(
            "w1",
            Problem(name="kill_switches", state="off by choice", detail="all, by ines: wrong prices", since=BEGAN),
            push_api(NOW),
            Problem(name="redis", state="degraded", detail="cannot be reached", since=BEGAN),
            Problem(name="kafka", state="not ready", detail="the group is rebalancing", since=BEGAN),
        )
    ]

    found = verdict(rows, Missed(), NOW)

    assert found.state is State.NOT_READY
    assert [re.split(" since|:", sentence)[0] for sentence in found.sentences] == [
        "consumer group not ready",
        "Redis down",
        "push API down",
        "kill switch on",
    ]


def test_a_switch_alone_is_no_fault() -> None:
    row = worker("w1", Problem(name="kill_switches", state="off by choice", detail="all, by ines", since=BEGAN))

    found = verdict([row], Missed(), NOW)

    assert (found.state, found.headline) == (State.OFF, "kill switch on: all, by ines")


def test_who_is_missed_is_named() -> None:
    dead = msgspec.structs.replace(worker("w2"), beaten_at=NOW - timedelta(seconds=40))

    found = verdict([worker("w1")], Missed((dead,), 8), NOW)

    assert found.state is State.DEGRADED
    assert found.sentences == ("w2 does not answer · last seen 40 s ago", "8 partitions have no worker")


def test_who_is_missed_is_not_named_twice() -> None:
    takeover = Problem(name="workers", state="degraded", detail="no answer from w2", since=BEGAN)

    assert verdict([worker("w1", takeover)], Missed(), NOW) == Verdict()


def test_a_worker_of_another_release_may_have_states_that_this_one_does_not_know() -> None:
    row = worker("w1", Problem(name="a_new_one", state="on fire", detail="help"))

    assert verdict([row], Missed(), NOW).headline == "a new one degraded: help"
