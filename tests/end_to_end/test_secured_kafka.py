"""A real worker and the commands by every protocol of a real Apache Kafka, and what they say where it refuses them."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from demo.workers.worker_process import START_TIMEOUT_SECONDS
from saving_alerts.domain.reasons import Reason
from tests.end_to_end.secured_kafka import OPERATOR, PASSWORD, SecuredDeployment, SecuredKafka, condition
from tests.end_to_end.shoppers import long_freshness_rules

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

REFUSAL_SECONDS = START_TIMEOUT_SECONDS
EVERY_PROTOCOL = [
    pytest.param("SSL", None, id="SSL"),
    pytest.param("SASL_SSL", "SCRAM-SHA-512", id="SASL_SSL, SCRAM-SHA-512"),
    pytest.param("SASL_SSL", "SCRAM-SHA-256", id="SASL_SSL, SCRAM-SHA-256"),
    pytest.param("SASL_SSL", "PLAIN", id="SASL_SSL, PLAIN"),
    pytest.param("SASL_PLAINTEXT", "SCRAM-SHA-512", id="SASL_PLAINTEXT, SCRAM-SHA-512"),
]


@pytest.fixture(autouse=True)
def _in_a_folder_with_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rules.json").write_bytes(long_freshness_rules())
    monkeypatch.chdir(tmp_path)


def refused_worker(secured: SecuredDeployment, settings: Mapping[str, str]) -> tuple[int, str]:
    """Exit code and all that a worker prints which must not start."""
    worker = secured.world.start_worker(settings)
    return worker.wait(REFUSAL_SECONDS), worker.log()


@pytest.mark.parametrize(("listener", "mechanism"), EVERY_PROTOCOL)
def test_a_worker_and_the_commands_go_all_the_way(
    secured: SecuredDeployment, listener: str, mechanism: str | None
) -> None:
    name, operator = f"{listener}-{mechanism}", secured.kafka.settings(listener, mechanism, OPERATOR)
    worker = secured.world.start_worker(secured.kafka.settings(listener, mechanism))
    worker.wait_until_ready()

    pushed = secured.write(name)
    assert secured.reasons(pushed) == {Reason.PUSHED}
    assert "on: all" in secured.command("kill on all --reason test --by ines --wait", operator).stdout
    assert "by ines: test" in secured.command("kill list", operator).stdout
    assert secured.reasons(secured.write(f"{name}-killed")) == {Reason.KILLED}
    assert "off: all" in secured.command("kill off all --reason over --by ines --wait", operator).stdout
    audit = json.loads(secured.command("audit --json", operator).stdout)["partitions"]
    assert sum(partition["missing"] for partition in audit) == 0
    assert sum(partition["answered"] for partition in audit) > 0
    assert "pushed" in secured.command(f"explain --user {pushed[0]}", operator).stdout
    assert "is there" in secured.command("topics create", operator).stdout
    assert secured.command("topics check", operator).exit_code == 0
    assert secured.command("dead-letters list", operator).exit_code == 0
    assert (condition(worker, "kafka_access"), worker.stop()) == (None, 0)
    assert PASSWORD not in worker.log()


def settings_that_are_refused(kafka: SecuredKafka) -> dict[str, dict[str, str]]:
    good = kafka.settings("SASL_SSL", "SCRAM-SHA-512")
    servers, protocol = "SAVING_ALERTS_KAFKA_BOOTSTRAP_SERVERS", "SAVING_ALERTS_KAFKA_SECURITY_PROTOCOL"
    elsewhere = {name: address.replace("127.0.0.1", "localhost") for name, address in kafka.addresses.items()}
    return {
        "wrong password": good | {"SAVING_ALERTS_KAFKA_SASL_PASSWORD": "wrong"},
        "wrong password, PLAIN": kafka.settings("SASL_SSL", "PLAIN") | {"SAVING_ALERTS_KAFKA_SASL_PASSWORD": "wrong"},
        "unknown user": good | {"SAVING_ALERTS_KAFKA_SASL_USERNAME": "nobody"},
        "mechanism": kafka.settings("SASL_PLAINTEXT", "PLAIN"),
        "unknown authority": good | {"SAVING_ALERTS_KAFKA_CA_FILE": str(kafka.other_ca_file)},
        "no file": good | {"SAVING_ALERTS_KAFKA_CA_FILE": "/nowhere.pem"},
        "other name": good | {servers: elsewhere["SASL_SSL"]},
        "other advertised name": kafka.settings("MISNAMED") | {servers: elsewhere["MISNAMED"]},
        "expired": kafka.settings("EXPIRED"),
        "plain text to TLS": good | {protocol: "SASL_PLAINTEXT"},
        "TLS to plain text": kafka.settings("SASL_PLAINTEXT", "SCRAM-SHA-512") | {protocol: "SASL_SSL"},
        "no login": good | {protocol: "SSL"},
        "a login too many": good | {servers: kafka.addresses["SSL"]},
    }


LOGIN_HINT = "look at SAVING_ALERTS_KAFKA_SASL_USERNAME and SAVING_ALERTS_KAFKA_SASL_PASSWORD"
PROTOCOL_HINT = "look at SAVING_ALERTS_KAFKA_SECURITY_PROTOCOL"
WORDS = {
    "wrong password": LOGIN_HINT,
    "wrong password, PLAIN": LOGIN_HINT,
    "unknown user": LOGIN_HINT,
    "mechanism": "look at SAVING_ALERTS_KAFKA_SASL_MECHANISM",
    "unknown authority": "name its authority's file in SAVING_ALERTS_KAFKA_CA_FILE",
    "no file": "SAVING_ALERTS_KAFKA_CA_FILE=/nowhere.pem is no PEM file to be read",
    "other name": "its certificate is for another name (Hostname mismatch, certificate is not valid for 'localhost')",
    "other advertised name": "(IP address mismatch, certificate is not valid for '127.0.0.1'): name it as its",
    "expired": "its certificate is too old (certificate has expired): renew it on the server",
    "plain text to TLS": PROTOCOL_HINT,
    "TLS to plain text": PROTOCOL_HINT,
    "no login": PROTOCOL_HINT,
    "a login too many": PROTOCOL_HINT,
}


COMMANDS = [
    "topics check",
    "topics create",
    "audit",
    "explain --user u-1",
    "explain --user u-1 --all",
    "kill on all --reason test --by ines",
    "kill list",
    "dead-letters list",
    "dead-letters skip saving-events 0 0",
    "simulate --rules rules.json",
]


@pytest.mark.parametrize(
    ("line", "refusal"),
    [
        *(pytest.param("topics check", refusal, id=refusal) for refusal in WORDS),
        *(pytest.param(line, "wrong password", id=line) for line in COMMANDS),
    ],
)
def test_a_command_that_is_refused_says_what_to_look_at(secured: SecuredDeployment, line: str, refusal: str) -> None:
    settings = settings_that_are_refused(secured.kafka)[refusal]

    ended = secured.command(line, settings)

    assert WORDS[refusal] in ended.stderr
    assert (ended.exit_code, len(ended.stderr.splitlines()), PASSWORD in ended.output) == (2, 1, False)


@pytest.mark.parametrize("refusal", ["wrong password", "unknown authority", "other name", "other advertised name"])
def test_a_worker_that_is_refused_does_not_start_and_says_what_to_look_at(
    secured: SecuredDeployment, refusal: str
) -> None:
    code, text = refused_worker(secured, settings_that_are_refused(secured.kafka)[refusal])

    assert WORDS[refusal] in text
    assert (code, "Traceback" in text, PASSWORD in text) == (1, False, False)
