"""The wire format: records on the internal topics, decisions, receipts and dead letters.

The headers of an internal record name its source position, so that it can be accounted for if its body is unreadable.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Generic, TypeVar

import msgspec

from saving_alerts.domain.alerts import Alert, Departure
from saving_alerts.domain.coupons import Candidate
from saving_alerts.domain.decisions import Decision, Receipt
from saving_alerts.domain.decoding import MAX_DEPTH, Decoder, Instant, Offset, PartitionNumber, Unreadable, printable
from saving_alerts.domain.events import MAX_IDENTIFIER_CHARACTERS, ValidatedEvent
from saving_alerts.domain.holds import Holds, read_holds
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.results.responses import Response
from saving_alerts.domain.results.result import Result
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.refused import KEPT_BYTES, RefusedBytes

SCHEMA = 1
READABLE_SCHEMAS = frozenset({1})  # from schema 2 on: the last two
# The limits of a dead letter, which must fit into a Kafka record. Our own events, keys and headers are far shorter; a
# foreign record with a key of a megabyte once stopped one worker after the other.
MAX_DEAD_LETTER_BYTES = KEPT_BYTES
MAX_KEY_BYTES = 4 * 1024
MAX_HEADERS_BYTES = 4 * 1024

# Of what others read from the topics of decisions and dead letters: docs/contracts/ has a schema for each number.
LEDGER_SCHEMA = 1
DEAD_LETTER_SCHEMA = 1
LEDGER_HEADERS = (("schema", str(LEDGER_SCHEMA).encode()),)

Headers = Sequence[tuple[str, bytes | None]]  # Kafka has headers without a value
_KIND_OF_ERROR = re.compile(r"[A-Za-z_][\w.]*(?=:|$)")
HEADER_NAMES = ("schema", "position", "event_id", "deadline")
HELD_BY_HEADER = "held_by"  # only of events that were held up; releases before 0.2.0 neither write nor read it
Value = TypeVar("Value")

encode: Callable[[object], bytes] = msgspec.json.Encoder().encode


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """The headers of an internal record."""

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
        """Raises ValueError if one is missing or unreadable. Foreign headers, say of tracing, are ignored."""
        values = {name: value for name, value in headers if name in HEADER_NAMES}
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
    """Raises ValueError, also for a time without a zone: it could not be compared with the clock's."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"the header 'deadline' has no zone: {text}")
    return moment


def holds_in(headers: Headers) -> Holds:
    """What has held the event up before this stage."""
    return next((read_holds(value) for name, value in headers if name == HELD_BY_HEADER), ())


class UnreadableError(Exception):
    """A record of one of our own topics is in no format that this release reads. The text is the decoder's."""


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
_departures = Codec(Departure)


class DispatchCodec(Codec[Alert | Departure]):
    """Of all of the topic of alerts: departures stand there too, while the rules gather alerts."""

    def __init__(self) -> None: ...

    def decode(self, raw: bytes | None, headers: Headers) -> Alert | Departure:
        """Raises UnreadableError, as of an alert."""
        try:
            return alert_codec.decode(raw, headers)
        except UnreadableError as error:
            try:
                return _departures.decode(raw, headers)
            except UnreadableError:
                raise error from None


dispatch_codec = DispatchCodec()


class DeadLetterRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A record that a stage could not handle, and why: `error` is a traceback or one line.

    `topic`, `partition`, `offset`: where the record stands. `position`: of its event on the source, if it is known.
    `body` is cut to 256 KiB; `body_bytes` and `sha256` are of the whole. `key` is cut to 4 KiB. `headers` are our own
    ones: a replay needs them. `reason` is that of the event's decision. `tried` is false if no step ran. With
    `last_offset` the body is not the value of a record, but refused bytes: it stands for all offsets up to that one.
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
    last_offset: int | None = None


def dead_letter_headers(letter: DeadLetterRecord) -> tuple[tuple[str, bytes], ...]:
    """The number of its schema, and the attributes of CloudEvents: there are few dead letters, so they cost nothing."""
    attributes = {
        "schema": str(DEAD_LETTER_SCHEMA),
        "content-type": "application/json",
        "ce_specversion": "1.0",
        "ce_type": f"saving-alerts.dead-letter.v{DEAD_LETTER_SCHEMA}",
        "ce_source": f"/saving-alerts/{letter.stage}",
        "ce_id": f"{letter.topic}/{letter.partition}/{letter.offset}",
        "ce_time": letter.failed_at.isoformat(),
    }
    return tuple((name, value.encode()) for name, value in attributes.items())


def own_headers(headers: Headers) -> tuple[tuple[str, bytes], ...]:
    """The headers that a stage reads, unchanged; none if they are too long to be our own."""
    own = tuple((name, value) for name, value in headers if name in HEADER_NAMES and value is not None)
    return own if sum(len(value) for _, value in own) <= MAX_HEADERS_BYTES else ()


_dead_letters = Decoder(DeadLetterRecord)


def decode_dead_letter(raw: bytes | None) -> DeadLetterRecord:
    """One record of the dead-letter topic. Raises UnreadableError."""
    return _readable(_dead_letters.read(raw))


def summary_of(error: str) -> str:
    """The last line of a traceback: the exception and its text."""
    return error.strip().rsplit("\n", 1)[-1]


def without_values(error: str) -> str:
    """A traceback for the log: its places and the kinds of exceptions. Their texts may name a shopper."""
    if not error.startswith("Traceback"):
        return error  # a sentence of our own
    return "\n".join(filter(None, map(_without_text, error.splitlines())))


def _without_text(line: str) -> str:
    if line.startswith((" ", "Traceback")):
        return line
    kind = _KIND_OF_ERROR.match(line)
    return kind[0] if kind else ""


def cut(body: bytes) -> tuple[bytes, int, str]:
    """The first 256 KiB, the full length and the SHA-256 of all of it."""
    if isinstance(body, RefusedBytes):
        return bytes(body), body.whole_bytes, body.sha256
    return body[:MAX_DEAD_LETTER_BYTES], len(body), hashlib.sha256(body).hexdigest()


class _Ranges(msgspec.Struct, frozen=True):
    """The field that only receipts have, to tell them from decisions on the same topic."""

    ranges: msgspec.UnsetType | list[tuple[int, int]] = msgspec.UNSET


_responses = Decoder(Response)
_results = Decoder(Result)


def decode_response(raw: bytes | None) -> Response:
    """One record of the topic of responses. Raises UnreadableError."""
    return _readable(_responses.read(raw))


def decode_result(raw: bytes | None) -> Result:
    """One record of the topic of results. Raises UnreadableError."""
    return _readable(_results.read(raw))


_decisions = Decoder(Decision, open_depth=MAX_DEPTH)
_receipts = Decoder(Receipt)
_ranges = Decoder(_Ranges)


def decode_ledger(raw: bytes | None) -> Decision | Receipt:
    """One record of the decision topic. Raises UnreadableError."""
    is_receipt = _readable(_ranges.read(raw)).ranges is not msgspec.UNSET
    return _readable(_receipts.read(raw)) if is_receipt else _readable(_decisions.read(raw))


def _readable(found: Value | Unreadable) -> Value:
    """Raises UnreadableError."""
    if isinstance(found, Unreadable):
        raise UnreadableError(str(found))
    return found
