"""A Redis that answers heartbeats and refuses claims: every worker's health says so, in Redis' own words."""

from typing import Any

import pytest
from redis import Redis

from demo.workers.worker_process import WorkerProcess
from demo.world import World
from tests.end_to_end.conditions import wait_until

SECONDS = 30


def redis_of(worker: WorkerProcess) -> dict[str, Any]:
    conditions = worker.health().get("conditions", [])
    return next((each for each in conditions if each["name"] == "redis"), {})


@pytest.mark.timeout(240)
def test_what_refuses_a_claim_is_said_while_the_worker_stays_ready() -> None:
    with World() as world:
        world.publish_reference_data()
        worker = world.start_worker()
        worker.wait_until_ready()
        redis = Redis.from_url(world.redis.url)

        def says(words: str) -> bool:
            return words in redis_of(worker).get("detail", "")

        wait_until(lambda: says("and can claim"), SECONDS, "a claim was possible")
        redis.execute_command("ACL", "SETUSER", "default", "-evalsha")  # type: ignore[no-untyped-call]
        wait_until(lambda: says("NOPERM"), SECONDS, "it says why none is")
        assert redis_of(worker)["ok"] is False
        assert worker.is_ready()
        redis.execute_command("ACL", "SETUSER", "default", "+evalsha")  # type: ignore[no-untyped-call]
        wait_until(lambda: says("and can claim"), SECONDS, "a claim is possible again")
