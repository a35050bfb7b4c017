"""Finds the record that kills the process itself, so that it ends only a few workers before it is set aside.

A new owner adds one death to the memo at every committed offset before it begins, and takes it back when it ends well.
So three deaths at one offset say that a record behind it may kill. Then everything in the worker is tried one at a
time, and each record of that partition is written into the memo as the trial first: if the process dies now, the next
owner knows which one was tried. The second death with the same record on trial confirms it. Once can be chance, when
somebody else kills workers.

A trial that lasts a second goes on beside others: the record kills nobody, it only waits for an API.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from saving_alerts.delivery.poison_pills.commit_metadata import Partition, PartitionMemo, PartitionMemos
from saving_alerts.delivery.poison_pills.finished_before import Behind, FinishedBefore
from saving_alerts.domain.source_position import SourcePosition

log = logging.getLogger(__name__)

ALONE_SECONDS = 1.0
Result = TypeVar("Result")


class MetadataStore(Protocol):
    """The memos of the partitions that this worker owns, kept with their committed offsets."""

    async def read(self) -> PartitionMemos:
        """Of the partitions that have something to do."""

    async def settle(self) -> None:
        """Commit what is done: what was forwarded must not be forwarded again by every owner that dies later."""

    async def write(self, memos: PartitionMemos) -> None:
        """Best effort: a memo that is not written costs one more death before a poison pill is found."""


class PoisonPillDetector:
    """What one worker knows about its partitions, from one assignment to the next."""

    def __init__(self, store: MetadataStore, behind: Callable[[Partition], Behind | None] = lambda _: None) -> None:
        self._store = store
        self._behind = behind
        self.finished = FinishedBefore()
        self._memos: dict[Partition, tuple[int, PartitionMemo]] = {}
        self._suspected: set[Partition] = set()  # what the memos say, ready for a look with every record
        self._opening: asyncio.Future[None] | None = None
        self._alone = asyncio.Lock()
        self._confirmed: set[SourcePosition] = set()

    def begin(self) -> None:
        """Other partitions were assigned: what is known belongs to the old ones."""
        if self._opening is not None:
            self._opening.cancel()
        self._opening = None
        self._memos = {}
        self._suspected = set()
        self._confirmed = set()
        self.finished.begin()

    async def admit(self) -> None:
        """Return when the memos are read and this owner is written into them: once an assignment."""
        if self._opening is None:
            self._opening = asyncio.ensure_future(self._open())
        if self._opening.done():  # for all events but the first ones
            self._opening.result()
        else:
            await asyncio.shield(self._opening)

    async def _open(self) -> None:
        read = await self._store.read()
        found = {partition: self._inherited(partition, *known) for partition, known in read.items()}
        # Known before it is written: the partitions may go meanwhile, and what Kafka has by then is to be taken back.
        self._memos = {partition: (offset, memo.with_new_owner()) for partition, (offset, memo) in found.items()}
        self._suspected = {partition for partition, (_, memo) in self._memos.items() if memo.is_suspicious}
        for partition in self._suspected:
            offset, memo = found[partition]
            log.error("%s-%s: its owners died %d times at offset %d: %s", *partition, memo.deaths, offset, memo)
        await self._store.write(self._memos)

    def _inherited(self, partition: Partition, offset: int, memo: PartitionMemo) -> tuple[int, PartitionMemo]:
        self.finished.inherit(partition, memo.finished)
        return offset, memo.with_finished(None)

    def taken_over_at(self, partition: Partition) -> int | None:
        """Where the commit of a partition stood that had something to do when it came to this worker."""
        known = self._memos.get(partition)
        return known[0] if known else None

    def suspects(self, partition: Partition) -> bool:
        """Whether the records of this partition are to be tried one at a time: until the first commit beyond them."""
        return partition in self._suspected

    def watches(self, partition: Partition) -> bool:
        """Whether any record of this partition needs a look of its own."""
        known = self._memos.get(partition)
        return bool(self._suspected) or (known is not None and bool(known[1].skip))

    def skips(self, partition: Partition, offset: int, source: SourcePosition) -> bool:
        """Whether this record is not to be tried at all, nor any copy of its event that a dead owner left behind."""
        known = self._memos.get(partition)
        if known is not None and offset in known[1].skip:
            self._confirmed.add(source)
        return source in self._confirmed

    async def alone(self, partition: Partition, offset: int, work: Callable[[], Awaitable[Result]]) -> Result:
        """The result of `work`, which is alone in hand while any partition is suspected."""
        if not self._suspected:
            return await work()
        async with self._alone:
            task = await self._tried_alone(partition, offset, work)
        return await task

    async def _tried_alone(
        self, partition: Partition, offset: int, work: Callable[[], Awaitable[Result]]
    ) -> asyncio.Future[Result]:
        """The work once it is done, or has waited for so long that it kills nobody."""
        suspected = self.suspects(partition)
        if suspected:
            await self._store.settle()
            await self._write_trial(partition, offset)
        task = asyncio.ensure_future(work())
        try:
            await asyncio.wait([task], timeout=ALONE_SECONDS)
            if suspected:
                await self._write_trial(partition, None)
        except BaseException:
            # Nobody would wait for it any more: after a drain it would still push.
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            raise
        return task

    async def _write_trial(self, partition: Partition, offset: int | None) -> None:
        known = self._memos.get(partition)
        if known is not None:
            self._memos[partition] = (known[0], known[1].with_trial(offset))
            await self._store.write({partition: self._memos[partition]})

    def memo_at(self, partition: Partition, offset: int) -> PartitionMemo:
        """What is to be kept with a commit of `offset`: only what was not reached yet must not be forgotten."""
        known = self._memos.get(partition)
        if known is None:
            return PartitionMemo()
        return known[1].beyond(offset) if offset > known[0] else known[1]

    def text(self, partition: Partition, offset: int, memo: PartitionMemo) -> str:
        """The memo as it is committed with `offset`: with what is finished behind it, by this owner and former ones."""
        noted = self.finished.noted(partition, offset, self._behind(partition), memo.room_bytes)
        return memo.with_finished(noted).text()

    def progressed(self, partition: Partition, offset: int) -> None:
        """The commit of `offset` is done."""
        known = self._memos.get(partition)
        if known is not None and offset > known[0]:
            self._memos[partition] = (offset, known[1].beyond(offset))
            if not self._memos[partition][1].is_suspicious:
                self._suspected.discard(partition)

    def forget(self, partition: Partition) -> None:
        """It was made again: what is known is about records that are no more."""
        self._memos.pop(partition, None)
        self.finished.forget(partition)
        self._suspected.discard(partition)

    async def end_well(self) -> None:
        """The partitions go and nobody died: what was known at the start of this assignment is taken back."""
        idle = {partition: known for partition, known in self._memos.items() if known[1].deaths}
        await self._store.write(
            {partition: (offset, memo.without_death()) for partition, (offset, memo) in idle.items()}
        )
