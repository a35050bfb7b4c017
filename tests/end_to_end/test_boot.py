"""The start of a worker: what it waits for, with what it does not start, and what its pages show meanwhile."""

import json
from collections.abc import Iterator

import pytest

from demo.workers.worker_process import START_TIMEOUT_SECONDS, WorkerProcess
from demo.world import World
from tests.end_to_end.conditions import page, wait_until

pytestmark = pytest.mark.timeout(120)

BOOT_SECONDS = 60
REFUSAL_SECONDS = START_TIMEOUT_SECONDS


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as world:
        yield world


@pytest.fixture
def waiting_worker(world: World) -> Iterator[WorkerProcess]:
    """A worker whose S3 holds neither rules nor merchants."""
    for key in ("rules.json", "merchants.jsonl"):
        world.s3.delete(key)
    # A group of its own: the group of a worker that was killed takes seconds to notice.
    worker = world.start_worker({"SAVING_ALERTS_APP_ID": "waiting"})
    wait_until(lambda: waits_for_rules(worker), BOOT_SECONDS, "the worker looks for its rules")
    yield worker
    worker.kill()


@pytest.fixture(scope="module")
def ready_worker(world: World) -> Iterator[WorkerProcess]:
    world.publish_reference_data()
    worker = world.start_worker({"SAVING_ALERTS_APP_ID": "ready"})
    worker.wait_until_ready()
    yield worker
    worker.kill()


def conditions(worker: WorkerProcess) -> dict[str, bool]:
    return {condition["name"]: condition["ok"] for condition in worker.health().get("conditions", ())}


def waits_for_rules(worker: WorkerProcess) -> bool:
    return conditions(worker).get("rules") is False and "waiting, because none was loaded yet" in worker.log()


def refused(world: World, settings: dict[str, str], missing: str | None = None) -> tuple[int, str]:
    """Exit code and everything printed by a worker that must not start."""
    environment = {name: value for name, value in world.environment.items() if name != missing}
    with WorkerProcess("refused", world.folder, environment | settings) as worker:
        code = worker.wait(REFUSAL_SECONDS)
    text = worker.log()
    (worker.folder / "output.log").unlink()
    return code, text


def test_without_rules_a_worker_is_not_ready_and_says_what_it_waits_for(waiting_worker: WorkerProcess) -> None:
    ready = page(waiting_worker, "/health/ready")

    assert ready.status == 503
    assert {"name": "rules", "ok": False} in [
        {"name": condition["name"], "ok": condition["ok"]} for condition in json.loads(ready.body)["conditions"]
    ]
    wait_until(lambda: "rules missing" in waiting_worker.log(), BOOT_SECONDS, "its log says what is missing")


def test_a_worker_that_waits_for_rules_lives_and_shows_its_page(waiting_worker: WorkerProcess) -> None:
    answers = [page(waiting_worker, path).status for path in ("/health/live", "/", "/stats.json", "/metrics")]

    assert answers == [200, 200, 200, 200]


def test_a_waiting_worker_gets_ready_by_itself_once_the_files_are_there(
    world: World, waiting_worker: WorkerProcess
) -> None:
    world.publish_reference_data()

    waiting_worker.wait_until_ready()

    assert conditions(waiting_worker)["rules"]


def test_a_waiting_worker_that_is_told_to_stop_ends_by_itself(waiting_worker: WorkerProcess) -> None:
    """A worker that its limit for a stop has ended exits with another code."""
    assert waiting_worker.stop() == 0


@pytest.mark.parametrize(
    ("variable", "example"),
    [
        pytest.param("SAVING_ALERTS_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092", id="Kafka"),
        pytest.param("SAVING_ALERTS_REDIS_URL", "redis://127.0.0.1:6379/0", id="Redis"),
        pytest.param("SAVING_ALERTS_S3_BUCKET", "saving-alerts", id="S3"),
    ],
)
def test_a_missing_setting_is_named_with_an_example_and_nothing_else(world: World, variable: str, example: str) -> None:
    code, text = refused(world, {}, missing=variable)

    assert text == f"Error: {variable} is not set, for example {variable}={example}\n"
    assert code == 2


def test_missing_topics_are_refused_with_the_command_that_creates_them(world: World) -> None:
    code, text = refused(world, {"SAVING_ALERTS_TOPIC_PREFIX": "nobody-made-these"})

    assert "nobody-made-these.validated: missing" in text
    assert "`saving-alerts topics create` creates the missing ones" in text
    assert code == 1


def test_a_kafka_that_is_not_there_is_refused_with_the_setting_to_look_at(world: World) -> None:
    code, text = refused(world, {"SAVING_ALERTS_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"})

    assert "is SAVING_ALERTS_KAFKA_BOOTSTRAP_SERVERS right, and is Kafka running?" in text
    assert "Traceback" not in text
    assert code == 1


@pytest.mark.parametrize(
    ("url", "says"),
    [
        pytest.param(
            "redis://:pa/hunter2@127.0.0.1:6379/0", "write what is special in the password as %XX", id="unquoted"
        ),
        pytest.param("redis://:hunter2@127.0.0.1?ssl_ca_cert=ca.pem", "has an option that cannot be used", id="option"),
        pytest.param(
            "rediss://:hunter2@127.0.0.1?ssl_ca_certs=/nowhere.pem", "is no PEM file to be read", id="no file"
        ),
    ],
)
def test_an_address_of_redis_that_cannot_be_used_is_refused_without_its_password(
    world: World, url: str, says: str
) -> None:
    code, text = refused(world, {"SAVING_ALERTS_REDIS_URL": url})

    assert says in text
    assert ("SAVING_ALERTS_REDIS_URL" in text, "Traceback" in text, "hunter2" in text) == (True, False, False)
    assert code == 1


def test_a_redis_that_refuses_the_login_is_a_condition_and_its_password_is_nowhere(world: World) -> None:
    world.publish_reference_data()
    url = world.redis.url.replace("://", "://nobody:hunter2@")
    worker = world.start_worker({"SAVING_ALERTS_APP_ID": "refused-by-redis", "SAVING_ALERTS_REDIS_URL": url})

    wait_until(lambda: "refuses our login" in str(worker.health()), BOOT_SECONDS, "health says so")
    shown = "".join(page(worker, path).body for path in ("/stats", "/stats.json", "/health/ready", "/metrics"))
    worker.kill()

    assert "look at the user and the password in SAVING_ALERTS_REDIS_URL" in shown
    assert "hunter2" not in shown + worker.log()


def test_readiness_names_every_condition(ready_worker: WorkerProcess) -> None:
    named = conditions(ready_worker)

    assert {
        "rules",
        "merchants",
        "rules_fresh",
        "merchants_fresh",
        "kafka",
        "kafka_access",
        "drain",
        "redis",
    } <= named.keys()
    assert {"coupon_api", "push_api"} <= named.keys()
    assert all(named.values())


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        pytest.param("/", "text/html", id="front page"),
        pytest.param("/stats", "text/html", id="stats"),
        pytest.param("/stats.json", "application/json", id="stats as JSON"),
        pytest.param("/metrics", "text/plain", id="metrics"),
        pytest.param("/health/live", "application/json", id="liveness"),
        pytest.param("/health/ready", "application/json", id="readiness"),
    ],
)
def test_a_ready_worker_answers_on_every_page(ready_worker: WorkerProcess, path: str, content_type: str) -> None:
    answer = page(ready_worker, path)

    assert (answer.status, answer.content_type) == (200, content_type)
    assert answer.body
