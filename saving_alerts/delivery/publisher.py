"""Writes what became of a stage's records, and returns when Kafka has everything."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from aiokafka import ConsumerRecord

from saving_alerts.delivery.outcome_writer import OutcomeWriter
from saving_alerts.delivery.record_results import BatchResult
from saving_alerts.delivery.services import StageServices
from saving_alerts.failpoints import Failpoint


class Publisher:
    """Of one stage."""

    def __init__(self, writer: OutcomeWriter[Any, Any], services: StageServices) -> None:
        self._writer = writer
        self._producer = services.producer
        self._reach = partial(services.failpoints.reach, stage=writer.stage)

    async def publish(self, parts: Sequence[tuple[ConsumerRecord, BatchResult]]) -> None:
        """Return when everything is on Kafka; what Kafka refuses becomes a dead letter.

        Each part is of one partition, with any record of it. Raises RuntimeError where not even a dead letter can be
        written: then the worker must not go on.
        """
        self._reach(Failpoint.BEFORE_PUBLISH)
        undelivered = await self._producer.deliver([each for part in parts for each in self._writer.outputs(*part)])
        self._reach(Failpoint.AFTER_PUBLISH)
        if not undelivered:
            return
        results = [each for _, result in parts for each in result.results]
        in_place = [output for failed in undelivered for output in self._writer.undelivered(failed, results)]
        lost = await self._producer.deliver(in_place)
        if lost:
            raise RuntimeError(f"not even a dead letter could be written: {lost[0].error!r}")
