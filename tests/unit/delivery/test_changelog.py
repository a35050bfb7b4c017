"""What is fetched of a changelog is in its store before Faust hears of it, and Faust hears how far it is."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

from aiokafka import ConsumerRecord
from faust.types import TP

from saving_alerts.delivery.changelog import FilledByFetches, hand_to_stores

CHANGELOG, STREAM, OTHER = TP("push-sends", 3), TP("events", 3), TP("of-faust", 0)


class FakeStore(FilledByFetches, dict[bytes, bytes]):
    """Empty, as Faust's are at first."""

    def __init__(self) -> None:
        self.taken: list[tuple[int, list[int]]] = []

    def take(self, partition: int, records: Sequence[ConsumerRecord]) -> None:
        self.taken.append((partition, [record.offset for record in records]))


def _record(tp: TP, offset: int) -> ConsumerRecord:
    return ConsumerRecord(tp.topic, tp.partition, offset, 5, 0, b"key", b"value", None, 3, 5, ())


def test_a_fetch_of_a_changelog_becomes_one_record_that_says_how_far_it_is() -> None:
    store = FakeStore()
    tables = SimpleNamespace(
        _changelogs={"push-sends": SimpleNamespace(data=store), "of-faust": SimpleNamespace(data={})}
    )
    fetched: dict[TP, list[Any]] = {tp: [_record(tp, offset) for offset in (4, 6)] for tp in (CHANGELOG, STREAM, OTHER)}

    hand_to_stores(fetched, cast("Any", tables))

    assert store.taken == [(3, [4, 6])]
    assert [(each.offset, each.key, each.value) for each in fetched[CHANGELOG]] == [(6, None, None)]
    assert fetched[STREAM] == [_record(STREAM, 4), _record(STREAM, 6)]
    assert fetched[OTHER] == [_record(OTHER, 4), _record(OTHER, 6)]


def test_a_fetch_of_nothing_is_none() -> None:
    store = FakeStore()
    tables = SimpleNamespace(_changelogs={"push-sends": SimpleNamespace(data=store)})
    fetched: dict[TP, list[Any]] = {CHANGELOG: []}

    hand_to_stores(fetched, cast("Any", tables))

    assert store.taken == []
    assert fetched == {CHANGELOG: []}
