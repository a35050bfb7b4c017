"""The ten conditions of `benchmarks.outages`: how each begins and ends, and by which words it is known."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from redis import Redis

from demo.stub_apis.faults import Behaviour
from tests.end_to_end.shoppers import long_freshness_rules
from tests.end_to_end.test_kill_switch import WHY, RunningDeployment
from tests.kafka_cluster.cluster import KafkaCluster

# So long the Coupon API fails: long enough for its breaker to probe it many times.
LONG_SECONDS = 120
# A step takes so long that Kafka is gone when it ends.
SLOW = Behaviour(latency_seconds=4)


@dataclass(frozen=True, slots=True)
class Stage:
    """What can be broken."""

    cluster: KafkaCluster
    deployment: RunningDeployment


Act = Callable[[Stage], object]


def _nothing(*_: object) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Case:
    """One of them. `sentence` is how title, page and `stats` begin to name it, `logged` and `decided` patterns as well.

    `events_first`: the events are read when it begins; else they come afterwards. `prepares` gets their users.
    """

    name: str
    breaks: Act
    heals: Act
    condition: str
    sentence: str
    decided: str
    logged: str = ""
    metric: str = ""
    lasts_seconds: float = 0
    events_first: bool = False
    prepares: Callable[[Stage, Sequence[str]], object] = _nothing

    def __post_init__(self) -> None:
        ill = f'^saving_alerts_dependency_ill{{.*dependency="{self.condition}".*}} 1'
        object.__setattr__(self, "logged", self.logged or f"{self.condition} is degraded")
        object.__setattr__(self, "metric", self.metric or ill)


def _redis(stage: Stage, *command: str) -> Any:  # noqa: ANN401 - whatever Redis answers
    return Redis.from_url(stage.deployment.world.redis.url).execute_command(*command)  # type: ignore[no-untyped-call]


def _coupon_api(stage: Stage, behaviour: Behaviour) -> None:
    stage.deployment.world.coupon_api.behave(behaviour)


def _heal_apis(stage: Stage) -> None:
    stage.deployment.world.coupon_api.recover()
    stage.deployment.world.push_api.recover()


def _kafka_again(stage: Stage) -> None:
    _heal_apis(stage)
    stage.cluster.start_all()
    with suppress(RuntimeError):  # a busy machine starts it slowly
        stage.cluster.wait_until_ready(1)
    stage.cluster.wait_until_ready(1)


def _hang_for_the_first(stage: Stage, users: Sequence[str]) -> None:
    stage.deployment.world.push_api.behave(Behaviour(fault="hang"), user_id=users[0])


def _restarted(stage: Stage) -> None:
    worker = stage.deployment.workers[0]
    worker.start()
    worker.wait_until_ready()


_ALL = (
    Case(
        "Coupon API 500 for 2 min",
        lambda it: _coupon_api(it, Behaviour(fault="status", status=500)),
        _heal_apis,
        "coupon_api",
        r"Coupon API down since \d\d:\d\d: HTTP 500",
        "by the Coupon API: HTTP 500",
        lasts_seconds=LONG_SECONDS,
    ),
    Case(
        "Redis stopped",
        lambda it: it.deployment.world.redis.stop(),
        lambda it: it.deployment.world.redis.start(),
        "redis",
        r"Redis down since \d\d:\d\d: Redis cannot be reached",
        "by Redis: Redis cannot be reached",
    ),
    Case(
        "Redis refuses scripts",
        lambda it: _redis(it, "ACL", "SETUSER", "default", "-@scripting"),
        lambda it: _redis(it, "ACL", "SETUSER", "default", "+@scripting"),
        "redis",
        r"Redis down since \d\d:\d\d: .*NOPERM",
        "by Redis: .*NOPERM",
    ),
    Case(
        "push API 429",
        lambda it: it.deployment.world.push_api.behave(Behaviour(fault="status", status=429, retry_after_seconds=20)),
        _heal_apis,
        "push_api",
        r"push API down since \d\d:\d\d: HTTP 429",
        "by the push API: HTTP 429",
    ),
    Case(
        "S3 gone",
        lambda it: it.deployment.world.s3.stop(),
        lambda it: it.deployment.world.s3.start(),
        "rules_fresh",
        r"(rules|merchants) in S3 degraded since \d\d:\d\d: ",
        "pushed",
        logged=r"rules",
    ),
    Case(
        "a broken rules file",
        lambda it: it.deployment.world.s3.put("rules.json", b"{}"),
        lambda it: it.deployment.world.s3.put("rules.json", long_freshness_rules()),
        "rules_fresh",
        r"rules in S3 degraded since \d\d:\d\d: ",
        "pushed",
        logged=r"rules",
    ),
    Case(
        "a kill switch",
        lambda it: it.deployment.kill("on", "all", *WHY, "--wait"),
        lambda it: it.deployment.kill("off", "all", *WHY, "--wait"),
        "kill_switches",
        r"kill switch on: all since \d\d\d\d-\d\d-\d\d \d\d:\d\d",
        "killed.*all",
        logged="kill switch",
        metric="^saving_alerts_kill_switch",
    ),
    Case(
        "a partition held by a head",
        _nothing,
        _heal_apis,
        "held_back",
        r"commits held back since \d\d:\d\d: .* waits for",
        "unclear",
        events_first=True,
        prepares=_hang_for_the_first,
        lasts_seconds=45,
    ),
    Case(
        "Kafka gone",
        lambda it: it.cluster.kill_all(),
        _kafka_again,
        "kafka_access",
        r"Kafka down since \d\d:\d\d: ",
        "by Kafka: ",
        logged="no broker can be reached",
        events_first=True,
        prepares=lambda it, _: _coupon_api(it, SLOW),
        lasts_seconds=30,
    ),
    Case(
        "a worker killed",
        lambda it: it.deployment.workers[0].kill(),
        _restarted,
        "workers",
        r"worker-1 does not answer · last seen .* ago",
        "by the takeover of partitions: no answer from worker-1",
        metric="^saving_alerts_workers_away 1",
    ),
)
CASES = {case.name: case for case in _ALL}
