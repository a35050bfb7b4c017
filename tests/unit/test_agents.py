"""The four agents in Faust, each between its two topics, with fakes for everything around them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import cast

import msgspec
import pytest
from aiokafka import AIOKafkaProducer, ConsumerRecord

from saving_alerts.app import SavingAlertsApp, create_app
from saving_alerts.delivery.outputs import Output
from saving_alerts.dependencies import Dependencies
from saving_alerts.domain.canary.evidence import Evidence
from saving_alerts.domain.coupons import Candidate
from saving_alerts.domain.decisions import Decision, Stage, Versions
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules.expressions import compile_when
from saving_alerts.kafka.codecs import Envelope, alert_codec, candidate_codec, decode_ledger, encode, validated_codec
from saving_alerts.metrics import Metric, Metrics
from saving_alerts.ports import Ports
from saving_alerts.ports.clock import Clock
from saving_alerts.ports.heartbeats import WorkerRow
from saving_alerts.settings import Settings, example_settings
from saving_alerts.worker.canary_watch import CanaryWatch
from saving_alerts.worker.external_factories import ExternalFactories
from tests.support.fakes.accepted_directory import FakeAcceptedDirectories
from tests.support.fakes.clock import START, FakeClock
from tests.support.fakes.coupon_source import FakeCouponSource
from tests.support.fakes.heartbeats import FakeHeartbeats
from tests.support.fakes.metadata_store import FakeMetadataStore
from tests.support.fakes.object_store import FakeObjectStore
from tests.support.fakes.push_sender import FakePushSender
from tests.support.fakes.push_sends import FakePushSends
from tests.support.fakes.throttle import FakeThrottle
from tests.support.sample_canary import an_order
from tests.support.sample_events import DEADLINE, POSITION, alert, coupon, encoded, event, snapshot, validated
from tests.support.worker_rows import a_row

pytestmark = pytest.mark.asyncio

PARTITIONS = 4
PATIENCE_SECONDS = 5


class FakeBatch:
    """Takes any number of records."""

    def __init__(self) -> None:
        self.records: list[tuple[bytes | None, bytes, list[tuple[str, bytes]]]] = []

    def append(
        self, *, key: bytes | None, value: bytes, timestamp: int | None, headers: list[tuple[str, bytes]]
    ) -> object:
        self.records.append((key, value, headers))
        return object()


class FakeProducer:
    """Whatever is produced stands in `written`, once `is_open` is set."""

    def __init__(self) -> None:
        self.written: asyncio.Queue[Output] = asyncio.Queue()
        self.is_open = asyncio.Event()
        self.is_open.set()

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def partitions_for(self, topic: str) -> set[int]:
        return set(range(PARTITIONS))

    def create_batch(self) -> FakeBatch:
        return FakeBatch()

    async def send_batch(self, batch: FakeBatch, topic: str, *, partition: int) -> "asyncio.Future[None]":
        await self.is_open.wait()
        for key, value, headers in batch.records:
            self.written.put_nowait(Output(topic, partition, key, value, tuple(headers)))
        stored = asyncio.get_running_loop().create_future()
        stored.set_result(None)
        return stored


class Worker:
    """One worker with loaded rules and merchants."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.coupons = FakeCouponSource(self.clock)
        self.pushes = FakePushSender(self.clock)
        self.producer = FakeProducer()
        self.app: SavingAlertsApp = create_app(example_settings(), external=self._external(), clock=self.clock)

    def _external(self) -> ExternalFactories:
        return ExternalFactories(
            open_ports=self._open_ports,
            new_producer=lambda _: cast("AIOKafkaProducer", self.producer),
            push_sends=lambda app, topic, clock: FakePushSends(clock),
            metadata_store=lambda app, settings: FakeMetadataStore(),
        )

    async def _open_ports(
        self, settings: Settings, clock: Clock, metrics: Metrics, closing: AsyncExitStack, dependencies: Dependencies
    ) -> Ports:
        return Ports(
            coupon_source=self.coupons,
            push_sender=self.pushes,
            throttle=FakeThrottle(clock),
            object_store=FakeObjectStore(),
            heartbeats=FakeHeartbeats(clock),
            accepted_directories=FakeAcceptedDirectories(),
        )

    async def open(self) -> None:
        runtime, data = self.app.runtime, snapshot()
        await runtime.producer.on_start()
        await runtime.open()
        runtime.reference_data.replace_rules(data.rules, START)
        runtime.reference_data.replace_merchants(data.merchants, START)

    async def close(self) -> None:
        await self.app.runtime.close()
        await self.app.runtime.producer.on_stop()

    async def feed(self, stage: Stage, *records: ConsumerRecord) -> list[Output]:
        """Hand one batch to the stage's agent; what was written until it was acknowledged."""
        async with self.app.agents[f"{stage}"].test_context() as agent:
            taken = await agent.put(list(records), wait=False)
            await until(lambda: taken.message.acked)
            return [self.producer.written.get_nowait() for _ in range(self.producer.written.qsize())]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 - an acknowledgement tells nobody
            await asyncio.sleep(0)


@asynccontextmanager
async def open_worker() -> AsyncIterator[Worker]:
    worker = Worker()
    await worker.open()
    try:
        yield worker
    finally:
        await worker.close()


def record(topic: str, value: bytes, headers: tuple[tuple[str, bytes], ...] = ()) -> ConsumerRecord:
    return ConsumerRecord(topic, POSITION.partition, POSITION.offset, 0, 0, b"u-1", value, None, 0, 0, headers)


def source_record(value: bytes) -> ConsumerRecord:
    return record("saving-events", value)


def internal_record(topic: str, value: object) -> ConsumerRecord:
    return record(topic, encode(value), Envelope(POSITION, "event-7", DEADLINE).headers())


def candidate() -> Candidate:
    return Candidate(validated=validated(), coupons=(coupon(),), looked_at=START, merchants_version="merchants-1")


@pytest.mark.parametrize(
    ("agent", "topic"),
    [
        pytest.param("validate", "saving-events", id="validate"),
        pytest.param("query_coupons", "saving-alerts.validated", id="query_coupons"),
        pytest.param("evaluate_rules", "saving-alerts.candidates", id="evaluate_rules"),
        pytest.param("dispatch_push", "saving-alerts.alerts", id="dispatch_push"),
    ],
)
async def test_each_agent_reads_what_the_one_before_it_writes(agent: str, topic: str) -> None:
    worker = Worker()

    assert worker.app.agents[agent].channel.topics == (topic,)


async def test_validate_reads_the_source_and_writes_the_validated_event() -> None:
    async with open_worker() as worker:
        (output,) = await worker.feed(Stage.VALIDATE, source_record(encoded(event())))

        assert (output.topic, output.key) == ("saving-alerts.validated", b"u-1")
        assert validated_codec.decode(output.value, output.headers) == validated()


async def test_query_coupons_writes_the_candidate() -> None:
    async with open_worker() as worker:
        worker.coupons.gives("u-1", "m-1", coupon())

        (output,) = await worker.feed(Stage.QUERY_COUPONS, internal_record("saving-alerts.validated", validated()))

        assert output.topic == "saving-alerts.candidates"
        assert candidate_codec.decode(output.value, output.headers) == candidate()


async def test_an_expression_that_fails_on_a_live_event_is_counted_by_its_rule() -> None:
    async with open_worker() as worker:
        data, tally = snapshot(), worker.app.runtime.in_memory_metrics
        (rule,) = data.rules.rules
        failing = replace(
            rule, id="failing", when=compile_when("event.locale != 'en' || 1 / (local.hour - 11) > 1", rule.event_types)
        )
        worker.app.runtime.reference_data.replace_rules(replace(data.rules, rules=(failing, rule)), START)

        await worker.feed(Stage.EVALUATE_RULES, internal_record("saving-alerts.candidates", candidate()))

        assert tally.counters(Metric.RULES_WHEN_ERRORS) == {(("rule", "failing"),): 1}


async def test_evaluate_rules_writes_the_alert() -> None:
    async with open_worker() as worker:
        (output,) = await worker.feed(Stage.EVALUATE_RULES, internal_record("saving-alerts.candidates", candidate()))

        assert output.topic == "saving-alerts.alerts"
        assert alert_codec.decode(output.value, output.headers) == alert()


async def test_dispatch_push_sends_and_writes_that_it_did() -> None:
    async with open_worker() as worker:
        (output,) = await worker.feed(Stage.DISPATCH_PUSH, internal_record("saving-alerts.alerts", alert()))

        decision = decode_ledger(output.value)
        assert output.topic == "saving-alerts.decisions"
        assert isinstance(decision, Decision)
        assert (decision.reason, decision.position, decision.stage) == (
            Reason.PUSHED,
            POSITION,
            Stage.DISPATCH_PUSH,
        )
        assert len(worker.pushes.accepted) == 1


async def test_an_event_goes_through_all_four_agents_to_its_push() -> None:
    async with open_worker() as worker:
        worker.coupons.gives("u-1", "m-1", coupon())
        following = source_record(encoded(event()))

        for stage in Stage:
            (output,) = await worker.feed(stage, following)
            following = record(output.topic, output.value or b"", tuple(output.headers))

        assert [sent.push.title for sent in worker.pushes.accepted] == ["20% at Shop"]


@pytest.mark.parametrize("stage", [pytest.param(stage, id=stage.value) for stage in Stage])
async def test_an_unreadable_record_ends_in_a_decision_and_keeps_its_bytes(stage: Stage) -> None:
    async with open_worker() as worker:
        outputs = await worker.feed(stage, record("any", b"{"))

        assert sorted(output.topic for output in outputs) == [
            "saving-alerts.dead-letters",
            "saving-alerts.decisions",
        ]


async def test_faust_does_not_acknowledge_what_the_stage_has_not_finished() -> None:
    async with open_worker() as worker:
        worker.coupons.gives("u-1", "m-1", coupon())
        stage = worker.app.runtime.stages[Stage.QUERY_COUPONS]
        worker.producer.is_open.clear()
        async with worker.app.agents["query_coupons"].test_context() as agent:
            first = await agent.put([internal_record("saving-alerts.validated", validated())], wait=False)
            second = await agent.put([internal_record("saving-alerts.validated", validated())], wait=False)
            await until(lambda: stage.in_flight == 2)
            before = (first.message.acked, second.message.acked)

            worker.producer.is_open.set()

            await until(lambda: first.message.acked and second.message.acked)
            assert before == (False, False)


async def test_an_event_of_a_tried_user_goes_through_all_four_with_the_canarys_rules_until_it_is_taken_back() -> None:
    async with open_worker() as worker:
        data, runtime = snapshot().rules, worker.app.runtime
        order = next(
            each
            for each in (an_order(f"{number:012x}", data.version, percent=50) for number in range(100))
            if each.is_for("u-1", START)
        )
        runtime.reference_data.replace_canary((order, replace(data, version=order.version)))
        worker.coupons.gives("u-1", "m-1", coupon())
        following = source_record(encoded(event()))
        for stage in Stage:
            (output,) = await worker.feed(stage, following)
            following = record(output.topic, output.value or b"", tuple(output.headers))
        pushed, seen = decode_ledger(output.value), runtime.canary.evidence
        counted, now_ours = runtime.canary_id, Evidence(evaluated=180, wanted=75)
        await CanaryWatch(runtime, lambda: [row_of_another(order.id, now_ours)]).look()
        written = worker.producer.written.get_nowait()

        assert isinstance(pushed, Decision)
        versions = Versions(rules=order.version, merchants="merchants-1", caps=order.version, canary=order.id)
        assert (pushed.reason, pushed.versions) == (Reason.PUSHED, versions)
        assert (counted, seen) == (order.id, Evidence(evaluated=1, wanted=1, tried=1))
        assert (written.topic, written.key) == ("saving-alerts.kill-switches", f"canary:{order.id}".encode())


def row_of_another(canary: str, evidence: Evidence) -> WorkerRow:
    return msgspec.structs.replace(a_row(0, {}), canary=canary, evidence=evidence)
