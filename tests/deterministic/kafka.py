"""The brokers: logs, committed offsets with their texts, and the generation of the group."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence

from aiokafka import ConsumerRecord

from saving_alerts.domain.decisions import Decision, Receipt, Stage
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.codecs import decode_ledger
from saving_alerts.kafka.topics import Topics
from saving_alerts.ports.clock import Clock
from tests.deterministic.facts import EventFacts
from tests.deterministic.plan import PARTITIONS
from tests.deterministic.trace import Trace

TOPICS = Topics.named("saving-events", "saving-alerts")
STAGE_OF = {topic.name: stage for stage, topic in TOPICS.inputs.items()}
NEXT_TOPIC = {TOPICS.inputs[stage].name: topic.name for stage, topic in TOPICS.next_stage.items()}
Place = tuple[str, int]


def position_of(record: ConsumerRecord) -> str:
    """The source position that a record of an input topic stands for."""
    if STAGE_OF[record.topic] is Stage.VALIDATE:
        return str(SourcePosition(record.topic, record.partition, record.offset))
    position: bytes = dict(record.headers)["position"]
    return position.decode()


class Kafka:
    """`appended` is set, and made anew, with each record. `repeats`: an answer was lost, so a record may stand twice.

    `on_decision` is called with each decision.
    """

    def __init__(self, trace: Trace, clock: Clock, facts: dict[str, EventFacts]) -> None:
        self._trace, self._clock, self._facts = trace, clock, facts
        self.logs: defaultdict[Place, list[ConsumerRecord]] = defaultdict(list)
        self.committed: dict[Place, tuple[int, str]] = {}
        self.generation = 0
        self.appended = asyncio.Event()
        self.repeats = False
        self.on_decision: Callable[[Decision], object] = lambda _: None
        self._forwarded: set[tuple[str, str]] = set()

    @property
    def inputs(self) -> list[Place]:
        return [(topic, partition) for topic in STAGE_OF for partition in range(PARTITIONS)]

    def append(
        self, place: Place, key: bytes | None, value: bytes, headers: Sequence[tuple[str, bytes]] = ()
    ) -> ConsumerRecord:
        log, written_ms = self.logs[place], int(self._clock.now().timestamp() * 1000)
        record = ConsumerRecord(*place, len(log), written_ms, 0, key, value, None, len(key or b""), len(value), headers)
        log.append(record)
        if place[0] == TOPICS.decisions.name:
            self._decided(value)
        elif place[0] in STAGE_OF and headers:
            self._forwarded.add((place[0], position_of(record)))
        self.appended.set()
        self.appended = asyncio.Event()
        return record

    def _decided(self, value: bytes) -> None:
        entry = decode_ledger(value)
        if isinstance(entry, Receipt):
            for first, last in entry.ranges:
                for offset in range(first, last + 1):
                    self._facts[str(SourcePosition(entry.topic, entry.partition, offset))].receipts += 1
            return
        self._facts[str(entry.position)].decisions.append(entry)
        self.on_decision(entry)
        self._trace.tell(entry.worker, "has its decision on Kafka:", entry.reason, "for", entry.position)

    def has_what_became_of(self, record: ConsumerRecord) -> bool:
        """Whether a decision stands there, a receipt, or the record of the next stage."""
        position = position_of(record)
        topic = NEXT_TOPIC.get(record.topic)
        return self._facts[position].is_answered or (topic is not None and (topic, position) in self._forwarded)

    def commit(self, place: Place, offset: int, text: str, generation: int) -> bool:
        """False for who is no member of this generation."""
        if generation != self.generation:
            return False
        if offset >= self.committed.get(place, (0, ""))[0]:
            self.committed[place] = offset, text
        return True

    def next_offset(self, place: Place) -> int:
        return self.committed.get(place, (0, ""))[0]

    @property
    def uncommitted(self) -> list[str]:
        """What is not done: in these words it is told."""
        return [
            f"{topic}-{partition} is committed up to {self.next_offset((topic, partition))} of {len(log)}"
            for (topic, partition), log in self.logs.items()
            if topic in STAGE_OF and self.next_offset((topic, partition)) < len(log)
        ]
