"""The rows of the Table's changelog: one for each send, with the whole send in its key (docs/adr/0031).

On a compacted topic the last record of a key survives. With all of the send in the key a record can replace nothing but
itself, whoever writes it, and a tombstone removes one send of one user.

    key    the user id, a byte that no text in UTF-8 has, and a JSON list:
           [topic, partition, offset, event id, merchant id, microseconds since 1970, uncertain]
    value  1

Behind what was charged as control, without a push, stands one more `true` (docs/adr/0052). Releases that do not know it
take the row for a push.

A user who was erased (docs/adr/0038) has rows of the same form: the user is `erased:` and a token, the topic `erased`,
partition and offset are 0, the merchant is empty, and the event id is three tokens with a dot between them: of the
position, of the event id and of the merchant. A row that nobody could read is `erased:`, the token, and UNREADABLE_ROW.

Release 0.1.0 wrote one record for each user: the key is the user id, the value a JSON list of objects.
"""

from datetime import datetime, timedelta
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from saving_alerts.domain.decoding import Decoder, Offset, PartitionNumber, Unreadable
from saving_alerts.domain.erasures import EventTokens
from saving_alerts.domain.moments import EPOCH
from saving_alerts.domain.push_sends import PushSend
from saving_alerts.domain.source_position import MAX_TOPIC_CHARACTERS, SourcePosition

# 0.1.0 cannot read it as a list of sends, and leaves alone what it cannot read.
ROW_VALUE = b"1"
# The user of a row whose user was erased is this and a token. Its send says in the event id what it is found by.
ERASED_USER = b"erased:"
ERASED_TOPIC = "erased"
END_OF_USER = b"\xff"
UNREADABLE_ROW = b"unreadable"
MAX_ID_CHARACTERS = 1024  # four times what an event may have
MICROSECOND = timedelta(microseconds=1)

_Id = Annotated[str, Meta(max_length=MAX_ID_CHARACTERS)]
_Instant = Annotated[int, Meta(ge=0, le=2**53 - 1)]


class SendRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the key says behind the user.

    What a row of a push says never changes: with other bytes a tombstone would miss its row.
    """

    topic: Annotated[str, Meta(max_length=MAX_TOPIC_CHARACTERS)]
    partition: PartitionNumber
    offset: Offset
    event_id: _Id
    merchant_id: _Id
    sent_at: _Instant
    uncertain: bool
    control: bool = False

    @classmethod
    def of(cls, send: PushSend) -> "SendRow":
        place = send.position
        return cls(
            place.topic,
            place.partition,
            place.offset,
            send.event_id,
            send.merchant_id,
            microseconds(send.sent_at),
            send.uncertain,
            send.control,
        )

    @property
    def send(self) -> PushSend:
        return PushSend(
            merchant_id=self.merchant_id,
            sent_at=EPOCH + self.sent_at * MICROSECOND,
            position=SourcePosition(self.topic, self.partition, self.offset),
            event_id=self.event_id,
            uncertain=self.uncertain,
            control=self.control,
        )

    def key(self, user: bytes) -> bytes:
        """The key of this row on the changelog."""
        fields = msgspec.structs.astuple(self)
        return user + END_OF_USER + msgspec.json.encode(fields if self.control else fields[:-1])


def erased_user(token: str) -> bytes:
    return ERASED_USER + token.encode()


def erased_row(event: EventTokens, send: PushSend) -> SendRow:
    """The row of a send under tokens. The same send always has the same row."""
    tokens = ".".join(event)
    return SendRow(ERASED_TOPIC, 0, 0, tokens, "", microseconds(send.sent_at), send.uncertain, send.control)


def tokens_of(send: PushSend) -> EventTokens | Unreadable:
    """Of a send that stands under a user's token."""
    tokens = send.event_id.split(".")
    is_ours = len(tokens) == len(EventTokens._fields) and send.position.topic == ERASED_TOPIC
    return EventTokens(*tokens) if is_ours else Unreadable("no send of a user who was erased")


class ErasedSend(NamedTuple):
    user_token: str
    event: EventTokens


def erased_send(user_id: str, send: PushSend) -> ErasedSend | None:
    """What a row says of a user who was erased; None for every other one."""
    tokens = tokens_of(send)
    prefix = ERASED_USER.decode()
    if isinstance(tokens, Unreadable) or not user_id.startswith(prefix):
        return None
    return ErasedSend(user_id.removeprefix(prefix), tokens)


_rows = Decoder(SendRow)
_lists = Decoder(tuple[PushSend, ...])


def user_and_row(key: bytes) -> tuple[bytes, bytes]:
    """The user of a key, and its row's bytes; those are empty for the key of 0.1.0."""
    user, _, row = key.partition(END_OF_USER)
    return user, row


def read_row(row: bytes) -> SendRow | Unreadable:
    return _rows.read(row)


def read_list(value: bytes) -> tuple[PushSend, ...] | Unreadable:
    """The value of 0.1.0."""
    return _lists.read(value)


def microseconds(moment: datetime) -> int:
    """Since 1970."""
    return (moment - EPOCH) // MICROSECOND
