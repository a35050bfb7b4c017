"""What tells one record at an offset from another: a topic that was deleted and made again counts from 0 anew.

The driver does not know Kafka's own id of a topic. So an answer is compared with the record that stands at its offset
now: a decision by the event's id, a receipt by the time at which its records were written. Where either side does not
say it, or the source has no such record any more, an answer is taken for what it says. So an answer of this topic is
never taken for one of a former.
"""

import zlib
from array import array
from collections.abc import Iterable, Iterator

PAGE_OFFSETS = 4096
_ABSENT, _UNNAMED = 0, 1
_TYPE_OF_FOUR_BYTES = "I"

Times = tuple[int, int]


class EventMarks:
    """A mark of the event at each offset of one partition: four bytes for each, in pages of 4,096 offsets."""

    def __init__(self) -> None:
        self._pages: dict[int, array[int]] = {}

    def note(self, offset: int, event_id: str | None) -> None:
        """The event there. Of two different ones nothing is known."""
        page, place = divmod(offset, PAGE_OFFSETS)
        marks = self._pages.get(page)
        if marks is None:
            marks = self._pages[page] = array(_TYPE_OF_FOUR_BYTES, bytes(4 * PAGE_OFFSETS))
        mark = _mark(event_id)
        marks[place] = mark if marks[place] in {_ABSENT, mark} else _UNNAMED

    def may_be(self, offset: int, event_id: str | None) -> bool:
        """False only if another event stands there for certain."""
        return _agree(self.at(offset), _mark(event_id))

    def agree(self, other: "EventMarks", offset: int) -> bool:
        """Whether both may have the same event there."""
        return _agree(self.at(offset), other.at(offset))

    def at(self, offset: int) -> int:
        page, place = divmod(offset, PAGE_OFFSETS)
        marks = self._pages.get(page)
        return marks[place] if marks is not None else _ABSENT

    def has_any(self, page: int, first: int, last: int) -> bool:
        """Whether there is a record between these places of a page."""
        marks = self._pages.get(page)
        return marks is not None and any(marks[first : last + 1])


class SourceMarks:
    """What is on one partition of the source now."""

    def __init__(self) -> None:
        self.events = EventMarks()
        self._times: dict[int, Times] = {}

    def note(self, offset: int, event_id: str | None, written_ms: int) -> None:
        """A record, the event in it, and its time on Kafka."""
        self.events.note(offset, event_id)
        page = offset // PAGE_OFFSETS
        earliest, latest = self._times.get(page, (written_ms, written_ms))
        self._times[page] = min(earliest, written_ms), max(latest, written_ms)

    def may_have(self, first: int, last: int, written_ms: Times | None) -> bool:
        """False only if what stands in the inclusive range was written at another time for certain."""
        if written_ms is None:
            return True
        return all(self._overlaps(page, written_ms) for page in self._pages_with_any(first, last))

    def _overlaps(self, page: int, written_ms: Times) -> bool:
        earliest, latest = self._times[page]
        return written_ms[0] <= latest and earliest <= written_ms[1]

    def _pages_with_any(self, first: int, last: int) -> Iterator[int]:
        for page in self._pages_within(range(first // PAGE_OFFSETS, last // PAGE_OFFSETS + 1)):
            begin = page * PAGE_OFFSETS
            if self.events.has_any(page, max(first - begin, 0), min(last - begin, PAGE_OFFSETS - 1)):
                yield page

    def _pages_within(self, pages: range) -> Iterable[int]:
        """Those that are there. A receipt can name any offsets, also far more than any source has."""
        fewer, others = (pages, self._times) if len(pages) < len(self._times) else (self._times, pages)
        return (page for page in fewer if page in others)


def _mark(event_id: str | None) -> int:
    if event_id is None:
        return _UNNAMED
    return max(zlib.crc32(event_id.encode(errors="surrogatepass")), _UNNAMED + 1)


def _agree(mark: int, other: int) -> bool:
    return mark == other or mark <= _UNNAMED or other <= _UNNAMED
