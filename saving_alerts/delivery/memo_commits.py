"""Commits offsets, each with its memo and with what is finished behind it."""

from collections.abc import Callable, Mapping

from faust.types import TP

from saving_alerts.delivery.consumer_thread import ConsumerThread
from saving_alerts.delivery.poison_pills.commit_metadata import Partition, PartitionMemo
from saving_alerts.delivery.poison_pills.detector import PoisonPillDetector
from saving_alerts.delivery.poison_pills.finished_before import Behind


class MemoCommits:
    """Of one consumer. `thread()` is the one that commits."""

    def __init__(self, thread: Callable[[], ConsumerThread], detector: Callable[[], PoisonPillDetector]) -> None:
        self._thread = thread
        self._detector = detector
        self._highest: dict[TP, int] = {}
        self._noted: Mapping[TP, Behind] = {}
        self._failed = False

    def assigned_anew(self) -> None:
        self._highest, self._noted, self._failed = {}, {}, False

    def forget(self, tp: TP) -> None:
        """It was made again: its offsets begin anew."""
        self._highest.pop(tp, None)

    async def commit(self, offsets: Mapping[TP, int]) -> bool:
        """Whether Kafka has them. Only what was not reached of a memo stays."""
        detector = self._detector()
        committed = await self.write(
            {tp: (offset, detector.memo_at(partition_of(tp), offset)) for tp, offset in offsets.items()}
        )
        if committed:
            for tp, offset in offsets.items():
                detector.progressed(partition_of(tp), offset)
        return committed

    async def write(self, noted: Mapping[TP, tuple[int, PartitionMemo]]) -> bool:
        """Commit offsets, each with its memo, but never behind one that is committed or on its way."""
        ahead = {tp: commit for tp, commit in noted.items() if commit[0] >= self._highest.get(tp, 0)}
        if not ahead:
            return False
        self._highest.update({tp: offset for tp, (offset, _) in ahead.items()})
        texts = {tp: (offset, self._text(tp, offset, memo)) for tp, (offset, memo) in ahead.items()}
        thread = self._thread()
        self._failed = not await thread.call_thread(thread.commit_with_memos, texts)
        return not self._failed

    def _text(self, tp: TP, offset: int, memo: PartitionMemo) -> str:
        """After a commit that failed without what is finished: a broker may be set to keep shorter texts."""
        return memo.text() if self._failed else self._detector().text(partition_of(tp), offset, memo)

    async def note(self, held_back: Mapping[Partition, Behind]) -> None:
        """Commit anew where more is finished behind a record that is not. All before `first` is finished."""
        behind = {TP(*partition): each for partition, each in held_back.items()}
        news = {tp: each.first for tp, each in behind.items() if self._noted.get(tp) != each}
        is_noted = not self._failed
        if news and await self.commit(news) and is_noted:
            self._noted = behind


def partition_of(tp: TP) -> Partition:
    return tp.topic, tp.partition
