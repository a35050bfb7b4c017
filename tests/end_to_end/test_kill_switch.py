"""Two workers and the commands of an operator: a switch stops pushes until it is off, and a dry run sends none."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from confluent_kafka import Producer

from demo.checks.decision_consumer import DecisionConsumer
from demo.traffic import merchants_jsonl
from demo.traffic.paced_producer import PacedProducer, Record
from demo.workers.worker_process import WorkerProcess, command_line, wait_until_ready
from demo.world import World
from saving_alerts.domain.decisions import Decision, answer
from saving_alerts.domain.reasons import Reason
from tests.end_to_end.conditions import wait_until
from tests.end_to_end.shoppers import good_coupons, long_freshness_rules, visit

WHY = ("--reason", "r", "--by", "b")
ANSWER_SECONDS = 60
# A worker counts as gone after a minute of silence, and `--wait` waits half of it: the silence has to show at once.
FAST_HEARTBEATS = {"SAVING_ALERTS_HEARTBEAT_SECONDS": "0.5"}
PER_SECOND = 100


class RunningDeployment:
    """Produces events and reads how they end."""

    def __init__(self, world: World, decisions: DecisionConsumer, workers: Sequence[WorkerProcess] = ()) -> None:
        self.world = world
        self.workers = workers
        self._decisions = decisions
        self._producer = PacedProducer(world.bootstrap_servers, world.topics.source.name)

    def reasons(self, name: str) -> set[Reason | None]:
        """How the events of twenty new shoppers end."""
        users = [f"u-{name}-{number}" for number in range(20)]
        self._producer.write((visit(user, user) for user in users), PER_SECOND)
        positions = [self._producer.positions[user] for user in users]
        assert all(self._decisions.wait_for(position, ANSWER_SECONDS) for position in positions)
        return {self._decisions.reason(position) for position in positions}

    def write(self, records: Iterable[Record]) -> None:
        """Return when all of them are on Kafka."""
        self._producer.write(records, PER_SECOND)

    def decided(self, name: str) -> Decision:
        """How the event of this name ended."""
        position = self._producer.positions[name]
        assert self._decisions.wait_for(position, ANSWER_SECONDS)
        return answer(self._decisions.at(position))

    def kill(self, *arguments: str, code: int = 0) -> str:
        ended = command_line(["kill", *arguments], self.world.environment)
        assert ended.returncode == code, ended.stderr
        return ended.stdout + ended.stderr

    def write_switch(self, key: bytes | None, value: bytes) -> None:
        """What is no switch, or one of another release: where switches stand."""
        with Producer({"bootstrap.servers": self.world.bootstrap_servers, "log_level": 0}) as producer:
            producer.produce(self.world.topics.kill_switches.name, value, key, partition=0)
            producer.flush(ANSWER_SECONDS)


def names(worker: WorkerProcess, switch: str) -> bool:
    """Whether the worker's health names a switch that is on."""
    conditions = worker.health().get("conditions", [])
    return any(each["name"] == "kill_switches" and each["detail"].startswith(switch) for each in conditions)


def silent_for(worker: WorkerProcess) -> list[Any]:
    """Of whom the worker has not heard, and does not know yet that they are gone."""
    return list(worker.json("/stats.json").get("silent", []))


def publish_reference_data(world: World) -> None:
    world.s3.put("rules.json", long_freshness_rules())
    world.s3.put("merchants.jsonl", merchants_jsonl())
    world.coupon_api.coupons = good_coupons


@contextmanager
def running(workers: int, settings: Mapping[str, str] | None = None) -> Iterator[RunningDeployment]:
    opening = World(settings=settings)
    with opening as world, DecisionConsumer(world.bootstrap_servers, world.topics.decisions.name) as decisions:
        publish_reference_data(world)
        started = [world.start_worker() for _ in range(workers)]
        wait_until_ready(started)
        yield RunningDeployment(world, decisions, started)


@pytest.fixture(scope="module")
def deployment() -> Iterator[RunningDeployment]:
    with running(2, FAST_HEARTBEATS) as deployment:
        yield deployment


@pytest.fixture(scope="module")
def single() -> Iterator[RunningDeployment]:
    """One worker: it can be restarted. The embedded Kafka may refuse a second one that comes again."""
    with running(1) as deployment:
        yield deployment


@pytest.mark.timeout(240)
def test_a_switch_stops_all_pushes_until_it_is_turned_off(deployment: RunningDeployment) -> None:
    before = deployment.reasons("before")
    deployment.kill("on", "all", "--reason", "wrong prices", "--by", "ines", "--wait")
    listed, killed = deployment.kill("list"), deployment.reasons("killed")
    requests = len(deployment.world.push_api.accepted)
    deployment.kill("off", "all", *WHY, "--wait")
    after = deployment.reasons("after")

    assert (before, killed, after) == ({Reason.PUSHED}, {Reason.KILLED}, {Reason.PUSHED})
    assert requests == 20
    assert "by ines: wrong prices" in listed


def test_without_a_switch_the_list_says_so(deployment: RunningDeployment) -> None:
    assert deployment.kill("list") == "no kill switch is on\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["on", "merchant", "--reason", "r", "--by", "b"], "needs an ID", id="no merchant"),
        pytest.param(["off", "all", "m-1", *WHY], "no ID goes with `all`", id="all of something"),
    ],
)
def test_a_switch_that_means_nothing_is_refused(
    deployment: RunningDeployment, arguments: list[str], message: str
) -> None:
    ended = command_line(["kill", *arguments], deployment.world.environment)

    assert ended.returncode == 2
    assert message in ended.stderr


POISON = {
    "no UTF-8": (b"all", b'{"scope":"all","reason":"\xff","by":"x","since":"2026-11-26T10:00:00Z"}', "all"),
    "deep": (b"all", b'{"z":' + b"[" * 20_000 + b"]" * 20_000 + b"}", "all"),
    "of a newer release": (
        b"country:DE",
        b'{"scope":"country","id":"DE","reason":"r","by":"b","since":"2026-11-26T10:00:00Z"}',
        "country:DE",
    ),
    "garbage under garbage": (b"\xff\xfe", b"\x00", "key-b3d510ef0427"),
}


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("key", "value", "name"), POISON.values(), ids=POISON)
def test_what_is_no_switch_ends_nobody_and_stops_pushes_until_it_is_lifted(
    single: RunningDeployment, key: bytes, value: bytes, name: str
) -> None:
    single.write_switch(key, value)
    (worker,) = single.workers
    wait_until(partial(names, worker, name), ANSWER_SECONDS, f"{worker.name} names it")
    assert worker.exit_code is None
    listed = single.kill("list", code=1)
    worker.stop()
    worker.start()
    worker.wait_until_ready()

    assert listed.startswith(f"{name} cannot be read, so all pushes are stopped: ")
    assert f"`saving-alerts kill off {name}` lifts it" in listed
    assert names(worker, name)
    assert single.reasons(f"poison-{len(value)}") == {Reason.KILLED}
    assert "confirmed by worker-1" in single.kill("off", name, *WHY, "--wait")
    assert single.reasons(f"lifted-{len(value)}") == {Reason.PUSHED}
    assert single.kill("list") == "no kill switch is on\n"


@pytest.mark.timeout(240)
def test_a_worker_that_is_silent_is_waited_for(deployment: RunningDeployment) -> None:
    paused = deployment.workers[1]
    paused.pause()
    try:
        wait_until(lambda: len(silent_for(deployment.workers[0])) == 1, ANSWER_SECONDS, "its row has vanished")
        output = deployment.kill("on", "all", "--reason", "r", "--by", "b", "--wait", code=1)
    finally:
        paused.resume()

    assert f"not confirmed by {paused.name} (silent since" in output
    assert "confirmed by" in deployment.kill("off", "all", *WHY, "--wait")


def test_what_nobody_turned_on_cannot_be_lifted_by_name(deployment: RunningDeployment) -> None:
    assert "nothing that is on is called country:DE" in deployment.kill("off", "country:DE", *WHY, code=1)


@pytest.mark.timeout(240)
def test_with_nobody_there_and_without_kafka_the_commands_say_so() -> None:
    with World() as world:
        turned_on = ["kill", "on", "all", "--reason", "r", "--by", "b", "--wait"]
        output = command_line(turned_on, world.environment)
        nowhere = world.environment | {"SAVING_ALERTS_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
        ended = command_line(["kill", "list"], nowhere)

    assert output.returncode == 0
    assert "no worker is running: it is obeyed by those that start" in output.stdout
    assert ended.returncode == 2
    assert "Kafka at 127.0.0.1:1" in ended.stderr


@pytest.mark.timeout(240)
def test_a_dry_run_does_everything_but_the_request() -> None:
    dry = World(settings={"SAVING_ALERTS_DRY_RUN": "true"})
    with dry as world, DecisionConsumer(world.bootstrap_servers, world.topics.decisions.name) as decisions:
        publish_reference_data(world)
        world.start_worker().wait_until_ready()

        reasons = RunningDeployment(world, decisions).reasons("dry")

        assert reasons == {Reason.WOULD_PUSH}
        assert world.push_api.accepted == []
