"""A topic that was deleted and made again counts its offsets from 0, and the driver begins where it begins.

Faust would drop what is below where it has read to, and commit nothing below what is committed: as many events as the
former topic had would be lost, without a word.
"""

import logging
from collections.abc import Callable, Iterable

from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from saving_alerts.delivery.consumer_thread import ConsumerThread, Fetched

log = logging.getLogger(__name__)


class RebornTopics:
    """Sees that a partition went back, and makes the consumer follow. `forget` is to drop what it knows of one."""

    def __init__(
        self, consumer: driver.Consumer, thread: Callable[[], ConsumerThread], forget: Callable[[TP], None]
    ) -> None:
        self._consumer = consumer
        self._thread = thread
        self._forget = forget
        self._delivered: set[TP] = set()

    def assigned_anew(self) -> None:
        self._delivered.clear()

    def delivered(self, partitions: Iterable[TP]) -> None:
        """These were handed to Faust, under this assignment."""
        self._delivered.update(partitions)

    async def follow(self, fetched: Fetched) -> None:
        """What cannot be read from its new beginning yet is taken out, and fetched again."""
        for tp in [tp for tp, records in fetched.items() if self._is_reborn(tp, records[0].offset)]:
            if not await self._begin_anew(tp, fetched[tp][0].offset):
                thread = self._thread()
                await thread.call_thread(thread.seek_back, fetched, {tp})
                del fetched[tp]

    def _is_reborn(self, tp: TP, first: int) -> bool:
        last_read = self._consumer._read_offset[tp]  # noqa: SLF001
        is_behind = last_read is not None and first < last_read
        return is_behind and self._consumer.app.topics.acks_enabled_for(tp.topic)

    async def _begin_anew(self, tp: TP, first: int) -> bool:
        """Whether the partition can be read from there now. While batches of before may be in work it cannot.

        Their acknowledgements would be taken for such of this topic. A new assignment lets go of them.
        """
        thread = self._thread()
        log.warning("%s-%d was made again: its offsets begin at %d anew", tp.topic, tp.partition, first)
        if tp in self._delivered:
            await thread.call_thread(thread.request_rejoin)
            return False
        # First of all what is committed: nobody may begin there any more.
        if not await thread.call_thread(thread.commit_with_memos, {tp: (first, "")}):
            return False
        self._forget(tp)
        return True
