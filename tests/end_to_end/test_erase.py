"""An operator has a user forgotten: no store names them any more, and their caps hold, whatever is lost afterwards."""

import signal
from collections.abc import Iterator
from contextlib import closing
from functools import partial

import pytest
import redis
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from demo.checks.decision_consumer import DecisionConsumer
from demo.traffic.paced_producer import PacedProducer
from demo.workers.worker_process import command_line
from demo.world import World
from saving_alerts.domain.decisions import Decision
from saving_alerts.domain.reasons import Reason
from saving_alerts.failpoints import Failpoint
from saving_alerts.kafka.client import partition_of
from tests.end_to_end.conditions import wait_until
from tests.end_to_end.shoppers import good_coupons, long_freshness_rules, visit

pytestmark = pytest.mark.timeout(180)

ANSWER_SECONDS = 60
SECRET = {"SAVING_ALERTS_ERASURE_SECRET": "0123456789abcdef0123456789abcdef"}
AMONG = 4  # partitions of every topic of the embedded Kafka
BETWEEN_THE_STEPS = [Failpoint.AFTER_CLAIMS_ERASED, Failpoint.AFTER_TOKENS_WRITTEN, Failpoint.AFTER_ROWS_ERASED]


class Shop:
    """One worker, one push a day for each user, and an operator."""

    def __init__(self, world: World, decisions: DecisionConsumer) -> None:
        self.world = world
        self.worker = world.start_worker()
        self.worker.wait_until_ready()
        self._decisions = decisions
        self._producer = PacedProducer(world.bootstrap_servers, world.topics.source.name)
        self._redis = redis.Redis.from_url(world.redis.url)

    def visited(self, user: str, event: str) -> Decision:
        """How it ended."""
        self._producer.write([visit(event, user)], 100)
        position = self._producer.positions[event]
        assert self._decisions.wait_for(position, ANSWER_SECONDS), self.worker.health()
        (decision,) = self._decisions.at(position)
        return decision

    def pushes(self, user: str) -> int:
        return sum(accepted.push.user_id == user for accepted in self.world.push_api.accepted)

    def erase(self, user: str, *arguments: str) -> tuple[int, str]:
        ended = command_line(["erase", "--user", user, *arguments], self.world.environment)
        return ended.returncode, ended.stdout + ended.stderr

    def lose_redis(self) -> None:
        self._redis.flushall()

    def claim_keys(self) -> str:
        return str(self._redis.keys("*claims*"))

    def rows(self, user: str) -> dict[bytes, bool]:
        """Of the user on the Table's changelog: whether each key has a value, as compaction would leave it."""
        found = {key: value is not None for key, value in self._records(self.world.topics.push_sends.name, user)}
        return {key: stands for key, stands in found.items() if key.startswith(user.encode() + b"\xff")}

    def order_waits(self, user: str) -> bool:
        assert self.world.topics.erasures
        last: dict[bytes, bool] = {}
        for key, value in self._records(self.world.topics.erasures.name, user):
            last[key] = value is not None
        return any(last.values())

    def _records(self, topic: str, user: str) -> list[tuple[bytes, bytes | None]]:
        options = {"bootstrap.servers": self.world.bootstrap_servers, "group.id": "nobody", "enable.auto.commit": False}
        partition = TopicPartition(topic, partition_of(user.encode(), AMONG), OFFSET_BEGINNING)
        with closing(Consumer({**options, "enable.partition.eof": False})) as consumer:
            _, end = consumer.get_watermark_offsets(partition, timeout=ANSWER_SECONDS)
            consumer.assign([partition])
            found = [consumer.poll(ANSWER_SECONDS) for _ in range(end)]
        return [(record.key() or b"", record.value()) for record in found if record is not None]


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    opening = World(settings=SECRET)
    with opening as world, DecisionConsumer(world.bootstrap_servers, world.topics.decisions.name) as decisions:
        world.publish_reference_data()
        world.s3.put("rules.json", long_freshness_rules())
        world.coupon_api.coupons = good_coupons
        yield Shop(world, decisions)


def test_one_who_was_erased_is_named_nowhere_and_capped_all_the_same(shop: Shop) -> None:
    pushed = shop.visited("u-1", "first")
    named = "saving-alerts:claims:u-1" in shop.claim_keys()

    code, told = shop.erase("u-1", "--yes")
    again = shop.visited("u-1", "second")

    assert (pushed.reason, named) == (Reason.PUSHED, True)
    assert (code, told) == (0, told)
    assert "u-1" not in shop.claim_keys()
    assert list(shop.rows("u-1").values()) == [False]
    assert not shop.order_waits("u-1")
    assert (again.reason, shop.pushes("u-1")) == (Reason.CAPPED, 1)


def test_the_cap_holds_when_redis_is_lost_and_the_worker_too(shop: Shop) -> None:
    shop.visited("u-2", "u-2 first")
    assert shop.erase("u-2", "--yes")[0] == 0
    shop.lose_redis()
    by_the_table = shop.visited("u-2", "u-2 second")
    shop.worker.stop()
    shop.lose_redis()
    shop.worker.start()
    shop.worker.wait_until_ready()
    by_the_changelog = shop.visited("u-2", "u-2 third")

    assert (by_the_table.reason, by_the_changelog.reason) == (Reason.CAPPED, Reason.CAPPED)
    assert shop.pushes("u-2") == 1


def test_a_former_secret_is_refused_and_named(shop: Shop) -> None:
    other = {**shop.world.environment, "SAVING_ALERTS_ERASURE_SECRET": "another secret of as many letters"}
    shop.visited("u-3", "u-3 first")

    command_line(["erase", "--user", "u-3", "--yes", "--wait", "0"], other)

    wait_until(partial(names, shop, "another SAVING_ALERTS_ERASURE_SECRET"), ANSWER_SECONDS, "the order is named")
    assert list(shop.rows("u-3").values()) == [True]


def test_without_a_secret_the_command_says_what_to_do(shop: Shop) -> None:
    without = {name: value for name, value in shop.world.environment.items() if name not in SECRET}

    ended = command_line(["erase", "--user", "u-1", "--yes"], without)

    assert ended.returncode == 2
    assert "SAVING_ALERTS_ERASURE_SECRET is not set" in ended.stderr
    assert "openssl rand -hex 32" in ended.stderr


def test_the_proof_names_each_store(shop: Shop) -> None:
    shop.visited("u-4", "u-4 first")
    before = shop.erase("u-4", "--prove")
    shop.erase("u-4", "--yes")
    after = shop.erase("u-4", "--prove")

    assert "saving-alerts.push-sends: NOT ERASED" in before[1]
    assert "Redis saving-alerts:claims:u-4: NOT ERASED, gone by 20" in before[1]
    assert "Redis saving-alerts:claims:u-4: gone " in after[1]
    assert "NOT ERASED" not in after[1]
    assert (before[0], after[0]) == (1, 1)  # this Kafka does not tell by when it removes a record


@pytest.mark.parametrize("place", BETWEEN_THE_STEPS)
def test_a_worker_dies_between_the_steps_and_the_next_one_carries_it_out(shop: Shop, place: Failpoint) -> None:
    user = f"u-{place}"
    shop.visited(user, f"{user} first")
    shop.worker.stop()
    shop.worker.start({"SAVING_ALERTS_FAILPOINT": str(place)})
    shop.worker.wait_until_ready()

    shop.erase(user, "--yes", "--wait", "0")
    died = shop.worker.wait(ANSWER_SECONDS)
    waited = shop.order_waits(user)
    shop.lose_redis()
    shop.worker.start()
    shop.worker.wait_until_ready()
    wait_until(lambda: not shop.order_waits(user), ANSWER_SECONDS, "the order is carried out")
    again = shop.visited(user, f"{user} second")

    assert (died, waited) == (-signal.SIGKILL, True)
    assert set(shop.rows(user).values()) == {False}
    assert (again.reason, shop.pushes(user)) == (Reason.CAPPED, 1)


def names(shop: Shop, what: str) -> bool:
    conditions = shop.worker.health().get("conditions", [])
    return any(each["name"] == "erasures" and what in each["detail"] for each in conditions)
