"""Five alerts fire in a real Prometheus when a real deployment breaks, and are over when it is whole again.

Minutes of the rules are seconds here. All 18 fire in promtool, in `tests/unit/deploy/test_alerts.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from redis import Redis

from demo.stub_apis.faults import Behaviour
from demo.traffic import merchants_jsonl
from demo.traffic.paced_producer import PacedProducer
from demo.workers.worker_process import WorkerProcess, wait_until_ready
from demo.world import World
from deploy.__main__ import RUNBOOK
from deploy.prometheus_rules import rules_yaml
from tests.end_to_end.conditions import wait_until
from tests.end_to_end.shoppers import good_coupons, long_freshness_rules, visit
from tests.monitoring.prometheus_server import PrometheusServer, in_seconds

pytestmark = [pytest.mark.monitoring, pytest.mark.timeout(300)]

SETTINGS = {"SAVING_ALERTS_HEARTBEAT_SECONDS": "0.5", "SAVING_ALERTS_RELOAD_SECONDS": "1"}
SECONDS = 60
SERVER_ERROR = Behaviour(fault="status", status=500)
PER_SECOND = 100


@dataclass(frozen=True, slots=True)
class Watched:
    """Two workers, and the Prometheus that watches them."""

    world: World
    workers: list[WorkerProcess]
    prometheus: PrometheusServer
    producer: PacedProducer

    def send(self, name: str, number: int = 20) -> None:
        """Events of so many new shoppers."""
        users = [f"u-{name}-{each}" for each in range(number)]
        self.producer.write((visit(user, user) for user in users), PER_SECOND)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("live")
    with World(settings=SETTINGS) as world:
        world.s3.put("rules.json", long_freshness_rules())
        world.s3.put("merchants.jsonl", merchants_jsonl())
        world.coupon_api.coupons = good_coupons
        workers = [world.start_worker() for _ in range(2)]
        wait_until_ready(workers)
        targets = [worker.page.removeprefix("http://") for worker in workers]
        with PrometheusServer(folder, targets, in_seconds(rules_yaml(RUNBOOK))) as prometheus:
            # Before it has looked at them no worker is there, and the alert that says so may have fired.
            prometheus.wait_until_is("count(saving_alerts_build_info)", 2)
            prometheus.wait_until_silent("AllWorkersGone")
            producer = PacedProducer(world.bootstrap_servers, world.topics.source.name)
            yield Watched(world, workers, prometheus, producer)


def test_a_healthy_deployment_is_scraped_and_nothing_fires_that_wakes_somebody(watched: Watched) -> None:
    prometheus = watched.prometheus
    watched.send("healthy")
    pushed = 'sum(saving_alerts_stage_out_total{stage="dispatch_push", decision="pushed"})'

    prometheus.wait_until_is(pushed, 20)
    prometheus.wait_until_is("sum(saving_alerts_in_flight)", 0)
    prometheus.wait_until_is("sum(saving_alerts_commits_lag)", 0)

    prometheus.wait_until_read()
    prometheus.wait_until_is("sum(saving_alerts_push_age_seconds_count)", 20)
    ended = 'sum(saving_alerts_stage_out_total{decision!="forwarded"})'
    prometheus.wait_until_is(f"{ended} - sum(saving_alerts_events_read_total)", 0)
    prometheus.wait_until_is("count(saving_alerts_build_info)", 2)
    pages = 'ALERTS{severity="page",alertstate="firing"}'  # as of the last evaluation, which may be of before
    wait_until(lambda: prometheus.series(pages) == [], SECONDS, "nothing fires that wakes somebody")


def test_redis_that_refuses_claims(watched: Watched) -> None:
    redis = Redis.from_url(watched.world.redis.url)
    redis.execute_command("ACL", "SETUSER", "default", "-evalsha")  # type: ignore[no-untyped-call]
    try:
        watched.prometheus.wait_until_firing("RedisRefuses")
    finally:
        redis.execute_command("ACL", "SETUSER", "default", "+evalsha")  # type: ignore[no-untyped-call]
    watched.prometheus.wait_until_silent("RedisRefuses")


def test_rules_that_are_refused(watched: Watched) -> None:
    watched.world.s3.put("rules.json", b'{"schema": 1, "rules": [{"id": 7}]}')
    watched.prometheus.wait_until_firing("RulesRefused")
    watched.world.s3.put("rules.json", long_freshness_rules())
    watched.prometheus.wait_until_silent("RulesRefused")


def test_a_coupon_api_that_fails_and_the_events_that_wait_for_it(watched: Watched) -> None:
    watched.world.coupon_api.behave(SERVER_ERROR)
    watched.send("failing")
    watched.prometheus.wait_until_firing("CouponApiDown")
    watched.prometheus.wait_until_firing("UndecidedTooLong")
    watched.world.coupon_api.behave()
    watched.prometheus.wait_until_silent("CouponApiDown")
    watched.prometheus.wait_until_silent("UndecidedTooLong")


def test_a_worker_that_is_killed(watched: Watched) -> None:
    watched.workers[1].kill()
    watched.prometheus.wait_until_firing("WorkerGone")
    watched.workers[1].start()
    # The embedded Kafka may refuse one that comes again: it is started once more then.
    watched.workers[1].wait_until_ready()
    watched.prometheus.wait_until_silent("WorkerGone")
