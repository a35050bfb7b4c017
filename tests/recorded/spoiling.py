"""Real records, changed and written again: with another deadline, or so that no stage can read them."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from demo.world import World
from saving_alerts.domain.alerts import Alert
from saving_alerts.domain.coupons import Candidate
from saving_alerts.domain.events import ValidatedEvent
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.codecs import Codec, Envelope, alert_codec, candidate_codec, encode, validated_codec
from tests.end_to_end.conditions import wait_until
from tests.recorded.driver import ANSWER_SECONDS, Driver
from tests.recorded.lines import Line, Raw
from tests.recorded.taking import records_on

Internal = TypeVar("Internal", ValidatedEvent, Candidate, Alert)
NEXT_SCHEMA = 2


@dataclass(frozen=True, slots=True)
class Changed:
    """What a record is to say instead: it stands for another event, of another user."""

    name: str
    offset: int
    deadline: datetime

    @property
    def user_id(self) -> str:
        return f"u-{self.name}"

    @property
    def envelope(self) -> Envelope:
        return Envelope(SourcePosition("saving-events", 0, self.offset), self.name, self.deadline)

    def line(self, value: Internal) -> Line:
        """The record that a worker would write of `value` so changed."""
        return Line(about="", key=Raw(self.user_id), value=Raw.of(encode(self._of(value))), headers=_raw(self.envelope))

    def _of(self, value: Internal) -> Internal:
        whose = {"event_id": self.name, "user_id": self.user_id}
        when = {"position": self.envelope.position, "deadline": self.deadline}
        if isinstance(value, Alert):
            return msgspec.structs.replace(value, **whose, **when)
        if isinstance(value, Candidate):
            return msgspec.structs.replace(value, validated=self._of(value.validated))
        return msgspec.structs.replace(value, event=msgspec.structs.replace(value.event, **whose), **when)


def _raw(envelope: Envelope) -> tuple[tuple[str, Raw], ...]:
    return tuple((name, Raw.of(value)) for name, value in envelope.headers())


def codecs_of(world: World) -> dict[str, Codec[Any]]:
    """By topic."""
    topics = world.topics
    return {
        topics.validated.name: validated_codec,
        topics.candidates.name: candidate_codec,
        topics.alerts.name: alert_codec,
    }


async def first_value(world: World, topic: str) -> Any:  # noqa: ANN401 - whatever stands on the topic
    record = (await records_on(world.bootstrap_servers, topic))[0]
    return codecs_of(world)[topic].decode(record.value, record.headers)


def put_unreadable(driver: Driver, deadline: datetime) -> None:
    """On every internal topic. Returns when all of them are dead letters."""
    world = driver.world
    before = _letters(world)
    lines = [
        (topic, line) for number, topic in enumerate(codecs_of(world)) for line in _unreadable(topic, number, deadline)
    ]
    for topic, line in lines:
        driver.put(topic, line)
    wait_until(lambda: _letters(world) == before + len(lines), ANSWER_SECONDS, "dead letters")


def _letters(world: World) -> int:
    return len(asyncio.run(records_on(world.bootstrap_servers, world.topics.dead_letters.name)))


def _unreadable(topic: str, number: int, deadline: datetime) -> Iterator[Line]:
    name = f"unreadable-{topic.rpartition('.')[2]}"
    changed = Changed(name, 2_000_000 + number, deadline)
    key, ours = Raw(changed.user_id), _raw(changed.envelope)
    newer = _raw(msgspec.structs.replace(changed.envelope, schema=NEXT_SCHEMA))
    yield Line(about="broken", key=key, value=Raw.of(b'{"position":\xff'), headers=ours)
    yield Line(about="of a newer release", key=key, value=Raw("{}"), headers=newer)
    yield Line(about="a tombstone", key=key, headers=ours)
    yield Line(about="without our headers", key=key, value=Raw("{}"), headers=(("traceparent", Raw("00-1")),))
