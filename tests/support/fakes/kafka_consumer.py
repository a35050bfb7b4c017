"""One partition of a topic in memory, and a consumer of it, as far as a reader without a group needs one."""

import asyncio
from collections import deque

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaConnectionError


class FakeTopic:
    """`write` appends a record. `failures` are raised by the next fetches, one each; `gone` refuses to connect.

    A fetch returns one record, so that whatever is visible in between is seen; `per_fetch` says so.
    """

    def __init__(self, name: str = "a-topic") -> None:
        self.name = name
        self.records: list[ConsumerRecord] = []
        self.failures: deque[Exception] = deque()
        self.gone = False
        self.connected = 0
        self.per_fetch = 1
        self._written = asyncio.Event()

    def write(self, key: bytes | None, value: bytes | None) -> int:
        """The offset it got."""
        offset = len(self.records)
        self.records.append(ConsumerRecord(self.name, 0, offset, 0, 0, key, value, None, -1, -1, ()))
        self.wake()
        return offset

    def fail(self, error: Exception) -> None:
        self.failures.append(error)
        self.wake()

    def make_anew(self) -> None:
        """Delete it and create it again: empty."""
        self.records.clear()

    def wake(self) -> None:
        self._written.set()
        self._written = asyncio.Event()

    async def written(self) -> None:
        await self._written.wait()

    def consumer(self) -> "FakeConsumer":
        return FakeConsumer(self)


class FakeConsumer:
    """Reads the topic from its beginning."""

    def __init__(self, topic: FakeTopic) -> None:
        self._topic = topic
        self._next = 0

    async def start(self) -> None:
        self._topic.connected += 1
        if self._topic.gone:
            raise KafkaConnectionError("nobody is there")

    async def stop(self) -> None: ...

    def partitions_for_topic(self, topic: str) -> set[int]:
        return {0}

    def assign(self, partitions: list[TopicPartition]) -> None: ...

    async def seek_to_beginning(self, *partitions: TopicPartition) -> None:
        self._next = 0

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, len(self._topic.records))

    async def position(self, partition: TopicPartition) -> int:
        return self._next

    async def getmany(self, timeout_ms: int) -> dict[TopicPartition, list[ConsumerRecord]]:
        if self._next >= len(self._topic.records) and not self._topic.failures:
            await asyncio.wait([asyncio.ensure_future(self._topic.written())], timeout=timeout_ms / 1000)
        await asyncio.sleep(0)
        if self._topic.failures:
            raise self._topic.failures.popleft()
        found = self._topic.records[self._next : self._next + self._topic.per_fetch]
        self._next += len(found)
        return {TopicPartition(self._topic.name, 0): found} if found else {}
