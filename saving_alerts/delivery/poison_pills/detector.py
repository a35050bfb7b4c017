"""Finds the record that kills the process itself, so that it stops one worker after the other only a few times.

A new owner notes its coming at every committed offset before it begins, and takes the note back when it ends well. So
three deaths at one offset say that something behind it kills. Then everything in the worker is tried one at a time, and
the partition's records are noted in hand first: if the process dies now, the next owner knows whom to accuse. One that
is in hand at a second death is convicted: once can be chance, when somebody else kills workers.

A record that has been in hand for a second is let go on beside others: it kills nobody, it only waits for an API.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from saving_alerts.delivery.poison_pills.commit_metadata import PartitionMemo, PartitionMemos, Position
from saving_alerts.domain.source_position import SourcePosition

log = logging.getLogger(__name__)

ALONE_SECONDS = 1.0
Result = TypeVar("Result")


class MetadataStore(Protocol):
    """The notes of the partitions that this worker owns, kept with their committed offsets."""

    async def read(self) -> PartitionMemos:
        """Of the partitions that have something to do."""

    async def settle(self) -> None:
        """Commit what is done: what was forwarded must not be forwarded again by every owner that dies later."""

    async def write(self, notes: PartitionMemos) -> None:
        """Best effort: a note that is not written costs a later owner one more death."""


class PoisonPillDetector:
    """What one worker knows about its partitions, from one assignment to the next."""

    def __init__(self, memory: MetadataStore) -> None:
        self._memory = memory
        self._notes: dict[Position, tuple[int, PartitionMemo]] = {}
        self._suspected: set[Position] = set()  # what the notes say, ready for a look with every record
        self._opening: asyncio.Future[None] | None = None
        self._alone = asyncio.Lock()
        self._convicted: set[SourcePosition] = set()

    def begin(self) -> None:
        """Other partitions were assigned: what is known belongs to the old ones."""
        if self._opening is not None:
            self._opening.cancel()
        self._opening = None
        self._notes = {}
        self._suspected = set()
        self._convicted = set()

    async def admit(self) -> None:
        """Return when the notes are read and this owner's coming is written: once an assignment."""
        if self._opening is None:
            self._opening = asyncio.ensure_future(self._open())
        await asyncio.shield(self._opening)

    async def _open(self) -> None:
        found = await self._memory.read()
        # Known before it is written: the partitions may go meanwhile, and what Kafka has by then is to be taken back.
        self._notes = {position: (offset, note.with_new_owner()) for position, (offset, note) in found.items()}
        self._suspected = {position for position, (_, note) in self._notes.items() if note.is_suspicious}
        for position in self._suspected:
            offset, note = found[position]
            log.error("%s-%s: its owners died %d times at offset %d: %s", *position, note.deaths, offset, note)
        await self._memory.write(self._notes)

    def suspects(self, position: Position) -> bool:
        """Whether the records of this partition are to be tried one at a time: until the first commit beyond them."""
        return position in self._suspected

    def watches(self, position: Position) -> bool:
        """Whether any record of this partition needs a look of its own."""
        noted = self._notes.get(position)
        return bool(self._suspected) or (noted is not None and bool(noted[1].skip))

    def skips(self, position: Position, offset: int, source: SourcePosition) -> bool:
        """Whether this record is not to be tried at all, nor any copy of its event that a dead owner left behind."""
        noted = self._notes.get(position)
        if noted is not None and offset in noted[1].skip:
            self._convicted.add(source)
        return source in self._convicted

    async def alone(self, position: Position, offset: int, work: Callable[[], Awaitable[Result]]) -> Result:
        """The result of `work`, which is alone in hand while any partition is suspected."""
        if not self._suspected:
            return await work()
        async with self._alone:
            task = await self._tried_alone(position, offset, work)
        return await task

    async def _tried_alone(
        self, position: Position, offset: int, work: Callable[[], Awaitable[Result]]
    ) -> asyncio.Future[Result]:
        """The work once it is done, or has waited for so long that it kills nobody."""
        suspected = self.suspects(position)
        if suspected:
            await self._memory.settle()
            await self._in_hand(position, offset)
        task = asyncio.ensure_future(work())
        try:
            await asyncio.wait([task], timeout=ALONE_SECONDS)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if suspected:
            await self._in_hand(position, None)
        return task

    async def _in_hand(self, position: Position, offset: int | None) -> None:
        noted = self._notes.get(position)
        if noted is not None:
            self._notes[position] = (noted[0], noted[1].with_trial(offset))
            await self._memory.write({position: self._notes[position]})

    def text_beyond(self, position: Position, offset: int) -> str:
        """What is to be kept with a commit of `offset`: only what was not reached yet must not be forgotten."""
        noted = self._notes.get(position)
        return noted[1].beyond(offset).text() if noted else ""

    def progressed(self, position: Position, offset: int) -> None:
        """The commit of `offset` is done."""
        noted = self._notes.get(position)
        if noted is not None and offset > noted[0]:
            self._notes[position] = (offset, noted[1].beyond(offset))
            if not self._notes[position][1].is_suspicious:
                self._suspected.discard(position)

    async def end_well(self) -> None:
        """The partitions go and nobody died: what was noted at the start of this assignment is taken back."""
        idle = {position: noted for position, noted in self._notes.items() if noted[1].deaths}
        await self._memory.write(
            {position: (offset, note.without_death()) for position, (offset, note) in idle.items()}
        )
