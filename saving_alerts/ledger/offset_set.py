"""A set of offsets of one partition, in bits: it stays small however scattered they are."""

from collections.abc import Iterator

PAGE_OFFSETS = 4096  # one integer of 512 bytes for each page: small enough to copy at every `add`


class OffsetSet:
    """Offsets as bits, in pages of 4,096. Pages without offsets take no memory, full ones a bit for each offset."""

    def __init__(self, pages: dict[int, int] | None = None) -> None:
        self._pages = pages or {}

    def add(self, first: int, last: int) -> int:
        """Add the inclusive range. Returns how many of it were in the set already."""
        already = 0
        for page, mask in _masks(first, last):
            before = self._pages.get(page, 0)
            already += (before & mask).bit_count()
            self._pages[page] = before | mask
        return already

    def count(self) -> int:
        return sum(bits.bit_count() for bits in self._pages.values())

    def below(self, end: int) -> "OffsetSet":
        """Those before `end`."""
        page, rest = divmod(end, PAGE_OFFSETS)
        kept = {number: bits for number, bits in self._pages.items() if number < page}
        return OffsetSet(kept | {page: self._pages.get(page, 0) & ((1 << rest) - 1)})

    def __or__(self, other: "OffsetSet") -> "OffsetSet":
        return OffsetSet(
            {page: self.bits(page) | other.bits(page) for page in self._pages.keys() | other._pages.keys()}
        )

    def __sub__(self, other: "OffsetSet") -> "OffsetSet":
        return OffsetSet({page: bits & ~other.bits(page) for page, bits in self._pages.items()})

    def __contains__(self, offset: int) -> bool:
        page, bit = divmod(offset, PAGE_OFFSETS)
        return bool(self.bits(page) >> bit & 1)

    def __iter__(self) -> Iterator[int]:
        """Ascending."""
        for page in sorted(self._pages):
            bits = self._pages[page]
            while bits:
                lowest = bits & -bits
                yield page * PAGE_OFFSETS + lowest.bit_length() - 1
                bits ^= lowest

    def bits(self, page: int) -> int:
        return self._pages.get(page, 0)


def _masks(first: int, last: int) -> Iterator[tuple[int, int]]:
    """Each page that the inclusive range touches, with the bits of the range in it."""
    for page in range(first // PAGE_OFFSETS, last // PAGE_OFFSETS + 1):
        low = max(first - page * PAGE_OFFSETS, 0)
        high = min(last - page * PAGE_OFFSETS, PAGE_OFFSETS - 1)
        yield page, ((1 << (high - low + 1)) - 1) << low
