"""Publishing keeps every version, never overwrites what somebody else published, and says who did what."""

from datetime import timedelta

import pytest

from saving_alerts.domain.rules_file.compiler import version_of
from saving_alerts.reference_data.document_store import (
    ChangedMeanwhileError,
    Current,
    DocumentStore,
    UnknownVersionError,
    before,
    rules_store,
)
from tests.support.fakes.clock import START
from tests.support.fakes.object_store import FakeObjectStore

pytestmark = pytest.mark.asyncio

FIRST, SECOND = b'{"first": 1}', b'{"second": 2}'
ENOUGH_BYTES = 1024
HOUR = timedelta(hours=1)


@pytest.fixture
def store() -> FakeObjectStore:
    return FakeObjectStore()


def rules_store_of(store: FakeObjectStore) -> DocumentStore:
    return rules_store(store, "rules.json", ENOUGH_BYTES)


async def test_a_publication_is_live_kept_and_noted(store: FakeObjectStore) -> None:
    shelf = rules_store_of(store)

    first = await shelf.publish(FIRST, await shelf.current(), "ines", "begin", START)
    second = await shelf.publish(SECOND, await shelf.current(), "tom", "more", START + HOUR)

    assert store.objects["rules.json"] == SECOND
    assert await shelf.body(first.version) == FIRST
    assert await shelf.history() == (first, second)
    assert (first.version, first.replaced, second.replaced) == (version_of(FIRST), None, version_of(FIRST))
    assert (second.by, second.note, second.at) == ("tom", "more", START + HOUR)


async def test_what_somebody_else_published_meanwhile_is_not_overwritten(store: FakeObjectStore) -> None:
    shelf = rules_store_of(store)
    read_before = await shelf.current()
    await shelf.publish(FIRST, read_before, "ines", "", START)

    with pytest.raises(ChangedMeanwhileError, match=f"are {version_of(FIRST)} now, and were None"):
        await shelf.publish(SECOND, read_before, "tom", "", START)

    assert store.objects["rules.json"] == FIRST
    assert [each.by for each in await shelf.history()] == ["ines"]


async def test_a_write_whose_answer_was_lost_is_known_by_its_content(store: FakeObjectStore) -> None:
    shelf = rules_store_of(store)
    read_before = await shelf.current()
    store.objects["rules.json"] = FIRST  # the first attempt arrived, and the driver made a second one

    publication = await shelf.publish(FIRST, read_before, "ines", "", START)

    assert await shelf.history() == (publication,)


class Racing(FakeObjectStore):
    """Somebody else writes to the history whenever we are about to."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    async def put_if(self, key: str, body: bytes, etag: str | None) -> bool:
        if key == "rules/history.jsonl" and self.times:
            self.times -= 1
            line = b'{"version":"other","by":"tom","note":"","at":"2026-11-23T10:15:00Z","replaced":null}\n'
            self.objects[key] = self.objects.get(key, b"") + line
        return await super().put_if(key, body, etag)


async def test_two_who_note_at_once_are_both_noted() -> None:
    shelf = rules_store_of(Racing(times=2))

    await shelf.publish(FIRST, await shelf.current(), "ines", "", START)

    assert [each.by for each in await shelf.history()] == ["tom", "tom", "ines"]


async def test_an_unknown_version_is_said_to_be_unknown(store: FakeObjectStore) -> None:
    with pytest.raises(UnknownVersionError, match=r"rules/0123456789ab\.json"):
        await rules_store_of(store).body("0123456789ab")


async def test_the_version_before_is_what_the_live_one_replaced(store: FakeObjectStore) -> None:
    shelf = rules_store_of(store)
    for body in (FIRST, SECOND, FIRST, FIRST):
        await shelf.publish(body, await shelf.current(), "ines", "", START)

    history = await shelf.history()

    assert before(history, version_of(FIRST)) == version_of(SECOND)
    assert before(history, "0123456789ab") == version_of(FIRST)
    assert before((), "0123456789ab") is None


@pytest.mark.parametrize("by_hand", [b'{"by": "hand"}', b"no rules at all", b"x" * 2 * ENOUGH_BYTES])
async def test_what_was_put_there_by_hand_is_kept_when_it_is_replaced(store: FakeObjectStore, by_hand: bytes) -> None:
    shelf = rules_store_of(store)
    await shelf.publish(FIRST, await shelf.current(), "ines", "begin", START)
    store.objects["rules.json"] = by_hand

    publication = await shelf.publish(SECOND, await shelf.current(), "tom", "more", START)

    assert publication.replaced == version_of(by_hand)
    assert store.objects[f"rules/{version_of(by_hand)}.json"] == by_hand
    assert before(await shelf.history(), publication.version) == version_of(by_hand)


async def test_from_what_was_put_there_by_hand_one_goes_back_to_what_was_published_last(
    store: FakeObjectStore,
) -> None:
    shelf = rules_store_of(store)
    await shelf.publish(FIRST, await shelf.current(), "ines", "begin", START)
    await shelf.publish(SECOND, await shelf.current(), "ines", "more", START)
    store.objects["rules.json"] = FIRST

    assert before(await shelf.history(), (await shelf.current()).version) == version_of(SECOND)


async def test_before_the_first_rules_nothing_is_live(store: FakeObjectStore) -> None:
    assert await rules_store_of(store).current() == Current(None, None)


@pytest.mark.parametrize(
    "line",
    [
        b"?",
        b'{"version":"\xff"}',
        b"[" * 500,
        b'{"version":"v","by":"b","note":"","at":"2026-11-23T12:00:00","replaced":null}',
    ],
    ids=["no JSON", "no UTF-8", "deep", "a time without a zone"],
)
async def test_a_line_that_is_no_publication_hides_no_other_and_is_named(
    store: FakeObjectStore, line: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    shelf = rules_store_of(store)
    first = await shelf.publish(FIRST, await shelf.current(), "ines", "begin", START)
    store.objects["rules/history.jsonl"] += line

    second = await shelf.publish(SECOND, await shelf.current(), "tom", "more", START + HOUR)

    assert await shelf.history() == (first, second)
    assert caplog.messages[-1].startswith("line 2 of rules/history.jsonl is no publication, and is left out: ")
