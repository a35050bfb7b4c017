"""How a record is worked on while one of its partition may kill the process."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka import ConsumerRecord

from saving_alerts.delivery.addressing import source_of
from saving_alerts.delivery.outcome_writer import OutcomeWriter
from saving_alerts.delivery.poison_pills.detector import PoisonPillDetector
from saving_alerts.delivery.record_results import BatchResult


async def tried(
    record: ConsumerRecord,
    work: Callable[[], Awaitable[BatchResult]],
    detector: PoisonPillDetector,
    writer: OutcomeWriter[Any, Any],
) -> BatchResult:
    """The result of `work`: a dead letter without it for a confirmed poison pill, else alone while one is suspected."""
    partition = record.topic, record.partition
    if detector.skips(partition, record.offset, source_of(record)):
        return writer.untried(record)
    return await detector.alone(partition, record.offset, work)
