"""What was fetched of a Table's changelog goes into its store at once, a fetch at a time.

Faust's recovery takes the records one by one, at about 100 microseconds each, and loses those of a standby when the
streams are resumed: they are in a queue that it empties then. So a store has them before Faust hears of them, and Faust
is told how far each partition is: by one record without a key and a value, with the last offset.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, cast

from aiokafka import ConsumerRecord
from faust.tables.manager import TableManager
from faust.tables.table import Table
from faust.types import TP
from faust.types.tables import TableManagerT


class FilledByFetches(ABC):
    """A store of a Table."""

    @abstractmethod
    def take(self, partition: int, records: Sequence[ConsumerRecord]) -> None:
        """Records of a partition of the changelog: in order, and none is left out but what is read again."""


def hand_to_stores(fetched: dict[TP, list[Any]], tables: TableManagerT) -> None:
    """What is delivered of changelogs goes to their stores; in its place stands how far it is."""
    stores = _stores(tables)
    for tp, records in fetched.items():
        store = stores.get(tp.topic)
        if records and store is not None:  # one without users is false
            store.take(tp.partition, records)
            fetched[tp] = [_read_to(records[-1])]


def _stores(tables: TableManagerT) -> dict[str, FilledByFetches]:
    """By changelog topic."""
    changelogs = cast("TableManager", tables)._changelogs  # noqa: SLF001 - Faust has no public way
    datas = {topic: cast("Table[Any, Any]", table).data for topic, table in changelogs.items()}
    return {topic: data for topic, data in datas.items() if isinstance(data, FilledByFetches)}


def _read_to(last: ConsumerRecord) -> ConsumerRecord:
    place = last.topic, last.partition, last.offset, last.timestamp, last.timestamp_type
    return ConsumerRecord(*place, None, None, None, 0, 0, ())
