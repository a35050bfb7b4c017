"""A switch is confirmed when every worker that is not known to be gone has read it, and never by nobody in silence."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from saving_alerts.commands.exits import BadNewsError
from saving_alerts.commands.kill.wait import NOBODY, Workers, wait
from saving_alerts.ports.heartbeats import Heard, WorkerRow
from tests.support.fakes.clock import FakeClock
from tests.support.fakes.heartbeats import FakeHeartbeats
from tests.support.worker_rows import a_row

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SWITCH = 7
HAS_READ, HAS_NOT = SWITCH + 1, SWITCH


def row(name: str, seen: int | None = HAS_READ, member: str | None = None, minute: int = 0) -> WorkerRow:
    return msgspec.structs.replace(
        a_row(0, {}),
        name=name,
        incarnation=f"{name}-{minute}",
        started_at=NOON + timedelta(minutes=minute),
        kill_switches=seen,
        member=member,
        partitions=(0,),
    )


CASES: dict[str, tuple[Heard, Mapping[str, str] | None, list[str]]] = {
    "all have read it": (Heard((row("a", member="1"), row("b", member="2"))), {"1": "h", "2": "h"}, []),
    "one has not": (Heard((row("a"), row("b", HAS_NOT))), None, ["b"]),
    "one has read nothing yet": (Heard((row("a", None),)), None, ["a"]),
    "one is silent": (Heard((row("a"),), (row("b", HAS_NOT),)), None, ["b (silent since 12:00:00 UTC)"]),
    "one is silent, and has read it before": (Heard((row("a"),), (row("b"),)), None, []),
    "a silent one has a successor": (Heard((row("a", minute=1),), (row("a", HAS_NOT),)), None, []),
    "a silent one has left the group": (Heard((row("a", member="1"),), (row("b", HAS_NOT, "2"),)), {"1": "h"}, []),
    "a silent one is in the group": (
        Heard((row("a", member="1"),), (row("b", HAS_NOT, "2"),)),
        {"1": "h", "2": "h"},
        ["b (silent since 12:00:00 UTC)"],
    ),
    "a member has no heartbeat": (
        Heard((row("a", member="1"),)),
        {"1": "10.0.0.1", "2": "10.0.0.2"},
        ["a member of the consumer group at 10.0.0.2"],
    ),
    "a worker of an older release does not say which member it is": (Heard((row("a"),)), {"1": "h"}, []),
    "a heartbeat cannot be read": (
        Heard((row("a"),), (), ("x: Expected `str`",)),
        None,
        ["a worker whose heartbeat cannot be read (x: Expected `str`)"],
    ),
}


@pytest.mark.parametrize(("heard", "members", "waiting"), CASES.values(), ids=CASES)
def test_who_is_waited_for(heard: Heard, members: Mapping[str, str] | None, waiting: list[str]) -> None:
    assert Workers(heard, members).unconfirmed(SWITCH) == waiting


class Deployment:
    """Workers and their group, as a command finds them."""

    def __init__(self, members: Mapping[str, str] | None) -> None:
        self.heartbeats = FakeHeartbeats(FakeClock(NOON))
        self.members = members
        self.asked = 0

    async def ask_members(self) -> Mapping[str, str] | None:
        self.asked += 1
        return self.members

    async def wait(self, beat_seconds: float = 0.01, most_seconds: float = 10) -> str:
        return await wait(self.heartbeats, self.ask_members, SWITCH, beat_seconds, most_seconds)


@pytest.mark.asyncio
async def test_with_nobody_there_it_says_so() -> None:
    deployment = Deployment({})

    assert await deployment.wait() == NOBODY
    assert deployment.asked == 1


@pytest.mark.asyncio
async def test_where_nobody_can_say_who_is_in_the_group_it_looks_for_two_heartbeats() -> None:
    deployment = Deployment(None)

    assert (await deployment.wait(beat_seconds=0.2)).startswith(NOBODY)
    assert deployment.asked > 2


@pytest.mark.asyncio
async def test_who_has_confirmed_is_named() -> None:
    deployment = Deployment({"1": "h"})
    await deployment.heartbeats.beat(row("a", member="1"), timedelta(seconds=6))

    assert await deployment.wait() == "confirmed by a"


@pytest.mark.asyncio
async def test_a_member_that_nobody_hears_is_named_when_the_time_is_over() -> None:
    with pytest.raises(BadNewsError, match=r"not confirmed by a member of the consumer group at 10\.0\.0\.9"):
        await Deployment({"9": "10.0.0.9"}).wait(most_seconds=0.1)
