"""Follows source, decisions and responses in a consumer group of its own, and writes what belongs together.

Three topics, one loop. What shoppers did comes from the source in the partitions of upstream: it is written to
`responses` first, in the partition of its user, where the user's decisions have the same number. The range assignor
gives the same numbers of both to the same member. Responses of a partition are not read while its decisions are behind.

An offset is committed when Kafka has what came of the record. What a member has to read again after a restart, to know
what it knew, stands in the text of its commits (`partition_results.py`).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.structs import OffsetAndMetadata
from mode import Service

from saving_alerts.adapters.consent_rekeying import Delivers
from saving_alerts.adapters.partition_results import PartitionResults, beginning_of, commits_of
from saving_alerts.delivery.outputs import Output
from saving_alerts.domain.decoding import printable
from saving_alerts.domain.results.join import Committed, Join
from saving_alerts.domain.results.responses import response_in
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.client import Commit, partition_of
from saving_alerts.kafka.codecs import encode
from saving_alerts.kafka.consumers import FETCH_MILLISECONDS, RECONNECT_PAUSE_SECONDS, Connect, started
from saving_alerts.kafka.refusals import in_words
from saving_alerts.metrics import Metric, Metrics
from saving_alerts.ports.clock import Clock

log = logging.getLogger(__name__)

FETCH_RECORDS = 2_000  # they are decoded at once, in the event loop: some 10 ms

CommitsOf = Callable[[Sequence[TopicPartition]], Awaitable[Mapping[TopicPartition, Commit | None]]]


@dataclass(frozen=True, slots=True)
class RecordingTerms:
    """The topics by name, and the limits. `max_alerts` is for all partitions of this process together."""

    source: str
    decisions: str
    responses: str
    results: str
    window: timedelta
    max_alerts: int
    max_ahead: timedelta

    @property
    def read(self) -> list[str]:
        return [self.source, self.decisions, self.responses]


@dataclass(slots=True)
class _Assignment(ConsumerRebalanceListener):  # type: ignore[misc]
    """The partitions of this member. A rebalance waits until what was fetched is written and committed."""

    consumer: AIOKafkaConsumer
    terms: RecordingTerms
    commits_of: CommitsOf
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)
    partitions: dict[int, PartitionResults] = field(default_factory=dict)
    ends: dict[TopicPartition, int] = field(default_factory=dict)
    failure: Exception | None = None

    async def on_partitions_revoked(self, revoked: list[TopicPartition]) -> None:  # noqa: ARG002 - aiokafka's signature
        async with self.busy:
            self.partitions.clear()

    async def on_partitions_assigned(self, assigned: list[TopicPartition]) -> None:
        """What fails here the driver logs, and goes on without: the loop has to begin again."""
        try:
            await self._begin_all([each for each in assigned if each.topic != self.terms.source])
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing may be read without what is remembered
            self.failure = error

    async def _begin_all(self, joined: list[TopicPartition]) -> None:
        if not joined:
            return
        self.ends = await self.consumer.end_offsets(joined)
        committed = await self.commits_of(joined)
        for number in sorted({each.partition for each in joined}):
            self.begin(number, committed)

    def begin(self, number: int, committed: Mapping[TopicPartition, Commit | None]) -> None:
        """From what was committed for this partition of both topics."""
        decisions, responses = self.place(self.terms.decisions, number), self.place(self.terms.responses, number)
        begun = {
            each: beginning_of(committed.get(each), self.ends[each])
            for each in (decisions, responses)
            if each in self.ends
        }
        if len(begun) < len((decisions, responses)):
            return  # another member has the other one: the topics differ in their partitions, which the start refuses
        for each, beginning in begun.items():
            self.consumer.seek(each, beginning.read_from)
        before = Committed(begun[decisions].committed, begun[responses].committed)
        join = Join(self.terms.window, self.terms.max_alerts, before)
        self.partitions[number] = PartitionResults(self.terms.results, number, join)

    @staticmethod
    def place(topic: str, number: int) -> TopicPartition:
        return TopicPartition(topic, number)


class ResultsRecorder(Service):
    """`problem` says why it does not go on now. `commits_of` asks for the commits of this group, with their texts."""

    def __init__(
        self,
        connect: Connect,
        producer: Delivers,
        commits_of: CommitsOf,
        terms: RecordingTerms,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        super().__init__()
        self._connect = connect
        self._producer = producer
        self._commits_of = commits_of
        self._terms = terms
        self._clock = clock
        self._metrics = metrics
        self.problem: str | None = None

    async def on_start(self) -> None:
        self.add_future(self._go_on())

    async def _go_on(self) -> None:
        while not self.should_stop:
            try:
                await self._until_it_fails()
            except Exception as error:  # noqa: BLE001 - whatever it is, the process goes on when Kafka does
                self.problem = printable(in_words(error))
                log.warning("results cannot be recorded now: %s", self.problem)
                await self.sleep(RECONNECT_PAUSE_SECONDS)

    async def _until_it_fails(self) -> None:
        among = await self._producer.partition_count(self._terms.responses)
        async with started(self._connect) as consumer:
            assignment = _Assignment(consumer, self._terms, self._commits_of)
            consumer.subscribe(self._terms.read, listener=assignment)
            committed: dict[TopicPartition, OffsetAndMetadata] = {}
            while not self.should_stop:
                # Without the lock: in a rebalance it waits for the new assignment, which waits for the lock.
                fetched = await consumer.getmany(timeout_ms=FETCH_MILLISECONDS, max_records=FETCH_RECORDS)
                if assignment.failure is not None:
                    raise assignment.failure
                async with assignment.busy:
                    await self._write(self._outputs(fetched, assignment, among))
                    committed = await _commit(consumer, assignment, committed)
                    await _hold_responses_back(consumer, assignment)
                self._report(assignment)

    def _outputs(
        self, fetched: Mapping[TopicPartition, list[ConsumerRecord]], assignment: _Assignment, among: int
    ) -> list[Output]:
        outputs: list[Output] = []
        # Decisions first: what is opened at once after its push finds it.
        for place in sorted(fetched, key=lambda each: self._terms.read.index(each.topic)):
            records, joined = fetched[place], assignment.partitions.get(place.partition)
            if place.topic == self._terms.source:
                outputs += self._rekeyed(records, among)
            elif joined is not None:
                is_decision = place.topic == self._terms.decisions
                outputs += joined.take_decisions(records) if is_decision else joined.take_responses(records)
        return outputs

    def _rekeyed(self, records: Sequence[ConsumerRecord], among: int) -> list[Output]:
        latest, outputs = self._clock.now() + self._terms.max_ahead, list[Output]()
        for record in records:
            position = SourcePosition(record.topic, record.partition, record.offset)
            response = response_in(record.value, position, latest)
            if response is not None:
                self._metrics.count(Metric.RESPONSES, kind=response.kind)
                key = response.user_id.encode()
                outputs.append(Output(self._terms.responses, partition_of(key, among), key, encode(response)))
        return outputs

    async def _write(self, outputs: Sequence[Output]) -> None:
        if undelivered := await self._producer.deliver(outputs):
            raise undelivered[0].error
        if written := sum(output.topic == self._terms.results for output in outputs):
            self._metrics.count(Metric.RESULTS, written)

    def _report(self, assignment: _Assignment) -> None:
        now, partitions = self._clock.now(), [*assignment.partitions.values()]
        for each in partitions:
            each.join.max_alerts = max(1, self._terms.max_alerts // len(partitions))
            each.prune(now)
        self._metrics.gauge(Metric.RESULTS_ALERTS, sum(each.join.alerts for each in partitions))
        self._metrics.gauge(Metric.RESULTS_FORGOTTEN, sum(each.join.forgotten for each in partitions))
        self.problem = None


async def _commit(
    consumer: AIOKafkaConsumer, assignment: _Assignment, committed: dict[TopicPartition, OffsetAndMetadata]
) -> dict[TopicPartition, OffsetAndMetadata]:
    """What is committed then: all at once, because a pair counts as written only where both of its offsets are."""
    positions = {each: await consumer.position(each) for each in consumer.assignment()}
    wanted = {
        each: OffsetAndMetadata(offset, "")
        for each, offset in positions.items()
        if each.topic == assignment.terms.source
    }
    for number, joined in assignment.partitions.items():
        both = (assignment.place(topic, number) for topic in (assignment.terms.decisions, assignment.terms.responses))
        decisions, responses = both
        if decisions in positions and responses in positions:
            found = commits_of(joined.join, positions[decisions], positions[responses])
            wanted |= {
                each: OffsetAndMetadata(commit.offset, commit.text)
                for each, commit in zip((decisions, responses), found, strict=True)
            }
    if wanted and wanted != committed:
        await consumer.commit(wanted)
    return wanted


async def _hold_responses_back(consumer: AIOKafkaConsumer, assignment: _Assignment) -> None:
    """Of the partitions whose decisions are not read to their end: a response is to find its alert."""
    assigned = consumer.assignment()
    for number in assignment.partitions:
        decisions = assignment.place(assignment.terms.decisions, number)
        responses = assignment.place(assignment.terms.responses, number)
        if decisions not in assigned or responses not in assigned:
            continue
        end = max(consumer.highwater(decisions) or 0, assignment.ends.get(decisions, 0))
        if await consumer.position(decisions) < end:
            consumer.pause(responses)
        else:
            consumer.resume(responses)
