"""Who was pushed when: a Faust Table, durable on Kafka before its event is acknowledged.

It is the second fence. The throttle in Redis decides; what it forgot, this still refuses. A partition's users are on
the worker that has the partition, because all topics are partitioned alike, so every stage of a worker can look here.

Each send is a row of its own on the changelog, with all of it in the key: no write of a worker that was the owner once
can take the place of another's (`kafka/push_send_rows.py`).

Faust writes a changelog in the background and says nothing when that fails. `record` returns when Kafka has it.
"""

import logging
from collections.abc import Iterable, Sequence
from typing import Any, cast

import faust
from aiokafka.errors import KafkaError
from faust.tables.table import Table

from saving_alerts.domain.decoding import Unreadable
from saving_alerts.domain.erasures import EventAt, Tokens
from saving_alerts.domain.push_sends import PushSend, of_position, remembered, with_send
from saving_alerts.kafka.push_send_rows import ROW_VALUE, SendRow, user_and_row
from saving_alerts.kafka.refusals import in_words
from saving_alerts.ports.clock import Clock
from saving_alerts.worker.erased_sends import ErasedSends, event_at
from saving_alerts.worker.push_sends_store import PushSendsStore

log = logging.getLogger(__name__)

# With each send, so many users are looked at: what is too old goes a little at a time, and nothing ever stops for it.
# A send may bring one, so that what is old becomes less wherever something comes.
LOOKED_AT_PER_SEND = 10
PAUSE_SECONDS = 1.0


class UnreadableSendsError(Exception):
    """What the Table holds for a user cannot be read."""


class PushSendsChangelog(Table[bytes, bytes]):
    """A Table on our store, with a changelog topic named as our other topics."""

    def __init__(self, app: faust.App, *, topic_name: str, clock: Clock, **options: Any) -> None:  # noqa: ANN401 - Faust's signature
        self._topic_name = topic_name
        self._clock = clock
        super().__init__(app, **options)

    def _changelog_topic_name(self) -> str:
        return self._topic_name

    def _new_store(self) -> PushSendsStore:
        return PushSendsStore("memory://", self.app, self, clock=self._clock, loop=self.loop)

    @property
    def store(self) -> PushSendsStore:
        return cast("PushSendsStore", self.data)

    @property
    def partition_in_work(self) -> int:
        """Of the record that this task handles. Raises TypeError in a task of none."""
        return cast("int", self.partition_for_key(b""))


class PushSendsTable:
    """The PushSends port on a Faust Table. Changes must come from the task that handles the user's record."""

    def __init__(self, app: faust.App, topic_name: str, clock: Clock, tokens: Tokens | None = None) -> None:
        self._table = PushSendsChangelog(
            app,
            topic_name=topic_name,
            clock=clock,
            name="push_sends",
            key_type=bytes,
            value_type=bytes,
            help="Who was pushed when.",
        )
        app.tables.add(self._table)
        self._clock = clock
        self._erased = ErasedSends(tokens, self._table.store) if tokens else None

    def __len__(self) -> int:
        """How many users it knows."""
        return self._table.store.users

    def of(self, user_id: str, event: EventAt | None = None) -> tuple[PushSend, ...]:
        """What is remembered of this user. Raises UnreadableSendsError."""
        found = self._table.store.of(user_id.encode())
        if not found and self._erased is None:
            return ()
        sends = _counted((), found)
        erased = self._erased.of(user_id, event, sends) if self._erased else []
        return remembered(_counted(_counted((), erased), sends) if erased else sends, self._clock.now())

    async def record(self, user_id: str, send: PushSend) -> None:
        """Remember a send. Returns when Kafka has it, however long Kafka takes."""
        partition = self._table.partition_in_work
        # One that is known already is written as it counts. It is written again: its first write may not have arrived.
        known = of_position(with_send(self.of(user_id, event_at(send)), send), send.position, send.event_id) or send
        await self._write(partition, self._key_of(partition, user_id, known))
        self._forget_a_few(partition)

    async def keep_under_token(self, user_id: str, partition: int) -> Sequence[bytes]:
        if self._erased is None:
            raise RuntimeError("users cannot be erased: there is no secret for their tokens")
        found = self._table.store.keys_of(partition, user_id.encode())
        for _, said in found:
            for key in self._erased.keys_for(user_id, said):
                await self._write(partition, key)
        return [key for key, _ in found]

    async def remove(self, partition: int, keys: Sequence[bytes]) -> None:
        for key in keys:
            await self._send(partition, key, None)
            self._table.store.apply(partition, key, None)

    def _key_of(self, partition: int, user_id: str, send: PushSend) -> bytes:
        """What was erased stays under its token when its event comes again."""
        user = user_id.encode()
        row = SendRow.of(send).key(user)
        if self._erased is None or row in (key for key, _ in self._table.store.keys_of(partition, user)):
            return row
        (erased,) = self._erased.keys_for(user_id, (send,))
        there = self._table.store.keys_of(partition, user_and_row(erased)[0])
        return erased if erased in (key for key, _ in there) else row

    async def _write(self, partition: int, key: bytes) -> None:
        self._table.store.apply(partition, key, ROW_VALUE)
        await self._send(partition, key, ROW_VALUE)

    async def _send(self, partition: int, key: bytes, value: bytes | None) -> None:
        while True:
            change = self._table.send_changelog(partition, key, value, value_serializer="raw")
            try:
                await change
            except KafkaError as error:
                log.warning(
                    "a send could not be written to the table's changelog, it is tried again: %s", in_words(error)
                )
                await self._table.sleep(PAUSE_SECONDS)
            else:
                return

    def _forget_a_few(self, partition: int) -> None:
        """Sends that are too old, of the partition of this record: its changelog is where their tombstones belong."""
        for key in self._table.store.let_go(partition, LOOKED_AT_PER_SEND):
            self._table.send_changelog(partition, key, None, value_serializer="raw")


def _counted(sends: tuple[PushSend, ...], found: Iterable[PushSend | Unreadable]) -> tuple[PushSend, ...]:
    """With what was found, each send once."""
    for each in found:
        if isinstance(each, Unreadable):
            # Nobody knows what was sent to this user, so nothing more is: the event becomes a dead letter.
            raise UnreadableSendsError(f"the table of sends holds something unreadable for this user: {each}")
        sends = with_send(sends, each)
    return sends
