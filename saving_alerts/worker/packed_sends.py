"""Rows of the Table's changelog as few bytes, one behind the other."""

import struct
from collections.abc import Iterator

from saving_alerts.kafka.push_send_rows import SendRow

# Topic, merchant, partition, offset, microseconds with two bits behind them, bytes of the event id. The bits: control,
# uncertain.
_PACKED = struct.Struct(">HHIQQH")
_LENGTH = struct.Struct(">H")
# So many topics and merchants get numbers. What comes later stands in each of its sends, so that memory has a bound.
MAX_NUMBERED = 2**16 - 1
_NOT_NUMBERED = MAX_NUMBERED


class Packing:
    """Topics and merchants become numbers, which all that was packed here shares."""

    def __init__(self, most: int = MAX_NUMBERED) -> None:
        self._numbers: dict[str, int] = {}
        self._texts: list[str] = []
        self._most = most

    def packed(self, row: SendRow) -> bytes:
        """Equal rows have equal bytes."""
        topic = self._numbers.get(row.topic)
        merchant = self._numbers.get(row.merchant_id)
        if topic is None:
            topic = self._new_number(row.topic)
        if merchant is None:
            merchant = self._new_number(row.merchant_id)
        event_id = row.event_id.encode()
        time = row.sent_at * 4 + row.control * 2 + row.uncertain
        packed = _PACKED.pack(topic, merchant, row.partition, row.offset, time, len(event_id)) + event_id
        if topic == _NOT_NUMBERED:
            packed += _with_length(row.topic)
        if merchant == _NOT_NUMBERED:
            packed += _with_length(row.merchant_id)
        return packed

    def unpacked(self, packed: bytes) -> Iterator[tuple[SendRow, bytes]]:
        """Each row with its own bytes."""
        place = 0
        while place < len(packed):
            begin = place
            topic, merchant, partition, offset, time, length = _PACKED.unpack_from(packed, place)
            place += _PACKED.size + length
            event_id = packed[place - length : place].decode()
            topic_text, place = self._text(topic, packed, place)
            merchant_text, place = self._text(merchant, packed, place)
            marks = bool(time % 2), bool(time // 2 % 2)
            row = SendRow(topic_text, partition, offset, event_id, merchant_text, time // 4, *marks)
            yield row, packed[begin:place]

    def _new_number(self, text: str) -> int:
        if len(self._texts) >= self._most:
            return _NOT_NUMBERED
        number = self._numbers[text] = len(self._texts)
        self._texts.append(text)
        return number

    def _text(self, number: int, packed: bytes, place: int) -> tuple[str, int]:
        if number != _NOT_NUMBERED:
            return self._texts[number], place
        (length,) = _LENGTH.unpack_from(packed, place)
        end = place + _LENGTH.size + length
        return packed[end - length : end].decode(), end


def _with_length(text: str) -> bytes:
    encoded = text.encode()
    return _LENGTH.pack(len(encoded)) + encoded
