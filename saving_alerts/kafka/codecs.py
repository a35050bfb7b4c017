"""The wire format: records on the internal topics, decisions, receipts and dead letters.

The headers say whose record it is, so that it can be accounted for even when nobody can read its body.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Generic, TypeVar

import msgspec

from saving_alerts.domain.alerts import Alert
from saving_alerts.domain.coupons import Candidate
from saving_alerts.domain.decisions import Decision, Receipt
from saving_alerts.domain.decoding import MAX_DEPTH, Decoder, Instant, Offset, PartitionNumber, Unreadable, printable
from saving_alerts.domain.events import MAX_IDENTIFIER_CHARACTERS, ValidatedEvent
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.source_position import SourcePosition

SCHEMA = 1
READABLE_SCHEMAS = frozenset({1})  # from schema 2 on: the last two
MAX_DEAD_LETTER_BYTES = 256 * 1024
# Ours are far shorter. Others can write a key of a megabyte to the source, and a letter has to fit into a record.
MAX_KEY_BYTES = 4 * 1024
MAX_HEADERS_BYTES = 4 * 1024

Headers = Sequence[tuple[str, bytes | None]]  # Kafka has headers without a value
HEADER_NAMES = ("schema", "position", "event_id", "deadline")
Value = TypeVar("Value")

encode: Callable[[object], bytes] = msgspec.json.Encoder().encode


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """What the headers of an internal record say."""

    position: SourcePosition
    event_id: str
    deadline: datetime
    schema: int = SCHEMA

    def headers(self) -> tuple[tuple[str, bytes], ...]:
        return (
            ("schema", str(self.schema).encode()),
            ("position", str(self.position).encode()),
            ("event_id", self.event_id.encode()),
            ("deadline", self.deadline.isoformat().encode()),
        )

    @classmethod
    def read(cls, headers: Headers) -> "Envelope":
        """Raises ValueError where one is missing or unreadable. Headers of others (tracing) are not looked at."""
        values = dict(headers)
        schema, position, event_id, deadline = [_text(values, name) for name in HEADER_NAMES]
        if len(event_id) > MAX_IDENTIFIER_CHARACTERS:
            raise ValueError(f"the header 'event_id' has {len(event_id)} characters")
        return cls(SourcePosition.parse(position), event_id, _moment(deadline), int(schema))


def _text(values: Mapping[str, bytes | None], name: str) -> str:
    """Raises ValueError."""
    value = values.get(name)
    if value is None:
        raise ValueError(f"the header {name!r} is missing")
    return value.decode()


def _moment(text: str) -> datetime:
    """Raises ValueError for one without a zone, which could not be compared with the clock's."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"the header 'deadline' has no zone: {text}")
    return moment


class UnreadableError(Exception):
    """A record of ours that we cannot read. The text says what was expected."""


class Codec(Generic[Value]):
    """Bytes to value and back for one internal topic."""

    def __init__(self, kind: type[Value]) -> None:
        self._decoder = Decoder(kind)

    def decode(self, raw: bytes | None, headers: Headers) -> Value:
        """Raises UnreadableError."""
        try:
            schema = Envelope.read(headers).schema
        except ValueError as error:
            raise UnreadableError(printable(str(error))) from error
        if schema not in READABLE_SCHEMAS:
            raise UnreadableError(f"schema {schema}, readable are {sorted(READABLE_SCHEMAS)}")
        return _readable(self._decoder.read(raw))


validated_codec = Codec(ValidatedEvent)
candidate_codec = Codec(Candidate)
alert_codec = Codec(Alert)


class DeadLetterRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes that nobody could handle, cut to 256 KiB, with the hash of all of them and where they stood.

    The key is cut to 4 KiB. `reason` is the decision that they ended in. `tried` is false where no worker looked at
    them. `headers` are those of ours, without which no stage would read them again.
    """

    stage: str
    error: str
    topic: str
    partition: PartitionNumber
    offset: Offset
    position: SourcePosition | None
    key: bytes | None
    body: bytes
    body_bytes: int
    sha256: str
    worker: str
    failed_at: Instant
    reason: str = Reason.DEAD_LETTER
    tried: bool = True
    headers: tuple[tuple[str, bytes], ...] = ()


def ours_of(headers: Headers) -> tuple[tuple[str, bytes], ...]:
    """The headers that a stage reads, as they came; none where they are too long to be ours."""
    ours = tuple((name, value) for name, value in headers if name in HEADER_NAMES and value is not None)
    return ours if sum(len(value) for _, value in ours) <= MAX_HEADERS_BYTES else ()


_dead_letters = Decoder(DeadLetterRecord)


def decode_dead_letter(raw: bytes | None) -> DeadLetterRecord:
    """One record of the dead-letter topic. Raises UnreadableError."""
    return _readable(_dead_letters.read(raw))


def summary_of(error: str) -> str:
    """The last line, which names it; of a traceback the others say where."""
    return error.strip().rsplit("\n", 1)[-1]


def cut(body: bytes) -> tuple[bytes, int, str]:
    """The first 256 KiB, the full length and the SHA-256 of all of it."""
    return body[:MAX_DEAD_LETTER_BYTES], len(body), hashlib.sha256(body).hexdigest()


class _Ledger(msgspec.Struct, frozen=True):
    """What tells a receipt from a decision on the decision topic."""

    ranges: msgspec.UnsetType | list[tuple[int, int]] = msgspec.UNSET


_decisions = Decoder(Decision, open_depth=MAX_DEPTH)
_receipts = Decoder(Receipt)
_kinds = Decoder(_Ledger)


def decode_ledger(raw: bytes | None) -> Decision | Receipt:
    """One record of the decision topic. Raises UnreadableError."""
    is_receipt = _readable(_kinds.read(raw)).ranges is not msgspec.UNSET
    return _readable(_receipts.read(raw)) if is_receipt else _readable(_decisions.read(raw))


def _readable(found: Value | Unreadable) -> Value:
    """Raises UnreadableError."""
    if isinstance(found, Unreadable):
        raise UnreadableError(str(found))
    return found
