"""What Faust keeps of the Table `push_sends`: the partitions that this worker owns or follows, and how far each is.

Faust's store in memory forgets what a worker only follows whenever a recovery ends, so that a standby that becomes the
owner reads everything again; and it keeps what was written here of partitions that went away (docs/adr/0032).
"""

from collections.abc import Sequence
from typing import Any

from faust.stores.memory import Store
from faust.types import TP

from saving_alerts.delivery.changelog import FilledByFetches
from saving_alerts.domain.decoding import Unreadable
from saving_alerts.domain.push_sends import PushSend
from saving_alerts.kafka.push_send_rows import microseconds
from saving_alerts.ports.clock import Clock
from saving_alerts.worker.held_sends import ChangelogRecord, HeldSends
from saving_alerts.worker.packed_sends import Packing


class PushSendsStore(FilledByFetches, Store[bytes, bytes]):
    """Filled where the changelog is fetched (`take`), not by Faust's recovery, which is told how far it is."""

    def __init__(self, *arguments: Any, clock: Clock, **options: Any) -> None:  # noqa: ANN401 - Faust's signature
        super().__init__(*arguments, **options)
        self._clock = clock
        self._packing = Packing()
        self._partitions: dict[int, HeldSends] = {}

    @property
    def users(self) -> int:
        return sum(map(len, self._partitions.values()))

    def of(self, user: bytes) -> list[PushSend | Unreadable]:
        """In the order in which they were recorded, whatever partition they are in."""
        return [found for held in self._partitions.values() if held.knows(user) for found in held.of(user)]

    def let_go(self, partition: int, users: int) -> list[bytes]:
        """As `HeldSends.let_go`."""
        return self._held(partition).let_go(self._now(), users)

    def keys_of(self, partition: int, user: bytes) -> list[tuple[bytes, tuple[PushSend, ...] | Unreadable]]:
        """As `HeldSends.keys_of`."""
        return self._held(partition).keys_of(user)

    def apply(self, partition: int, key: bytes, value: bytes | None) -> None:
        """As `HeldSends.apply`."""
        self._held(partition).apply(key, value, self._now())

    def take(self, partition: int, records: Sequence[ChangelogRecord]) -> None:
        """As `HeldSends.take`."""
        self._held(partition).take(records, self._now())

    def persisted_offset(self, tp: TP) -> int | None:
        """Where Faust begins to read a partition that comes, or comes back, as an owner or a standby."""
        held = self._partitions.get(tp.partition)
        return held.complete_to if held else None

    def set_persisted_offset(self, tp: TP, offset: int) -> None:
        """A change of ours is on the changelog."""
        if tp.partition in self._partitions:
            self._partitions[tp.partition].wrote(offset)

    def apply_changelog_batch(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 - Faust's signature
        """Nothing: what was fetched is here."""

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        kept = {tp.partition for tp in (*active_tps, *standby_tps)}
        self._partitions = {number: held for number, held in self._partitions.items() if number in kept}

    def _held(self, partition: int) -> HeldSends:
        held = self._partitions.get(partition)
        if held is None:
            held = self._partitions[partition] = HeldSends(self._packing)
        return held

    def _now(self) -> int:
        return microseconds(self._clock.now())
