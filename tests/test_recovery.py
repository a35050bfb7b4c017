"""Who takes over a partition reads only what it has not read of the Table's changelog, whatever it was before."""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, cast

import faust
import pytest
from faust.types import TP

from saving_alerts.recovery import RememberingRecovery, RememberingTables
from saving_alerts.tables import PushSendsTable
from tests.fakes.clock import FakeClock
from tests.fakes.unopened_app import unopened_app

pytestmark = pytest.mark.asyncio

TOPIC = "test.push-sends"
FIRST, SECOND, THIRD = (TP(TOPIC, number) for number in range(3))


class Group:
    """What the group assigns, and what Kafka has of each changelog: nothing was compacted."""

    def __init__(self) -> None:
        self.app = faust.App("test-recovery", broker="kafka://127.0.0.1:1", TableManager=RememberingTables)
        PushSendsTable(self.app, TOPIC, FakeClock())
        tables = cast("RememberingTables", self.app.tables)
        tables._changelogs[TOPIC] = tables["push_sends"]
        self.recovery = tables.recovery
        self._actives: set[TP] = set()
        self._standbys: set[TP] = set()
        setattr(self.app, "assignor", self)  # noqa: B010 - a cached property

    def assigned_actives(self) -> set[TP]:
        return self._actives

    def assigned_standbys(self) -> set[TP]:
        return self._standbys

    async def assign(self, actives: Iterable[TP] = (), standbys: Iterable[TP] = ()) -> None:
        before = self._actives | self._standbys
        self._actives, self._standbys = set(actives), set(standbys)
        after = self._actives | self._standbys
        await self.recovery.on_rebalance(after, before - after, after - before)
        consumer = cast("Any", SimpleNamespace(earliest_offsets=self._earliest_offsets))
        for tps, offsets in (
            (self.recovery.active_tps, self.recovery.active_offsets),
            (self.recovery.standby_tps, self.recovery.standby_offsets),
        ):
            await self.recovery._build_offsets(consumer, tps, offsets, "")

    async def _earliest_offsets(self, *tps: TP) -> dict[TP, int]:
        return dict.fromkeys(tps, 0)

    def read(self, tp: TP, offset: int) -> None:
        """So far the worker has come."""
        offsets = self.recovery.active_offsets if tp in self._actives else self.recovery.standby_offsets
        offsets[tp] = offset

    def begins_behind(self, tp: TP) -> int | None:
        """The last offset that is not read again; -1: everything is read."""
        offsets = self.recovery.active_offsets if tp in self._actives else self.recovery.standby_offsets
        return offsets[tp]


async def test_a_standby_that_becomes_the_owner_goes_on_where_it_was() -> None:
    group = Group()
    await group.assign(actives=[FIRST], standbys=[SECOND])
    group.read(SECOND, 20_163)

    await group.assign(actives=[FIRST, SECOND])

    assert group.begins_behind(SECOND) == 20_163


async def test_an_owner_that_becomes_a_standby_goes_on_where_it_was() -> None:
    group = Group()
    await group.assign(actives=[FIRST, SECOND])
    group.read(FIRST, 19_900)

    await group.assign(actives=[SECOND], standbys=[FIRST])

    assert group.begins_behind(FIRST) == 19_900


async def test_a_partition_that_went_is_read_from_the_beginning_when_it_comes_back() -> None:
    """A Table drops what is neither its own nor followed."""
    group = Group()
    await group.assign(standbys=[FIRST])
    group.read(FIRST, 500)
    await group.assign(actives=[SECOND])

    await group.assign(actives=[SECOND, FIRST])

    assert group.begins_behind(FIRST) == -1


async def test_an_owner_that_became_a_standby_can_become_the_owner_again() -> None:
    group = Group()
    await group.assign(actives=[FIRST])
    group.read(FIRST, 500)
    await group.assign(standbys=[FIRST])
    group.read(FIRST, 700)

    await group.assign(actives=[FIRST])

    assert group.begins_behind(FIRST) == 700


async def test_what_was_never_read_is_read_from_the_beginning() -> None:
    group = Group()
    await group.assign(actives=[FIRST])
    group.read(FIRST, 500)

    await group.assign(actives=[FIRST], standbys=[THIRD])

    assert (group.begins_behind(FIRST), group.begins_behind(THIRD)) == (500, -1)


async def test_a_worker_recovers_its_tables_so() -> None:
    assert isinstance(cast("RememberingTables", unopened_app().tables).recovery, RememberingRecovery)
