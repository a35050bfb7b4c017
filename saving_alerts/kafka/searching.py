"""Search a topic for a few records by bytes that stand in them: what does not hold the bytes is never unpacked.

Unpacking is nearly all that a search costs: a decision in a batch is a dozen Python objects, and a search of bytes for
bytes runs at a gigabyte a second. So a fetch without a compressed batch is searched whole, then each batch, and only
what is left is unpacked. It may hold other records as well: whoever searches looks at each.
"""

from dataclasses import dataclass

from saving_alerts.kafka.batch_reader import ATTRIBUTES_PLACE, BATCH_HEADER

_FORMAT_PLACE = 16
_CURRENT_FORMAT = 2
_LENGTH_PLACE, _LENGTH_END = 8, 12
_CODEC_MASK = 0x07
_LOW_BITS, _MORE = 0x7F, 0x80


@dataclass(frozen=True, slots=True)
class Sought:
    """The bytes that every sought record has. Given to a consumer as its `key_deserializer`, which changes no key."""

    needle: bytes

    def __call__(self, key: bytes | None) -> bytes | None:
        return key

    def is_in(self, plain: bytes | bytearray | memoryview) -> bool:
        return self.needle in (bytes(plain) if isinstance(plain, memoryview) else plain)

    def offset_behind(self, fetched: bytes) -> int | None:
        """The offset behind a fetch that certainly has none of them; None if somebody has to look closer.

        That is: the bytes are in it, a batch is compressed or of an old format, or a header contradicts itself.
        """
        if self.needle in fetched:
            return None
        place, behind = 0, None
        while len(fetched) - place >= BATCH_HEADER.size:
            length = int.from_bytes(fetched[place + _LENGTH_PLACE : place + _LENGTH_END], signed=True)
            end = place + _LENGTH_END + length
            if end > len(fetched):
                break
            fields = BATCH_HEADER.unpack_from(fetched, place)
            base, last_delta, count = fields[0], fields[6], fields[-1]
            if length < BATCH_HEADER.size - _LENGTH_END or not _is_plain(fetched, place) or last_delta != count - 1:
                return None
            behind, place = base + count, end
        return behind


def sought_by_key(key: bytes) -> Sought:
    """A record has its key behind its length: so `u-4` is not found in each `u-42`."""
    return Sought(_varint(len(key)) + key)


def _is_plain(fetched: bytes, place: int) -> bool:
    codec = fetched[place + ATTRIBUTES_PLACE + 1] & _CODEC_MASK
    return fetched[place + _FORMAT_PLACE] == _CURRENT_FORMAT and codec == 0


def _varint(number: int) -> bytes:
    """As Kafka's format has lengths: zigzag, in groups of seven bits, the lowest first."""
    left, groups = number << 1, bytearray()
    while left > _LOW_BITS:
        groups.append(left & _LOW_BITS | _MORE)
        left >>= 7
    return bytes([*groups, left])
