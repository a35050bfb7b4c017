"""What a worker has read of its Tables' changelogs is not read again.

A standby follows the changelog of a partition so that it can take over. But Faust notes how far it has read as a
standby and as the owner separately, and forgets both with the partition. So who took over from a dead worker read the
whole changelog once more, with all of it in memory: 40,000 users take seconds, in which nobody works on the partition.
"""

from typing import Any

from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.types import TP


class RememberingRecovery(Recovery):
    """Faust's, and what is in memory counts as read, whatever this worker was to the partition when it read it.

    Nothing of a Table in memory goes with its partition. What others wrote meanwhile stands behind that offset.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - Faust's signature
        super().__init__(*arguments, **options)
        self._read_up_to: dict[TP, int] = {}

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        self._remember()
        await super().on_rebalance(assigned, revoked, newly_assigned, generation_id)
        self._recall()

    def _remember(self) -> None:
        for offsets in (self.standby_offsets, self.active_offsets):
            read = {tp: offset for tp, offset in offsets.items() if offset is not None}
            self._read_up_to |= {tp: max(offset, self._read_up_to.get(tp, -1)) for tp, offset in read.items()}

    def _recall(self) -> None:
        for tps, offsets in ((self.standby_tps, self.standby_offsets), (self.active_tps, self.active_offsets)):
            for tp in tps & self._read_up_to.keys():
                offsets[tp] = self._read_up_to[tp]


class RememberingTables(TableManager):
    """The app's Tables, recovered so."""

    @property
    def recovery(self) -> Recovery:
        if self._recovery is None:
            self._recovery = RememberingRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery
