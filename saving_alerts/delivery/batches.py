"""One Faust message for all that one fetch returned of a partition: a list of raw records, in pieces.

Faust pays about 100 microseconds a message. So it moves batches, and what is inside is our business.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import faust
from aiokafka import ConsumerRecord
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP

from saving_alerts.kafka.refused import last_offset_of


def batch_scheduler(topics: frozenset[str], max_records: int) -> type[DefaultSchedulingStrategy]:
    """A scheduler that cuts the records of `topics` into batches; other topics pass one by one (changelogs)."""

    class BatchScheduler(DefaultSchedulingStrategy):
        def iterate(self, records: Mapping[TP, list[Any]]) -> Iterator[tuple[TP, Any]]:
            batched = {
                tp: list(_batches(fetched, max_records)) if tp.topic in topics else fetched
                for tp, fetched in records.items()
            }
            return super().iterate(batched)

    return BatchScheduler


def _batches(fetched: list[ConsumerRecord], max_records: int) -> Iterator[ConsumerRecord]:
    """Each batch as one record whose value is the list of records and whose offset is the last one of them."""
    for start in range(0, len(fetched), max_records):
        # What fits is passed on as it is: how many bytes it takes is known of it.
        batch = fetched if len(fetched) <= max_records else fetched[start : start + max_records]
        last = batch[-1]
        yield ConsumerRecord(
            last.topic,
            last.partition,
            last_offset_of(last),
            last.timestamp,
            last.timestamp_type,
            None,
            batch,
            None,
            0,
            0,
            (),
        )


class BatchSchema(faust.Schema[Any, Any]):
    """Hands keys and values through untouched: decoding is the stage's, so that a bad record is a decision."""

    def loads_key(self, app: Any, message: Any, **_: Any) -> Any:  # noqa: ANN401, ARG002 - Faust's signature
        return message.key

    def loads_value(self, app: Any, message: Any, **_: Any) -> Any:  # noqa: ANN401, ARG002 - Faust's signature
        return message.value
