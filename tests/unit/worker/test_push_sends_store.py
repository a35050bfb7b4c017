"""What Faust is told of the Table: where to read on, and that partitions that went are forgotten."""

import sys
from types import FrameType, SimpleNamespace
from typing import Any, cast

import faust
import pytest
from aiokafka import ConsumerRecord
from faust.types import TP

from saving_alerts.kafka.push_send_rows import ROW_VALUE, SendRow
from saving_alerts.worker.push_sends_store import PushSendsStore
from tests.support.fakes.clock import FakeClock

pytestmark = pytest.mark.asyncio

ROW = SendRow("saving-events", 0, 1, "e-1", "m-1", 1_764_000_000_000_000, uncertain=False)
OWNED, FOLLOWED, GONE = (TP("push-sends", number) for number in range(3))


def new_store() -> PushSendsStore:
    app = faust.App("test-store", broker="kafka://127.0.0.1:1")
    table = cast("Any", SimpleNamespace(name="push_sends"))
    return PushSendsStore("memory://", app, table, clock=FakeClock())


def change(tp: TP, offset: int) -> ConsumerRecord:
    return ConsumerRecord(*tp, offset, 0, 0, ROW.key(b"u-%d" % tp.partition), ROW_VALUE, None, 0, 0, ())


async def test_what_a_standby_has_read_is_there_when_it_becomes_the_owner() -> None:
    store = new_store()
    for tp in (OWNED, FOLLOWED):
        store.take(tp.partition, [change(tp, 7)])

    await store.on_recovery_completed({OWNED}, {FOLLOWED})

    assert store.persisted_offset(FOLLOWED) == 7
    assert store.of(b"u-1") == [ROW.send]


async def test_nothing_is_left_of_a_partition_that_went_not_even_what_was_written_here() -> None:
    store = new_store()
    store.take(GONE.partition, [change(GONE, 7)])
    store.apply(GONE.partition, ROW.key(b"u-own"), ROW_VALUE)

    await store.on_recovery_completed({OWNED}, {FOLLOWED})

    assert store.users == 0
    assert store.of(b"u-own") == []
    assert store.persisted_offset(GONE) is None


async def test_a_partition_is_asked_only_for_the_users_that_it_knows() -> None:
    """Almost every look is for somebody unknown, in each of the worker's partitions."""
    store = new_store()
    for tp in (OWNED, FOLLOWED):
        store.take(tp.partition, [change(tp, 7)])
    asked: list[str] = []

    def watch(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            asked.append(frame.f_code.co_qualname)

    sys.setprofile(watch)
    found = store.of(b"nobody")
    sys.setprofile(None)

    assert found == []
    assert "HeldSends.knows" in asked
    assert "HeldSends.of" not in asked


async def test_a_change_of_ours_need_not_be_read_again() -> None:
    store = new_store()
    store.take(OWNED.partition, [change(OWNED, 7)])

    store.set_persisted_offset(OWNED, 8)
    store.set_persisted_offset(GONE, 9)

    assert store.persisted_offset(OWNED) == 8
    assert store.persisted_offset(GONE) is None


async def test_what_faust_would_apply_is_there_already() -> None:
    store = new_store()

    store.apply_changelog_batch([SimpleNamespace(key=b"u-1", value=None)], to_key=None, to_value=None)

    assert store.users == 0
