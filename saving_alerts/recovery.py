"""What a worker has read of its Tables' changelogs is not read again.

A standby follows the changelog of a partition so that it can take over. But Faust notes how far it has read as a
standby and as the owner separately. So who took over from a dead worker read the whole changelog once more: 40,000
users take seconds, in which nobody works on the partition.
"""

from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.types import TP


class RememberingRecovery(Recovery):
    """Faust's, and what is in memory counts as read, whatever this worker was to the partition when it read it.

    A Table must keep what it is a standby of when a recovery ends (`tables.py`). What is neither its own nor followed
    is dropped there, and forgotten here.
    """

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        in_memory = self._in_memory()
        await super().on_rebalance(assigned, revoked, newly_assigned, generation_id)
        for tps, offsets in ((self.standby_tps, self.standby_offsets), (self.active_tps, self.active_offsets)):
            for tp in tps & in_memory.keys():
                offsets[tp] = in_memory[tp]

    def _in_memory(self) -> dict[TP, int]:
        """How far each partition of the last assignment was read. One can be an owner's and a standby's at a time."""
        read: dict[TP, int] = {}
        for tps, offsets in ((self.standby_tps, self.standby_offsets), (self.active_tps, self.active_offsets)):
            for tp in tps:
                if (offset := offsets.get(tp)) is not None:
                    read[tp] = max(offset, read.get(tp, -1))
        return read


class RememberingTables(TableManager):
    """The app's Tables, recovered so."""

    @property
    def recovery(self) -> Recovery:
        if self._recovery is None:
            self._recovery = RememberingRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery
