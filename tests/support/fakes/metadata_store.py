"""What a consumer group keeps with its committed offsets, in memory."""

import asyncio

from saving_alerts.delivery.poison_pills.commit_metadata import PartitionMemos


class FakeMetadataStore:
    """`notes` is what the group keeps now; `written` every write, in order; `settled` counts commits.

    While not `is_open`, it answers no reading.
    """

    def __init__(self, notes: PartitionMemos | None = None) -> None:
        self.notes = dict(notes or {})
        self.written: list[PartitionMemos] = []
        self.settled = 0
        self.is_open = asyncio.Event()
        self.is_open.set()

    async def read(self) -> PartitionMemos:
        await self.is_open.wait()
        return dict(self.notes)

    async def settle(self) -> None:
        self.settled += 1

    async def write(self, notes: PartitionMemos) -> None:
        self.notes.update(notes)
        self.written.append(dict(notes))
