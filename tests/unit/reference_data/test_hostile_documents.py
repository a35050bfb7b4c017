"""What S3 holds cannot end a reload: whatever reading it raises is a refusal. Neither document waits for the other."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from saving_alerts.ports.object_store import ObjectLines, StoredObject
from saving_alerts.reference_data.loader import MERCHANTS, RULES, ReferenceDataLoader, ReloadOutcome
from saving_alerts.reference_data.snapshot import ReferenceData
from tests.support.broken_rules import TEXT
from tests.support.fakes.clock import FakeClock
from tests.support.fakes.metrics import RecordingMetrics
from tests.support.fakes.object_store import FakeObjectStore
from tests.support.loaders import POLICY, a_guard, a_loader
from tests.support.until import until

pytestmark = pytest.mark.asyncio

MERCHANT = b'{"merchant_id": "m-1", "names": {}}\n'
GOOD_FILES = {"rules.json": TEXT.encode(), "merchants.jsonl": MERCHANT}


class FaultyStore(FakeObjectStore):
    """Its driver, or our code around it, meets something that nobody foresaw."""

    faulty = True

    async def fetch(self, key: str, unless_etag: str | None, max_bytes: int) -> StoredObject | None:
        self._fail(key)
        return await super().fetch(key, unless_etag, max_bytes)

    @asynccontextmanager
    async def lines(self, key: str, unless_etag: str | None, max_bytes: int) -> AsyncIterator[ObjectLines | None]:
        self._fail(key)
        async with super().lines(key, unless_etag, max_bytes) as stream:
            yield stream

    def _fail(self, key: str) -> None:
        if self.faulty:
            raise TypeError(f"unhashable type in {key}")


class MendingClock(FakeClock):
    """Whoever sleeps a third time finds the store mended."""

    def __init__(self, store: FaultyStore) -> None:
        super().__init__()
        self._store = store

    async def sleep(self, duration: timedelta) -> None:
        await super().sleep(duration)
        self._store.faulty = len(self.slept) < 3


@pytest.mark.parametrize("document", [RULES, MERCHANTS])
async def test_a_fault_of_ours_is_a_refusal_and_the_last_good_one_stays(
    document: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = FaultyStore()
    store.faulty, store.objects = False, dict(GOOD_FILES)
    loader, data = a_loader(store, FakeClock(), RecordingMetrics())
    await loader.wait_until_loaded(1)
    good, store.faulty = data.current, True

    outcome = await (loader.reload_rules() if document == RULES else loader.reload_merchants())

    assert outcome is ReloadOutcome.REFUSED
    assert data.current is good
    assert "cannot be checked (TypeError: unhashable type in" in str(data.freshness[document].refusal)
    assert "Traceback" in caplog.text


async def test_a_worker_that_starts_with_it_waits_and_goes_on_when_it_is_mended(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    store = FaultyStore()
    store.objects = dict(GOOD_FILES)
    loader, data = a_loader(store, MendingClock(store), RecordingMetrics())

    await loader.wait_until_loaded(1)

    assert data.is_loaded
    assert "waiting, because none was loaded yet" in caplog.text


async def test_a_file_that_was_not_checked_in_time_is_checked_again() -> None:
    store, data = FakeObjectStore(), ReferenceData()
    store.objects = dict(GOOD_FILES)
    policy = replace(POLICY, rules_check_seconds=1e-9)
    loader = ReferenceDataLoader(store, a_guard(), policy, data, FakeClock(), RecordingMetrics())

    outcomes = [await loader.reload_rules() for _ in range(2)]

    assert outcomes == [ReloadOutcome.REFUSED] * 2
    assert str(data.freshness[RULES].refusal).startswith("$: not checked")
    assert store.bodies_read == ["rules.json"] * 2


class SilentStore(FakeObjectStore):
    """It never answers for the rules."""

    async def fetch(self, key: str, unless_etag: str | None, max_bytes: int) -> StoredObject | None:
        await asyncio.Event().wait()
        return None


async def test_merchants_do_not_wait_for_rules() -> None:
    store = SilentStore()
    store.objects = dict(GOOD_FILES)
    loader, data = a_loader(store, FakeClock(), RecordingMetrics())

    waiting = asyncio.create_task(loader.wait_until_loaded(1))
    await until(lambda: data.freshness[MERCHANTS].version is not None)

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
