"""Who was pushed when: a Faust Table, durable on Kafka before its event is acknowledged.

It is the second fence. The throttle in Redis decides; what it forgot, this still refuses. A partition's users are on
the worker that has the partition, because all topics are partitioned alike, so every stage of a worker can look here.

Faust writes a changelog in the background and says nothing when that fails. `record` returns when Kafka has it.
"""

import logging
from collections.abc import Iterator
from itertools import islice
from typing import Any

import faust
import msgspec
from aiokafka.errors import KafkaError
from faust.streams import current_event
from faust.tables.table import Table
from faust.types import FutureMessage

from saving_alerts.domain.decoding import Decoder, Unreadable
from saving_alerts.domain.push_sends import PushSend, remembered, with_send
from saving_alerts.kafka.client import partition_of
from saving_alerts.kafka.refusals import in_words
from saving_alerts.ports.clock import Clock

log = logging.getLogger(__name__)

# With each send, so many users are looked at: what is too old goes a little at a time, and nothing ever stops for it.
LOOKED_AT_PER_SEND = 10
PAUSE_SECONDS = 1.0

_sends = Decoder(tuple[PushSend, ...])


class UnreadableSendsError(Exception):
    """What the Table holds for a user cannot be read."""


class _Changelogged(Table[bytes, bytes]):
    """A Table whose last change can be awaited, with a changelog topic named as our other topics."""

    last_change: FutureMessage | None = None

    def __init__(self, app: faust.App, *, topic_name: str, **options: Any) -> None:  # noqa: ANN401 - Faust's signature
        self._topic_name = topic_name
        super().__init__(app, **options)

    def _changelog_topic_name(self) -> str:
        return self._topic_name

    def send_changelog(self, *arguments: Any, **options: Any) -> FutureMessage:  # noqa: ANN401 - Faust's signature
        self.last_change = super().send_changelog(*arguments, **options)
        return self.last_change


class PushSendsTable:
    """The PushSends port on a Faust Table. Changes must come from the task that handles the user's record."""

    def __init__(self, app: faust.App, topic_name: str, clock: Clock) -> None:
        self._table = _Changelogged(
            app,
            topic_name=topic_name,
            name="push_sends",
            key_type=bytes,
            value_type=bytes,
            help="Who was pushed when.",
        )
        app.tables.add(self._table)
        self._clock = clock
        self._old_looked_for: Iterator[bytes] = iter(())

    def __len__(self) -> int:
        return len(self._table)

    def of(self, user_id: str) -> tuple[PushSend, ...]:
        """What is remembered of this user. Raises UnreadableSendsError."""
        found = _sends.read(self._table.get(user_id.encode()) or b"[]")
        if isinstance(found, Unreadable):
            # Nobody knows what was sent to this user, so nothing more is: the event becomes a dead letter.
            raise UnreadableSendsError(f"the table of sends holds something unreadable for this user: {found}")
        return remembered(found, self._clock.now())

    async def record(self, user_id: str, send: PushSend) -> None:
        """Remember a send. Returns when Kafka has it, however long Kafka takes."""
        sends = with_send(self.of(user_id), send)
        await self._write(user_id.encode(), msgspec.json.encode(sends))
        self._forget_a_few()

    async def _write(self, key: bytes, value: bytes) -> None:
        while True:
            self._table[key] = value
            try:
                await _delivered(self._table.last_change)
            except KafkaError as error:
                log.warning(
                    "a send could not be written to the table's changelog, it is tried again: %s", in_words(error)
                )
                await self._table.sleep(PAUSE_SECONDS)
            else:
                return

    def _forget_a_few(self) -> None:
        """Users whose sends are all too old. Only those of this record's partition: a change goes to that one."""
        event = current_event()
        for key in list(islice(self._old_looked_for, LOOKED_AT_PER_SEND)) or self._look_anew():
            if event is not None and self._is_old(key) and self._is_in(key, event.message.partition):
                del self._table[key]

    def _look_anew(self) -> list[bytes]:
        self._old_looked_for = iter(list(self._table.keys()))
        return []

    def _is_old(self, key: bytes) -> bool:
        """Whether an entry is there, and none of its sends counts any more. What nobody can read stays as it is.

        A key may be gone since the keys were listed: with its partition, in a rebalance.
        """
        value = self._table.get(key)
        if value is None:
            return False
        found = _sends.read(value)
        return not isinstance(found, Unreadable) and not remembered(found, self._clock.now())

    def _is_in(self, key: bytes, partition: int) -> bool:
        return partition_of(key, self._table.partitions or self._table.app.conf.topic_partitions) == partition


async def _delivered(change: FutureMessage | None) -> None:
    if change is not None:
        await change
