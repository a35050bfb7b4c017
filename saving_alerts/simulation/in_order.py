"""Records of several partitions as one stream, by the time at which they were written."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing
from heapq import heapify, heappop, heapreplace

from saving_alerts.ledger.topic_reader import StoredRecord

Batches = AsyncIterator[list[StoredRecord]]


async def in_order(partitions: Mapping[int, Batches]) -> AsyncIterator[StoredRecord]:
    """The earliest first; those of one partition stay in their order. All are open until the last record."""
    async with AsyncExitStack() as open_streams:
        streams = [
            await open_streams.enter_async_context(aclosing(_one_by_one(batches))) for batches in partitions.values()
        ]
        heads = [
            (record.timestamp, number, record)
            for number, stream in enumerate(streams)
            if (record := await anext(stream, None)) is not None
        ]
        heapify(heads)
        while heads:
            _, number, record = heads[0]
            yield record
            following = await anext(streams[number], None)
            if following is None:
                heappop(heads)
            else:
                heapreplace(heads, (following.timestamp, number, following))


async def _one_by_one(batches: Batches) -> AsyncGenerator[StoredRecord]:
    async for batch in batches:
        for record in batch:
            yield record
