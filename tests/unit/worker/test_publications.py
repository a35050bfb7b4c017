"""Who published what is in use: read once for a version, and never waited for."""

import msgspec
import pytest

from saving_alerts.reference_data.document_store import Publication
from saving_alerts.web.stats import Published
from saving_alerts.worker.publications import LOOK_AGAIN, Publications
from tests.support.fakes.clock import START, FakeClock
from tests.support.fakes.object_store import FakeObjectStore
from tests.support.until import until

pytestmark = pytest.mark.asyncio

KEY = "rules/history.jsonl"
V1 = Publication(version="v1", by="ines", note="coffee in the morning", at=START, replaced=None)
V2 = Publication(version="v2", by="tom\x1b[2J", note="n" * 1_000, at=START, replaced="v1")
INES = Published("ines", START, "coffee in the morning")


class Looked:
    def __init__(self) -> None:
        self.clock, self.store = FakeClock(), FakeObjectStore()
        self.publications = Publications({"rules": "rules.json"}, lambda: self.store, self.clock)

    def of(self, version: str) -> Published | None:
        return self.publications.of("rules", version)

    async def history(self, *publications: Publication, odd: bytes = b"") -> None:
        await self.store.put(KEY, b"\n".join([odd, *map(msgspec.json.encode, publications)]))


async def test_it_is_looked_for_and_said_when_it_is_known() -> None:
    looked = Looked()
    await looked.history(V1, odd=b"{no publication")

    assert looked.of("v1") is None
    await until(lambda: looked.of("v1") == INES)


async def test_what_cannot_be_read_is_not_said_and_is_looked_for_again_later() -> None:
    looked = Looked()
    assert looked.of("v1") is None
    await looked.history(V1)
    for _ in range(10):
        assert looked.of("v1") is None
    looked.clock.advance(LOOK_AGAIN)
    await until(lambda: looked.of("v1") == INES)


async def test_a_new_version_is_looked_for_at_once() -> None:
    looked = Looked()
    await looked.history(V1)
    await until(lambda: looked.of("v1") == INES)
    await looked.history(V1, V2)

    await until(lambda: looked.of("v2") is not None)
    found = looked.of("v2")
    assert found is not None
    assert found.by == "tom\\x1b[2J"
    assert len(found.note) == 300


async def test_before_the_worker_is_open_nothing_is_asked() -> None:
    publications = Publications({"rules": "rules.json"}, lambda: None, FakeClock())

    assert publications.of("rules", "v1") is None
    assert publications.of("rules", None) is None
    await publications.close()
