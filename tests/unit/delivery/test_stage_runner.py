"""A batch is acknowledged when everything that became of its records is on Kafka: in order, and never late."""

import asyncio
import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from aiokafka import ConsumerRecord
from hypothesis import given, settings
from hypothesis import strategies as st

from saving_alerts.delivery.addressing import Addressed
from saving_alerts.delivery.batch_work import BatchWork
from saving_alerts.delivery.flow_control import Message
from saving_alerts.delivery.held_back import ITS_STEP, ITS_TURN, KAFKA, HeldBack
from saving_alerts.delivery.in_flight import FEW_ENTRIES, InFlightLimits
from saving_alerts.delivery.outcome_writer import Forwarding, OutcomeWriter
from saving_alerts.delivery.outputs import Output, Undelivered
from saving_alerts.delivery.poison_pills.commit_metadata import SUSPICIOUS_DEATHS, PartitionMemo
from saving_alerts.delivery.poison_pills.detector import PoisonPillDetector
from saving_alerts.delivery.producer import OutputProducer
from saving_alerts.delivery.record_builder import RecordBuilder
from saving_alerts.delivery.record_results import BatchResult
from saving_alerts.delivery.record_work import RecordWork
from saving_alerts.delivery.services import StageServices
from saving_alerts.delivery.stage_runner import StageRunner
from saving_alerts.delivery.work import ClockGate, Run, Work
from saving_alerts.dependencies import Dependencies, LastFailure, State
from saving_alerts.domain.decisions import Stage, Subject
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.exit_codes import RESTART
from saving_alerts.kafka.codecs import Envelope, UnreadableError, decode_dead_letter
from saving_alerts.kafka.topics import Topics
from saving_alerts.metrics import Metric
from saving_alerts.pipeline.drain import Drain
from saving_alerts.pipeline.outcomes import Decided, Failed, Forward, Outcome
from tests.support.fakes.clock import START, FakeClock
from tests.support.fakes.metadata_store import FakeMetadataStore
from tests.support.fakes.metrics import RecordingMetrics

pytestmark = pytest.mark.asyncio

TOPICS = Topics.named("saving-events", "saving-alerts")
PARTITIONS = 4
MAX_IN_FLIGHT = 4
MAX_BYTES_IN_FLIGHT = 64 * 1024
GENERATION = 7
LONG_SECONDS = 60.0
PATIENCE_SECONDS = 5
TURNS_UNTIL_SETTLED = 50
WRITTEN = datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)  # the first record of a partition


@dataclass
class FakeMessage:
    tp: Hashable
    generation_id: int = GENERATION
    acked: bool = False


class FakeEvent:
    """One batch; `acks` is shared by all and remembers in which order they were acknowledged."""

    def __init__(self, records: list[ConsumerRecord], acks: list[int], generation: int = GENERATION) -> None:
        self.value = records
        self._last = records[-1].offset
        self._message = FakeMessage((records[-1].topic, records[-1].partition), generation)
        self._acks = acks

    @property
    def message(self) -> Message:
        return self._message

    def ack(self) -> bool:
        self._acks.append(self._last)
        return True


class FakeFlowControl:
    """Remembers who was stopped and resumed."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def is_current(self, message: Message) -> bool:
        return message.generation_id == GENERATION

    def stop(self, partition: Hashable) -> None:
        self.said.append("stop")

    def resume(self, partition: Hashable) -> None:
        self.said.append("resume")


class FakeOutputs:
    """Takes everything but what it `refuses`; while `is_open` is not set, nothing is answered."""

    def __init__(self) -> None:
        self.written: list[Output] = []
        self.asked = 0
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.refuses: Callable[[Output], bool] = lambda _: False

    async def deliver(self, outputs: Iterable[Output]) -> list[Undelivered]:
        records = list(outputs)
        self.asked += 1
        await self.is_open.wait()
        self.written += [output for output in records if not self.refuses(output)]
        return [Undelivered(output, ValueError("Kafka refuses it")) for output in records if self.refuses(output)]

    def to(self, topic: str) -> list[dict[str, object]]:
        return [json.loads(output.value or b"") for output in self.written if output.topic == topic]


@dataclass
class Steps:
    """A step that ends as it is told by the record's text, and waits at the record's gate when it has one."""

    begun: list[str] = field(default_factory=list)
    gates: dict[str, asyncio.Event] = field(default_factory=dict)
    in_work: Counter[str] = field(default_factory=Counter)
    drain: Drain = field(default_factory=Drain)
    most_of_one_user: int = 0

    def step(self, text: str) -> Outcome[str]:
        self.begun.append(text)
        match text.split("-", maxsplit=1)[0]:
            case "crash":
                raise ZeroDivisionError("a bug")
            case "letter":
                return Failed("the step gave up")
            case "boring" | "pushed" as how:
                return Decided(Reason.PUSHED if how == "pushed" else Reason.NOT_A_TRIGGER)
            case "no":
                return Decided(Reason.NO_CONSENT, {"why": "asked not to"})
            case "ahead":
                return Decided(Reason.INVALID, {"problem": "dated ahead"}, dated_ahead=True)
            case "garbled":
                return Decided(Reason.INVALID, {"problem": "not JSON"}, keep_bytes=True)
        return Forward(text)

    async def waiting_step(self, text: str) -> Outcome[str]:
        user = text.rsplit("-", 1)[-1]
        self.in_work[user] += 1
        self.most_of_one_user = max(self.most_of_one_user, self.in_work[user])
        try:
            outcome = self.step(text)
            if text.startswith("claims"):
                self.drain.begin(anew=True)
            await self.gates.get(text, _open_gate()).wait()
        finally:
            self.in_work[user] -= 1
        return outcome

    def holds(self, *texts: str) -> None:
        for text in texts:
            self.gates[text] = asyncio.Event()


def _open_gate() -> asyncio.Event:
    gate = asyncio.Event()
    gate.set()
    return gate


def _decode(record: ConsumerRecord, _read_at: datetime) -> str:
    text: str = record.value.decode()
    if text.startswith("unreadable"):
        raise UnreadableError("schema 9, readable are [1]")
    return text


def _address(text: str) -> Addressed:
    subject = Subject(event_id=text, user_id=text.rsplit("-", 1)[-1])
    return Addressed(SourcePosition("saving-events", 0, 1), subject, START - timedelta(seconds=3))


def _to_next(text: str) -> tuple[str, Envelope]:
    return text.rsplit("-", 1)[-1], Envelope(SourcePosition("saving-events", 0, 1), text, START)


class World:
    """One stage and what surrounds it. `waiting` gives each record its own task."""

    def __init__(
        self,
        *,
        waiting: bool,
        clock_gate: ClockGate | None = None,
        drain: Drain | None = None,
        share_seconds: float = 0,
    ) -> None:
        self.clock, self.metrics = FakeClock(), RecordingMetrics()
        self.dependencies = Dependencies(self.clock.now)
        self.steps = Steps(drain=drain or Drain())
        self.flow_control, self.outputs = FakeFlowControl(), FakeOutputs()
        self.acks: list[int] = []
        self.metadata = FakeMetadataStore()
        self.detector = PoisonPillDetector(self.metadata, lambda each: self.stage.behind(each))  # noqa: PLW0108 - the stage comes later
        self._offsets: defaultdict[int, int] = defaultdict(int)
        record_builder = RecordBuilder(TOPICS, "worker-1", self.clock, self.metrics, lambda: "rules-1", PARTITIONS)
        forwarding = Forwarding(TOPICS.validated.name, _to_next)
        writer: OutcomeWriter[str, str] = OutcomeWriter(Stage.VALIDATE, record_builder, _decode, _address, forwarding)
        services = StageServices(
            record_builder=record_builder,
            producer=cast("OutputProducer", self.outputs),
            flow_control=self.flow_control,
            detector=self.detector,
            metrics=self.metrics,
            clock=self.clock,
            limits=InFlightLimits(MAX_IN_FLIGHT, MAX_BYTES_IN_FLIGHT, 10 * MAX_IN_FLIGHT, 10 * MAX_BYTES_IN_FLIGHT),
            dependencies=self.dependencies,
            drain=self.steps.drain,
        )
        work: Work = BatchWork(writer, services, self.steps.step, clock_gate)
        if waiting:
            work = RecordWork(writer, services, self.steps.waiting_step)
        self.stage = StageRunner(writer, services, work, share_seconds)

    def take(
        self,
        *texts: str,
        partition: int = 0,
        generation: int = GENERATION,
        headers: tuple[tuple[str, bytes], ...] = (),
    ) -> None:
        records = [self._record(text, partition, headers) for text in texts]
        self.stage.take(FakeEvent(records, self.acks, generation))

    def _record(self, text: str, partition: int, headers: tuple[tuple[str, bytes], ...]) -> ConsumerRecord:
        offset = self._offsets[partition]
        self._offsets[partition] += 1
        key = text.rsplit("-", 1)[-1].encode()
        return ConsumerRecord(
            "saving-events", partition, offset, 1_000 + offset, 0, key, text.encode(), None, 0, 0, headers
        )

    async def acked(self, *offsets: int) -> None:
        await until(lambda: self.acks == list(offsets))
        await asyncio.sleep(0)  # what it measures is sent in the next turn of the loop

    def forwarded(self) -> list[str]:
        return [
            json.loads(output.value or b"") for output in self.outputs.written if output.topic == TOPICS.validated.name
        ]

    def decisions(self) -> list[tuple[object, object]]:
        return [(each["reason"], each.get("event_id")) for each in self.outputs.to(TOPICS.decisions.name)]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 - the stage's tasks tell nobody
            await asyncio.sleep(0)


async def settled() -> None:
    """Nothing but gates is left to wait for: no fake needs more turns of the loop than this."""
    for _ in range(TURNS_UNTIL_SETTLED):
        await asyncio.sleep(0)


class DoubtingGate:
    """Believes what was judged after `is_right` is set; `seen` is how many records were dated ahead, at each run."""

    def __init__(self) -> None:
        self.is_right = asyncio.Event()
        self.seen: list[int] = []

    async def believed(self, run: Run) -> BatchResult:
        while True:
            result = await run()
            self.seen.append(result.dated_ahead)
            if self.is_right.is_set():
                return result
            await self.is_right.wait()


@pytest.fixture(params=[pytest.param(False, id="batch-step"), pytest.param(True, id="waiting-step")])
def world(request: pytest.FixtureRequest) -> World:
    return World(waiting=request.param)


@pytest.fixture
def waiting() -> World:
    return World(waiting=True)


# Acknowledged when it is on Kafka.


async def test_a_batch_is_acknowledged_when_its_outputs_are_on_kafka(world: World) -> None:
    world.take("yes-u1", "no-u2")

    await world.acked(1)

    assert world.forwarded() == ["yes-u1"]
    assert world.decisions() == [("no_consent", "no-u2")]


async def test_before_kafka_has_answered_nothing_is_acknowledged(world: World) -> None:
    world.outputs.is_open.clear()
    world.take("yes-u1")
    await until(lambda: world.outputs.asked == 1)
    await settled()
    before = list(world.acks)

    world.outputs.is_open.set()

    await world.acked(0)
    assert before == []


async def test_a_slow_head_holds_the_acknowledgements_behind_it(waiting: World) -> None:
    waiting.steps.holds("slow-u1")
    waiting.take("slow-u1")
    waiting.take("fast-u2")
    await until(lambda: waiting.forwarded() == ["fast-u2"])
    await settled()
    before = list(waiting.acks)

    waiting.steps.gates["slow-u1"].set()

    await waiting.acked(0, 1)
    assert before == []


async def test_a_batch_waits_for_its_slowest_record(waiting: World) -> None:
    waiting.steps.holds("slow-u1")
    waiting.take("slow-u1", "fast-u2")
    await until(lambda: waiting.forwarded() == ["fast-u2"])
    await settled()
    before = list(waiting.acks)

    waiting.steps.gates["slow-u1"].set()

    await waiting.acked(1)
    assert before == []


async def test_another_partition_is_not_held(waiting: World) -> None:
    waiting.steps.holds("slow-u1")
    waiting.take("slow-u1", partition=0)
    waiting.take("fast-u2", partition=1)

    await waiting.acked(0)

    assert waiting.stage.in_flight == 1


# One user's records one after the other.


async def test_one_users_records_are_never_in_work_at_the_same_time(waiting: World) -> None:
    waiting.take("a-u1", "b-u1")
    waiting.take("c-u1")

    await waiting.acked(1, 2)

    assert (waiting.steps.begun, waiting.steps.most_of_one_user) == (["a-u1", "b-u1", "c-u1"], 1)


async def test_a_users_next_record_waits_until_the_outputs_of_the_one_before_are_on_kafka(waiting: World) -> None:
    waiting.outputs.is_open.clear()
    waiting.take("a-u1", "b-u1")
    await until(lambda: waiting.outputs.asked == 1)
    await settled()
    before = list(waiting.steps.begun)

    waiting.outputs.is_open.set()

    await waiting.acked(1)
    assert before == ["a-u1"]


async def test_other_users_do_not_wait(waiting: World) -> None:
    waiting.steps.holds("slow-u1")

    waiting.take("slow-u1", "b-u1", "c-u2")

    await until(lambda: waiting.steps.begun == ["slow-u1", "c-u2"])
    waiting.steps.gates["slow-u1"].set()
    await waiting.acked(2)


# A full window.


async def test_a_full_window_stops_the_intake_and_half_of_it_lets_it_go_on(waiting: World) -> None:
    texts = [f"slow-u{number}" for number in range(MAX_IN_FLIGHT)]
    waiting.steps.holds(*texts)
    waiting.take(*texts[:3])
    below = list(waiting.flow_control.said)
    waiting.take(texts[3])
    full = list(waiting.flow_control.said)
    waiting.steps.gates[texts[0]].set()
    await until(lambda: waiting.stage.in_flight == 3)
    above_half = list(waiting.flow_control.said)

    waiting.steps.gates[texts[1]].set()

    await until(lambda: waiting.stage.in_flight == 2)
    assert (below, full, above_half, waiting.flow_control.said) == ([], ["stop"], ["stop"], ["stop", "resume"])


async def test_what_was_handed_on_stops_the_intake_before_the_agent_takes_it(waiting: World) -> None:
    partition = "saving-events", 0
    waiting.stage.expect(partition, MAX_IN_FLIGHT - 1, 0)
    below = list(waiting.flow_control.said)
    waiting.stage.expect(partition, 1, 0)
    full = list(waiting.flow_control.said)

    waiting.take(*(f"b-u{number}" for number in range(MAX_IN_FLIGHT)))

    await until(lambda: waiting.stage.in_flight == 0)
    assert (below, full, waiting.flow_control.said[-1]) == ([], ["stop"], "resume")


# Draining.


async def test_while_draining_nothing_new_begins(world: World) -> None:
    await world.stage.drain(LONG_SECONDS)

    world.take("yes-u1")

    await settled()
    assert (world.steps.begun, world.acks, world.stage.in_flight) == ([], [], 0)


async def test_a_drain_waits_for_what_is_in_work_and_it_is_acknowledged(waiting: World) -> None:
    waiting.steps.holds("slow-u1")
    waiting.take("slow-u1")
    await until(lambda: waiting.steps.begun == ["slow-u1"])
    drain = asyncio.create_task(waiting.stage.drain(LONG_SECONDS))
    await settled()
    was_done = drain.done()

    waiting.steps.gates["slow-u1"].set()
    await drain

    assert (was_done, waiting.acks) == (False, [0])


async def test_a_drain_does_not_begin_a_users_next_record(waiting: World) -> None:
    waiting.steps.holds("slow-u1")
    waiting.take("slow-u1")
    waiting.take("next-u1")
    await until(lambda: waiting.steps.begun == ["slow-u1"])
    drain = asyncio.create_task(waiting.stage.drain(LONG_SECONDS))
    await settled()

    waiting.steps.gates["slow-u1"].set()
    await drain

    assert (waiting.steps.begun, waiting.acks) == (["slow-u1"], [0])


async def test_what_a_drain_abandons_is_never_acknowledged(waiting: World) -> None:
    waiting.steps.holds("slow-u1")
    waiting.take("slow-u1")
    await until(lambda: waiting.steps.begun == ["slow-u1"])

    await waiting.stage.drain(0)

    waiting.steps.gates["slow-u1"].set()
    await settled()
    assert (waiting.acks, waiting.outputs.written, waiting.stage.in_flight) == ([], [], 0)


async def test_outputs_that_arrive_after_the_limit_acknowledge_nothing(world: World) -> None:
    world.outputs.is_open.clear()
    world.take("yes-u1")
    await until(lambda: world.outputs.asked == 1)

    await world.stage.drain(0)

    world.outputs.is_open.set()
    await settled()
    assert world.acks == []


async def test_the_next_assignment_starts_with_an_empty_window(waiting: World) -> None:
    waiting.steps.holds("slow-u1")
    waiting.take("slow-u1")
    await waiting.stage.drain(0)
    waiting.stage.resume()

    waiting.take("again-u1")

    await waiting.acked(1)


async def test_a_batch_of_an_earlier_assignment_is_left_alone(world: World) -> None:
    world.take("yes-u1", generation=GENERATION - 1)

    await settled()
    assert (world.steps.begun, world.acks, world.stage.in_flight) == ([], [], 0)


# Whatever goes wrong is written down.


@pytest.mark.parametrize(
    ("text", "error"),
    [
        pytest.param("crash-u1", "ZeroDivisionError: a bug", id="the-step-raises"),
        pytest.param("letter-u1", "the step gave up", id="the-step-gives-up"),
    ],
)
async def test_what_nobody_foresaw_is_a_dead_letter_with_a_decision(world: World, text: str, error: str) -> None:
    world.take(text, "yes-u2")

    await world.acked(1)

    assert world.decisions() == [("dead_letter", text)]
    (decision,) = world.outputs.to(TOPICS.decisions.name)
    (letter,) = world.outputs.to(TOPICS.dead_letters.name)
    assert decision["details"] == {"error": error}
    assert (letter["offset"], letter["body_bytes"]) == (0, len(text))
    assert (letter["reason"], letter["tried"]) == ("dead_letter", True)
    assert world.forwarded() == ["yes-u2"]


async def test_a_record_that_nobody_can_read_is_accounted_for_by_its_headers(world: World) -> None:
    envelope = Envelope(SourcePosition("saving-events", 2, 44), "event-44", START)

    world.take("unreadable-u1", headers=envelope.headers())

    await world.acked(0)
    (decision,) = world.outputs.to(TOPICS.decisions.name)
    assert (decision["reason"], decision["event_id"], decision["user_id"]) == ("dead_letter", "event-44", "u1")
    assert decision["position"] == {"topic": "saving-events", "partition": 2, "offset": 44}


async def test_a_dead_letter_keeps_the_headers_that_a_stage_reads(world: World) -> None:
    headers = Envelope(SourcePosition("saving-events", 2, 44), "event-44", START).headers()

    world.take("unreadable-u1", headers=(("traceparent", b"00-1"), *headers))

    await world.acked(0)
    (output,) = [output for output in world.outputs.written if output.topic == TOPICS.dead_letters.name]
    assert decode_dead_letter(output.value).headers == headers


async def test_a_record_without_readable_headers_is_accounted_for_by_its_own_place(world: World) -> None:
    world.take("unreadable-u1", partition=3)

    await world.acked(0)
    (decision,) = world.outputs.to(TOPICS.decisions.name)
    assert decision["position"] == {"topic": "saving-events", "partition": 3, "offset": 0}


async def test_a_decision_that_keeps_the_bytes_writes_both(world: World) -> None:
    world.take("garbled-u1")

    await world.acked(0)

    assert world.decisions() == [("invalid", "garbled-u1")]
    (letter,) = world.outputs.to(TOPICS.dead_letters.name)
    assert (letter["error"], letter["reason"]) == ("not JSON", "invalid")


async def test_an_output_that_kafka_refuses_becomes_a_dead_letter(world: World) -> None:
    world.outputs.refuses = lambda output: output.topic == TOPICS.validated.name

    world.take("yes-u1", "no-u2")

    await world.acked(1)
    assert set(world.decisions()) == {("dead_letter", "yes-u1"), ("no_consent", "no-u2")}
    assert [letter["offset"] for letter in world.outputs.to(TOPICS.dead_letters.name)] == [0]


async def test_one_receipt_covers_all_of_a_batch_that_were_no_triggers() -> None:
    world = World(waiting=False)

    world.take("boring-u1", "boring-u2", "no-u3", "boring-u4")

    await world.acked(3)
    receipts = [each for each in world.outputs.to(TOPICS.decisions.name) if "ranges" in each]
    assert [(receipt["partition"], receipt["ranges"]) for receipt in receipts] == [(0, [[0, 1], [3, 3]])]
    assert receipts[0]["written_ms"] == [1_000, 1_003]
    assert ("no_consent", "no-u3") in world.decisions()


async def test_one_receipt_covers_them_too_when_they_are_tried_one_at_a_time() -> None:
    world = World(waiting=False)
    world.metadata.notes = {("saving-events", 0): (0, PartitionMemo(deaths=SUSPICIOUS_DEATHS))}

    world.take("boring-u1", "boring-u2", "no-u3")

    await world.acked(2)
    receipts = [each for each in world.outputs.to(TOPICS.decisions.name) if "ranges" in each]
    assert [(receipt["ranges"], receipt["written_ms"]) for receipt in receipts] == [([[0, 1]], [1_000, 1_001])]
    assert world.metrics.total(Metric.STAGE_OUT, stage="validate", decision="not_a_trigger") == 2


async def test_a_batch_of_triggers_has_no_receipt() -> None:
    world = World(waiting=False)

    world.take("yes-u1")

    await world.acked(0)
    assert world.outputs.to(TOPICS.decisions.name) == []


# What must not happen.

BUG_IN_DELIVERY = """
import asyncio
from tests.unit.delivery.test_stage_runner import World


async def main() -> None:
    world = World(waiting={waiting})
    world.outputs.refuses = lambda output: 1 / 0
    world.take("yes-u1")
    await world.acked(0)
    print("acknowledged")


asyncio.run(main())
"""


@pytest.mark.parametrize("waiting", [False, True], ids=["batch-step", "waiting-step"])
async def test_a_bug_in_delivery_ends_the_process_without_an_acknowledgement(waiting: bool) -> None:  # noqa: FBT001
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", BUG_IN_DELIVERY.format(waiting=waiting), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )

    said, complained = await process.communicate()

    assert (process.returncode, said) == (RESTART, b"")
    assert b"ZeroDivisionError" in complained


# What is counted.


async def test_everything_that_goes_in_is_counted_out_by_its_decision(world: World) -> None:
    world.take("yes-u1", "no-u2", "crash-u3")

    await world.acked(2)

    counted = {
        label: world.metrics.total(Metric.STAGE_OUT, stage="validate", decision=label)
        for label in ("forwarded", "no_consent", "dead_letter")
    }
    assert counted == {"forwarded": 1, "no_consent": 1, "dead_letter": 1}
    assert world.metrics.total(Metric.STAGE_IN, stage="validate") == 3
    assert world.metrics.values(Metric.EVENT_AGE) == [3.0, 3.0, 3.0]


async def test_what_is_finished_is_in_flight_no_more(world: World) -> None:
    world.take("yes-u1", "no-u2")
    await asyncio.sleep(0)
    assert world.metrics.values(Metric.IN_FLIGHT)[-1] == 2

    await world.acked(1)

    assert world.metrics.values(Metric.IN_FLIGHT)[-1] == 0


async def test_how_old_events_are_when_they_are_pushed_is_of_those_that_are(world: World) -> None:
    world.take("yes-u1", "pushed-u2", "no-u3")

    await world.acked(2)

    assert world.metrics.values(Metric.PUSH_AGE) == [3.0]


async def test_a_batch_that_a_wrong_clock_judged_is_neither_written_nor_acknowledged() -> None:
    gate = DoubtingGate()
    world = World(waiting=False, clock_gate=gate)

    world.take("ahead-u-1", "ok-u-2", "ahead-u-3")
    await settled()

    assert (gate.seen, world.outputs.written, world.acks, world.stage.in_flight) == ([2], [], [], 3)
    gate.is_right.set()
    await world.acked(2)
    assert gate.seen == [2, 2]
    assert world.forwarded() == ["ok-u-2"]


async def test_what_a_wrong_clock_holds_stops_the_intake() -> None:
    world = World(waiting=False, clock_gate=DoubtingGate())

    world.take(*(f"ok-u-{number}" for number in range(MAX_IN_FLIGHT)))
    await settled()

    assert world.flow_control.said == ["stop"]


# What is finished behind a record that is not.

TP0 = ("saving-events", 0)


async def test_a_finished_record_is_not_kept_by_what_it_waits_for(waiting: World) -> None:
    waiting.steps.holds("slow-u1")
    event = FakeEvent([waiting._record("slow-u1", 0, ()), waiting._record("fast-u2", 0, ())], waiting.acks)
    waiting.stage.take(event)
    await until(lambda: waiting.stage.in_flight == 1)

    assert event.value == []
    assert [
        record.value for entry in waiting.stage._in_flight._rows[TP0].entries for record in entry.unfinished.values()
    ] == [b"slow-u1"]


async def test_what_holds_a_partition_back_is_told_with_what_it_waits_for(waiting: World) -> None:
    waiting.steps.holds("slow-u1")
    waiting.take("slow-u1", "next-u1", "fast-u2")
    await until(lambda: waiting.stage.in_flight == 2)
    (in_its_step,) = waiting.stage.held_back()
    waiting.outputs.is_open.clear()
    waiting.steps.gates["slow-u1"].set()
    await settled()
    (written,) = waiting.stage.held_back()
    waiting.outputs.is_open.set()
    await waiting.acked(2)

    assert in_its_step == HeldBack(
        Stage.VALIDATE, "saving-events", 0, 0, START, 3, ITS_STEP[Stage.VALIDATE], is_stopped=False, written_at=WRITTEN
    )
    assert written.waits_for == KAFKA
    assert list(waiting.stage.held_back()) == []


async def test_while_what_a_stage_waits_for_is_ill_that_holds_its_partition_back(waiting: World) -> None:
    waiting.steps.holds("slow-u1")
    waiting.take("slow-u1")
    await settled()
    for ill, text in (("kafka_access", "it refuses our login"), ("push_api", "HTTP 500")):
        waiting.dependencies.of(ill).note(State.DEGRADED, text)

    (held,) = waiting.stage.held_back()

    assert held.waits_for == "Kafka: it refuses our login"  # nobody waits for the push API in this stage
    waiting.steps.gates["slow-u1"].set()
    await waiting.acked(0)


async def test_who_failed_since_a_record_was_taken_is_named_though_nobody_is_ill(waiting: World) -> None:
    waiting.dependencies.of("clock").error = LastFailure("is an hour ahead", START - timedelta(seconds=1))
    waiting.steps.holds("slow-u1")
    waiting.take("slow-u1")
    await settled()
    waiting.dependencies.of("kafka_access").failed("no answer within 5 s")

    (held,) = waiting.stage.held_back()

    assert held.waits_for == f"{ITS_STEP[Stage.VALIDATE]}; last failed Kafka: no answer within 5 s"
    waiting.steps.gates["slow-u1"].set()
    await waiting.acked(0)


async def test_before_the_memos_are_read_nothing_has_begun(waiting: World) -> None:
    waiting.metadata.is_open.clear()
    waiting.take("a-u1")
    await settled()

    assert [held.waits_for for held in waiting.stage.held_back()] == [ITS_TURN]


async def test_a_batch_that_is_let_go_holds_up_no_commit_where_somebody_refers_to_it(waiting: World) -> None:
    waiting.steps.holds("slow-u0")
    waiting.take("slow-u0")
    events = [FakeEvent([waiting._record(f"a-w{number}", 0, ())], waiting.acks) for number in range(FEW_ENTRIES + 8)]
    for event in events:
        waiting.stage.take(event)
        await until(lambda: waiting.stage.in_flight == 1)

    let_go = [event.message.acked for event in events]
    assert True in let_go
    assert waiting.acks == []
    waiting.steps.gates["slow-u0"].set()
    await until(lambda: waiting.acks[-1:] == [len(events)])
    assert {offset for offset, gone in enumerate(let_go, start=1) if gone}.isdisjoint(waiting.acks)


def noted_of(world: World, committed: int) -> PartitionMemo:
    """What the next owner reads beside this commit, if this one ended well."""
    memo = world.detector.memo_at(TP0, committed).without_death()
    return PartitionMemo.read(world.detector.text(TP0, committed, memo))


@st.composite
def owners(draw: st.DrawFn) -> tuple[list[str], list[set[int]], list[int]]:
    """Records, those that hold at each owner, and how many records each takes at a time."""
    texts = [f"yes-u{draw(st.integers(0, 5))}" for _ in range(draw(st.integers(1, 24)))]
    texts = [f"yes{number}-{text.split('-')[1]}" for number, text in enumerate(texts)]
    held = draw(st.lists(st.sets(st.integers(0, len(texts) - 1)), min_size=1, max_size=3))
    return texts, [*held, set()], draw(st.lists(st.integers(1, 7), min_size=len(held) + 1, max_size=len(held) + 1))


async def owned(
    texts: list[str], committed: int, memo: PartitionMemo, held: set[int], at_a_time: int
) -> tuple[World, list[str], int]:
    """An owner that begins at `committed`: what it had finished, and where it commits, when its partitions went."""
    world = World(waiting=True)
    world.metadata.notes = {TP0: (committed, memo)}
    world.steps.holds(*(texts[offset] for offset in held))
    world._offsets[0] = committed
    for first in range(committed, len(texts), at_a_time):
        world.take(*texts[first : first + at_a_time])
    for _ in range(10):  # one user's records come one after the other
        await settled()
    await world.stage.drain(0)
    return world, world.forwarded(), max(world.acks, default=committed - 1) + 1


@given(owners())
@settings(max_examples=60, deadline=None)
async def test_nothing_finished_is_done_again_by_the_next_owner_and_nothing_else_is_passed_over(
    case: tuple[list[str], list[set[int]], list[int]],
) -> None:
    texts, held, at_a_time = case
    committed, memo, finished = 0, PartitionMemo(), list[str]()
    for held_here, count in zip(held, at_a_time, strict=True):
        world, done, committed = await owned(texts, committed, memo, held_here, count)
        finished += done
        memo = noted_of(world, committed) if committed < len(texts) else PartitionMemo()

    assert committed == len(texts)
    assert sorted(finished) == sorted(texts)


async def test_another_topic_of_the_same_name_is_not_passed_over(waiting: World) -> None:
    world, _, committed = await owned(["a-u1", "b-u2", "c-u3"], 0, PartitionMemo(), {0}, 3)
    memo = noted_of(world, committed)

    _, same, _ = await owned(["a-u1", "b-u2", "c-u3"], committed, memo, set(), 3)
    _, made_again, _ = await owned(["x-u1", "b-u2", "c-u3"], committed, memo, set(), 3)

    assert same == ["a-u1"]
    assert made_again == ["x-u1", "b-u2", "c-u3"]


async def test_little_that_is_finished_is_noted_only_when_partitions_go(waiting: World) -> None:
    waiting.steps.holds("slow-u1")
    waiting.take("slow-u1", "a-u2")
    await until(lambda: waiting.stage.in_flight == 1)
    before = waiting.stage.behind(TP0)

    await waiting.stage.drain(0)
    drained = waiting.stage.behind(TP0)
    waiting.stage.resume()

    assert before is None
    assert drained is not None
    assert (drained.first, drained.ranges) == (0, [(1, 1)])
    assert waiting.stage.behind(TP0) is None


# What ends here may be written a little later, together with more of it.


@pytest.fixture
def sharing() -> World:
    return World(waiting=False, share_seconds=LONG_SECONDS)


async def test_what_goes_on_waits_for_nothing(sharing: World) -> None:
    sharing.take("yes-u1", "no-u2")
    sharing.take("boring-u3", partition=1)
    await until(lambda: sharing.forwarded() == ["yes-u1"])
    await settled()
    before = list(sharing.acks), sharing.decisions()

    await sharing.stage.drain(PATIENCE_SECONDS)

    assert before == ([], [])
    assert sorted(sharing.acks) == [0, 1]
    assert sorted(map(str, sharing.decisions())) == ["('no_consent', 'no-u2')", "('not_a_trigger', None)"]


async def test_small_batches_share_one_receipt_and_one_delivery() -> None:
    sharing = World(waiting=False, share_seconds=0.01)
    for _ in range(3):
        sharing.take("boring-u1")

    await sharing.acked(0, 1, 2)

    assert sharing.outputs.asked == 1
    assert [each["ranges"] for each in sharing.outputs.to(TOPICS.decisions.name)] == [[[0, 2]]]


async def test_what_is_written_together_is_acknowledged_when_it_is_on_kafka() -> None:
    sharing = World(waiting=False, share_seconds=0.01)
    sharing.outputs.is_open.clear()
    sharing.take("boring-u1")
    await until(lambda: sharing.outputs.asked == 1)
    await settled()
    before = list(sharing.acks), [each.waits_for for each in sharing.stage.held_back()]

    sharing.outputs.is_open.set()

    await sharing.acked(0)
    assert before == ([], [KAFKA])


async def test_what_is_written_together_and_refused_becomes_a_dead_letter() -> None:
    sharing = World(waiting=False, share_seconds=0.01)
    sharing.outputs.refuses = lambda output: b"no_consent" in (output.value or b"")
    sharing.take("no-u1")
    sharing.take("boring-u2")

    await sharing.acked(0, 1)

    assert sorted(str(reason) for reason, _ in sharing.decisions()) == ["dead_letter", "not_a_trigger"]


async def test_nothing_is_written_together_while_a_poison_pill_is_looked_for(sharing: World) -> None:
    sharing.metadata.notes = {("saving-events", 0): (0, PartitionMemo(deaths=SUSPICIOUS_DEATHS))}

    sharing.take("boring-u1")

    await sharing.acked(0)


async def test_what_ends_in_one_turn_of_the_loop_is_measured_together(world: World) -> None:
    world.take(*(f"no-u{number}" for number in range(50)))

    await world.acked(49)

    sent = world.metrics.values(Metric.STAGE_OUT)
    assert sum(sent) == 50
    assert len(sent) < 10
