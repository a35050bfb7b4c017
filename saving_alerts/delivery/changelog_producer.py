"""Faust's own producer, which writes the changelog of the Table: what it cannot send ends nobody.

Faust hands records over one after the other in a background task. Where the driver gives up on one (it waited for so
long to know the topic, or for room), that task ends in Faust, and the worker with it: in an outage of Kafka, while
pushes that were accepted wait for their entry. Here whoever waits for the record is told, and tries again.
"""

from typing import Any

from aiokafka.errors import KafkaError
from faust.exceptions import ProducerSendError
from faust.transport.drivers import aiokafka as driver
from faust.transport.producer import ProducerBuffer
from faust.types import FutureMessage


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
    """With such a buffer."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - Faust's signature
        super().__init__(*args, **options)
        self.buffer = ChangelogBuffer(loop=self.loop, beacon=self.beacon)
        self.buffer.app = self.app
