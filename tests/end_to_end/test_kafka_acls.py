"""The ACLs of docs/operating.md on a real Apache Kafka: enough, each needed, and what happens without one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._scram import ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion

from demo.workers.worker_process import START_TIMEOUT_SECONDS, WorkerProcess
from saving_alerts.domain.reasons import Reason
from saving_alerts.exit_codes import RESTART
from saving_alerts.kafka.refusals import ACL_HINT
from tests.end_to_end.conditions import wait_until
from tests.end_to_end.secured_kafka import PASSWORD, POOR, WORKER, SecuredDeployment, condition
from tests.end_to_end.shoppers import long_freshness_rules
from tests.support.documented_acls import Acl, allow, forbid

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

NOTICED_SECONDS = 40
REFUSAL_SECONDS = START_TIMEOUT_SECONDS
ADMIN_TIMEOUT_SECONDS = 30
SCRAM_ITERATIONS = 4096
NOT_ALLOWED = "our user may not do that with the topic"  # as it stands in the log, which is JSON
COMMANDS = {
    "topics check": "topics check",
    "audit": "audit",
    "explain": "explain --user u-1",
    "explain --all": "explain --user u-1 --all",
    "kill on": "kill on rule nobody --reason test --by ines --anyway",
    "kill off": "kill off rule nobody --reason test --by ines",
    "kill list": "kill list",
    "kill history": "kill history",
    "throttle refill": "throttle refill",
    "dead-letters list": "dead-letters list",
    "dead-letters show": "dead-letters show {letter}",
    "dead-letters replay": "dead-letters replay {letter} --yes",
    "dead-letters skip": "dead-letters skip saving-events {waiting}",
    "simulate": "simulate --rules rules.json",
}


@pytest.fixture(autouse=True)
def _in_a_folder_with_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rules.json").write_bytes(long_freshness_rules())
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def running(secured: SecuredDeployment) -> Iterator[list[WorkerProcess]]:
    """The workers of this module, the last of which may be running."""
    workers: list[WorkerProcess] = []
    yield workers
    for worker in workers:
        worker.kill()


@pytest.fixture
def worker(secured: SecuredDeployment, running: list[WorkerProcess]) -> WorkerProcess:
    """A worker that is ready."""
    if not (running and running[-1].is_running()):
        running.append(secured.world.start_worker(secured.kafka.settings("SASL_SSL", "SCRAM-SHA-512")))
        running[-1].wait_until_ready()
    return running[-1]


def topic(name: str, operation: str) -> Acl:
    return Acl("topic", name, operation)


def change_password(secured: SecuredDeployment, password: str) -> None:
    """The worker's, for SCRAM-SHA-512."""
    admin = AdminClient({"bootstrap.servers": secured.world.bootstrap_servers})
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, SCRAM_ITERATIONS)
    change = UserScramCredentialUpsertion(WORKER, info, password.encode())
    admin.alter_user_scram_credentials([change])[WORKER].result(ADMIN_TIMEOUT_SECONDS)


@pytest.mark.parametrize(
    "lost",
    [
        topic("saving-alerts.validated", "Write"),
        topic("saving-alerts.decisions", "Write"),
        topic("saving-alerts.push-sends", "Write"),
        topic("saving-events", "Read"),
    ],
    ids=str,
)
def test_a_right_that_is_taken_away_holds_the_events_until_it_is_back(
    secured: SecuredDeployment, worker: WorkerProcess, lost: Acl
) -> None:
    servers, said = secured.world.bootstrap_servers, worker.log().count(NOT_ALLOWED)
    forbid(servers, WORKER, [lost])
    events = secured.write(str(lost).replace(" ", "-"))
    try:
        wait_until(lambda: worker.log().count(NOT_ALLOWED) > said, NOTICED_SECONDS, "the worker says so")
    finally:
        allow(servers, WORKER, [lost])

    assert secured.reasons(events) == {Reason.PUSHED}
    assert worker.is_running()


def test_a_worker_shows_what_it_may_no_longer_do(secured: SecuredDeployment, worker: WorkerProcess) -> None:
    servers, lost = secured.world.bootstrap_servers, topic("saving-alerts.kill-switches", "Read")
    forbid(servers, WORKER, [lost])
    try:
        wait_until(lambda: str(lost) in (condition(worker, "kafka_access") or ""), NOTICED_SECONDS, "it is shown")
    finally:
        allow(servers, WORKER, [lost])

    wait_until(lambda: condition(worker, "kafka_access") is None, NOTICED_SECONDS, "all is well again")


def test_a_worker_shows_that_its_login_is_no_longer_taken(secured: SecuredDeployment, worker: WorkerProcess) -> None:
    change_password(secured, "another")
    try:
        refused = "it refuses our login"
        wait_until(lambda: refused in (condition(worker, "kafka_access") or ""), NOTICED_SECONDS, "it is shown")
    finally:
        change_password(secured, PASSWORD)

    wait_until(lambda: condition(worker, "kafka_access") is None, NOTICED_SECONDS, "all is well again")
    assert secured.reasons(secured.write("new-login")) == {Reason.PUSHED}


def test_a_worker_that_may_no_longer_be_in_its_group_ends_and_names_the_right_when_it_is_started(
    secured: SecuredDeployment, worker: WorkerProcess
) -> None:
    servers, lost = secured.world.bootstrap_servers, [Acl("group", "saving-alerts", "Read")]
    forbid(servers, WORKER, lost)
    try:
        assert worker.wait(NOTICED_SECONDS) == RESTART
        again = secured.world.start_worker(secured.kafka.settings("SASL_SSL", "SCRAM-SHA-512"))
        code = again.wait(REFUSAL_SECONDS)
    finally:
        allow(servers, WORKER, lost)

    assert again.log().endswith(f"{ACL_HINT}. Missing:\n  Read on group saving-alerts\n")
    assert code == 1


@pytest.fixture(scope="module")
def words(secured: SecuredDeployment, running: list[WorkerProcess]) -> dict[str, str]:
    """A dead letter, and a record that waits on the source, because no worker runs."""
    worker = secured.world.start_worker(secured.kafka.settings("SASL_SSL", "PLAIN"))
    worker.wait_until_ready()
    secured.write_invalid("no-event")
    for each in [worker, *running]:
        if each.is_running():
            each.stop()
    listed = secured.command("dead-letters list", {}).stdout
    partition, offset = secured.position(secured.write("waiting")[-1])
    return {"letter": listed.split(maxsplit=1)[0], "waiting": f"{partition} {offset}"}


def test_every_command_that_needs_acls_is_tested(secured: SecuredDeployment) -> None:
    assert secured.acls.keys() == {*COMMANDS, "worker", "topics create"}


@pytest.mark.parametrize("who", COMMANDS)
def test_a_command_needs_each_of_its_acls_and_no_other(
    secured: SecuredDeployment, words: dict[str, str], who: str
) -> None:
    servers, line = secured.world.bootstrap_servers, COMMANDS[who].format(**words)
    poor, acls = secured.kafka.settings("SASL_SSL", "PLAIN", POOR), set(secured.acls[who])
    without = {}
    allow(servers, POOR, acls)
    for lost in sorted(acls):
        forbid(servers, POOR, [lost])
        without[lost] = secured.command(line, poor)
        allow(servers, POOR, [lost])
    with_all = secured.command(line, poor)
    forbid(servers, POOR, acls)

    assert with_all.exit_code == 0, with_all.output
    assert {str(lost): ended.output for lost, ended in without.items() if ended.exit_code == 0} == {}
    assert {type(ended.exception) for ended in without.values()} == {SystemExit}


def test_topics_cannot_be_created_without_the_right_and_the_command_says_so(secured: SecuredDeployment) -> None:
    poor = secured.kafka.settings("SASL_SSL", "PLAIN", POOR)

    ended = secured.command("topics create", poor | {"SAVING_ALERTS_TOPIC_PREFIX": "new"})

    assert "new.validated could not be created" in ended.stderr
    assert ACL_HINT in ended.stderr
    assert ended.exit_code == 2
