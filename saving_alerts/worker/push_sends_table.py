"""Who was pushed when: a Faust Table, durable on Kafka before its event is acknowledged.

It is the second fence. The throttle in Redis decides; what it forgot, this still refuses. A partition's users are on
the worker that has the partition, because all topics are partitioned alike, so every stage of a worker can look here.

Each send is a row of its own on the changelog, with all of it in the key: no write of a worker that was the owner once
can take the place of another's (`kafka/push_send_rows.py`).

Faust writes a changelog in the background and says nothing when that fails. `record` returns when Kafka has it.
"""

import logging
from typing import Any, cast

import faust
from aiokafka.errors import KafkaError
from faust.tables.table import Table

from saving_alerts.domain.decoding import Unreadable
from saving_alerts.domain.push_sends import PushSend, of_position, remembered, with_send
from saving_alerts.kafka.push_send_rows import ROW_VALUE, SendRow
from saving_alerts.kafka.refusals import in_words
from saving_alerts.ports.clock import Clock
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

    def __init__(self, app: faust.App, topic_name: str, clock: Clock) -> None:
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

    def __len__(self) -> int:
        """How many users it knows."""
        return self._table.store.users

    def of(self, user_id: str) -> tuple[PushSend, ...]:
        """What is remembered of this user. Raises UnreadableSendsError."""
        sends: tuple[PushSend, ...] = ()
        all_found = self._table.store.of(user_id.encode())
        if not all_found:
            return sends
        for found in all_found:
            if isinstance(found, Unreadable):
                # Nobody knows what was sent to this user, so nothing more is: the event becomes a dead letter.
                raise UnreadableSendsError(f"the table of sends holds something unreadable for this user: {found}")
            sends = with_send(sends, found)
        return remembered(sends, self._clock.now())

    async def record(self, user_id: str, send: PushSend) -> None:
        """Remember a send. Returns when Kafka has it, however long Kafka takes."""
        user = user_id.encode()
        partition = self._table.partition_in_work
        # One that is known already is written as it counts. It is written again: its first write may not have arrived.
        known = of_position(with_send(self.of(user_id), send), send.position, send.event_id)
        await self._write(partition, user, SendRow.of(known or send))
        self._forget_a_few(partition)

    async def _write(self, partition: int, user: bytes, row: SendRow) -> None:
        self._table.store.add(partition, user, row)
        while True:
            change = self._table.send_changelog(partition, row.key(user), ROW_VALUE)
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
