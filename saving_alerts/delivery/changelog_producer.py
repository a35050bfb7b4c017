"""Faust's own producer, which writes the changelog of the Table: what it cannot send ends nobody.

Faust hands records over one after the other in a background task. Where the driver gives up on one (it waited for so
long to know the topic, or for room), that task ends in Faust, and the worker with it: in an outage of Kafka, while
pushes that were accepted wait for their entry. Here whoever waits for the record is told, and tries again.

Faust flushes it while partitions are taken away, and the whole group waits. What is not written soon is written behind
that: its broker may be down, and by then nobody waits for it.
"""

import asyncio
import logging
from typing import Any

from aiokafka.errors import KafkaError
from faust.exceptions import ProducerSendError
from faust.transport.drivers import aiokafka as driver
from faust.transport.producer import ProducerBuffer
from faust.types import FutureMessage

from saving_alerts.kafka.last_commit import LAST_FLUSH_SECONDS

log = logging.getLogger(__name__)


class ChangelogBuffer(ProducerBuffer):
    """The records that wait to be handed to the driver."""

    async def _send_pending(self, fut: FutureMessage) -> None:
        try:
            await super()._send_pending(fut)
        except ProducerSendError as error:
            # What was abandoned in a drain is cancelled already.
            if not fut.done():
                fut.set_exception(error.__cause__ if isinstance(error.__cause__, KafkaError) else error)
                fut.exception()  # nobody waits for what the Table forgets: that it failed is no surprise at its end


class ChangelogProducer(driver.Producer):
    """With such a buffer, and a flush that has an end, beside the one without that a commit waits for."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - Faust's signature
        super().__init__(*args, **options)
        self.buffer = ChangelogBuffer(loop=self.loop, beacon=self.beacon)
        self.buffer.app = self.app
        self._flushing: asyncio.Task[None] | None = None

    async def flush_in_time(self) -> None:
        """Returns when everything is on Kafka, or after 3 s. Then it goes on: cut off, a record would be nobody's."""
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self.flush())
        done, _ = await asyncio.wait([self._flushing], timeout=LAST_FLUSH_SECONDS)
        if done:
            self._flushing.result()
        else:
            log.warning("the changelog was not written within %g s; it is written later", LAST_FLUSH_SECONDS)
