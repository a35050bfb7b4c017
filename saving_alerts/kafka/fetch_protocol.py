"""A fetch and its answer as bytes, as aiokafka's schemas have them, in a quarter of the time.

A fetch names all partitions of a worker, 50 and more, and so does its answer, although one or two have records.
aiokafka writes and reads each number of each of them by a call of its own.
"""

from io import BytesIO
from struct import Struct, error
from typing import Any

from aiokafka.protocol import fetch

_HEAD = Struct(">ihii")  # throttle time, error, session, number of topics
_LENGTH = Struct(">h")
_COUNT = Struct(">i")
_ABORTED = Struct(">qq")  # producer, first offset
_PARTITION = Struct(">ihqqqi")  # number, error, highwater, last stable, log start, number of aborted transactions
_RECORDS = Struct(">ii")  # preferred replica, number of bytes
_NONE = -1
_FORGOTTEN = dict(zip(fetch.FetchRequest_v11.SCHEMA.names, fetch.FetchRequest_v11.SCHEMA.fields, strict=True))[
    "forgotten_topics_data"
]

_ASK = Struct(">iiiibiii")  # replica, wait, least and most bytes, isolation, session, its epoch, number of topics
_ASK_PARTITION = Struct(">iiqqi")  # number, leader epoch, offset, log start, most bytes

Partition = tuple[int, int, int, int, int, list[tuple[int, int]] | None, int, bytes | None]


class FetchAnswer(fetch.FetchResponse_v11):  # type: ignore[misc]
    """aiokafka's, of the version that every broker since Kafka 2.3 speaks with it."""

    @classmethod
    def decode(cls, data: BytesIO | bytes) -> Any:  # noqa: ANN401 - aiokafka's
        """Raises ValueError for what is cut off."""
        try:
            return cls(*_read(data if isinstance(data, bytes) else data.read()))
        except error as cut_off:
            raise ValueError(f"the answer to a fetch is cut off: {cut_off}") from cut_off


def _read(data: bytes) -> tuple[int, int, int, list[tuple[str, list[Partition]]] | None]:
    throttle_ms, code, session, count = _HEAD.unpack_from(data)
    if count == _NONE:
        return throttle_ms, code, session, None
    place, topics = _HEAD.size, []
    for _ in range(count):
        name, place = _text(data, place)
        partitions, place = _partitions(data, place)
        topics.append((name, partitions))
    return throttle_ms, code, session, topics


def _text(data: bytes, place: int) -> tuple[str, int]:
    (length,) = _LENGTH.unpack_from(data, place)
    begin = place + _LENGTH.size
    return _bytes(data, begin, length).decode(), begin + length


def _partitions(data: bytes, place: int) -> tuple[list[Partition], int]:
    (count,) = _COUNT.unpack_from(data, place)
    place, partitions = place + _COUNT.size, []
    for _ in range(count):
        number, code, highwater, stable, begins, transactions = _PARTITION.unpack_from(data, place)
        place += _PARTITION.size
        aborted: list[tuple[int, int]] | None = None if transactions == _NONE else []
        if aborted is not None:
            for _ in range(transactions):
                producer, first = _ABORTED.unpack_from(data, place)
                aborted.append((producer, first))
                place += _ABORTED.size
        replica, length = _RECORDS.unpack_from(data, place)
        place += _RECORDS.size
        records = None if length == _NONE else _bytes(data, place, length)
        place += max(length, 0)
        partitions.append((number, code, highwater, stable, begins, aborted, replica, records))
    return partitions, place


def _bytes(data: bytes, begin: int, length: int) -> bytes:
    found = data[begin : begin + length] if length >= 0 else b""
    if len(found) != length:
        raise ValueError(f"the answer to a fetch is cut off: {len(found)} of {length} bytes are there")
    return found


def encoded(ask: Any) -> bytes:  # noqa: ANN401 - aiokafka's, of version 11
    """The bytes of a fetch, as aiokafka makes them."""
    session = ask.session_id, ask.session_epoch
    head = ask.replica_id, ask.max_wait_time, ask.min_bytes, ask.max_bytes, ask.isolation_level, *session
    parts = [_ASK.pack(*head, len(ask.topics))]
    for topic, partitions in ask.topics:
        parts += (_written(topic), _COUNT.pack(len(partitions)))
        parts += [_ASK_PARTITION.pack(*each) for each in partitions]
    parts.append(_FORGOTTEN.encode(ask.forgotten_topics_data))
    parts.append(_written(ask.rack_id))
    return b"".join(parts)


def _written(text: str) -> bytes:
    raw = text.encode()
    return _LENGTH.pack(len(raw)) + raw


def use_for_aiokafka() -> None:
    """Patch aiokafka for all consumers of this process. Raises ImportError if this release has no such request."""
    if fetch.FetchRequest._CLASSES[-1] is not fetch.FetchRequest_v11:  # noqa: SLF001 - the newest that it speaks
        raise ImportError("this release of aiokafka is not supported: it speaks another version of fetches than 11")
    fetch.FetchRequest_v11.RESPONSE_TYPE = FetchAnswer
    fetch.FetchRequest_v11.encode = encoded
