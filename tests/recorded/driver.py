"""What every recorded act does in its world: write records, wait for their decisions, and give commands."""

from collections.abc import Iterable
from random import Random

from confluent_kafka import Producer

from demo.checks.decision_consumer import DecisionConsumer, Position
from demo.stub_apis.coupon_api import Coupons
from demo.traffic import merchants_jsonl
from demo.traffic.coupons import good_coupon
from demo.traffic.directory import MERCHANTS
from demo.traffic.paced_producer import PacedProducer, Record
from demo.workers.worker_process import WorkerProcess, command_line
from demo.world import World
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.client import partition_of
from tests.end_to_end.conditions import wait_until
from tests.recorded.lines import Line
from tests.recorded.readings import PARTITIONS

ANSWER_SECONDS = 60
PER_SECOND = 100
_MERCHANTS = {merchant.merchant_id: merchant for merchant in MERCHANTS}


def coupons_for_all(user_id: str, merchant_id: str) -> Coupons:
    """Everybody can save everywhere."""
    return [good_coupon(Random(user_id), _MERCHANTS[merchant_id])]


class Driver:
    """Works on one world."""

    def __init__(self, world: World, decisions: DecisionConsumer) -> None:
        self.world = world
        self._decisions = decisions
        self._source = PacedProducer(world.bootstrap_servers, world.topics.source.name)
        self._producer = Producer({"bootstrap.servers": world.bootstrap_servers, "log_level": 0})

    def prepare(self, rules: bytes) -> None:
        """These rules, and coupons for everybody."""
        self.world.s3.put("rules.json", rules)
        self.world.s3.put("merchants.jsonl", merchants_jsonl())
        self.world.coupon_api.coupons = coupons_for_all

    def start_worker(self) -> WorkerProcess:
        worker = self.world.start_worker()
        worker.wait_until_ready()
        return worker

    def write(self, *records: Record) -> list[Position]:
        """On the source; where they stand."""
        self._source.write(records, PER_SECOND)
        return [self._source.positions[record.name] for record in records]

    def play(self, *records: Record) -> None:
        """On the source, until each of them is decided."""
        self.wait_for(self.write(*records))

    def wait_for(self, positions: Iterable[Position]) -> None:
        wanted = list(positions)
        wait_until(lambda: all(map(self._decisions.at, wanted)), ANSWER_SECONDS, f"decisions for {wanted}")

    def is_decided(self, position: Position, times: int = 1) -> bool:
        return len(self._decisions.at(position)) >= times

    def put(self, topic: str, line: Line) -> None:
        """A record as it stands in the line, where its key belongs."""
        key = line.key_bytes or b""
        headers: list[tuple[str, str | bytes | None]] = list(line.header_bytes)
        partition = partition_of(key, PARTITIONS)
        self._producer.produce(topic, line.value_bytes, key, partition=partition, headers=headers)
        assert self._producer.flush(ANSWER_SECONDS) == 0

    def command(self, *arguments: str) -> None:
        ended = command_line(list(arguments), self.world.environment)
        assert ended.returncode == 0, ended.stderr


def position_of(position: SourcePosition) -> Position:
    return position.partition, position.offset
