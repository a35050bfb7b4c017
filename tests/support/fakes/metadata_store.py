"""What a consumer group keeps with its committed offsets, in memory."""

from saving_alerts.delivery.poison_pills.commit_metadata import PartitionMemos


class FakeMetadataStore:
    """`notes` is what the group keeps now; `written` every write, in order; `settled` counts commits."""

    def __init__(self, notes: PartitionMemos | None = None) -> None:
        self.notes = dict(notes or {})
        self.written: list[PartitionMemos] = []
        self.settled = 0

    async def read(self) -> PartitionMemos:
        return dict(self.notes)

    async def settle(self) -> None:
        self.settled += 1

    async def write(self, notes: PartitionMemos) -> None:
        self.notes.update(notes)
        self.written.append(dict(notes))
