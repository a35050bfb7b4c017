"""What aiokafka's clients are told."""

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from saving_alerts.kafka.connection import KafkaConnection


def test_a_plain_connection_needs_no_more_than_addresses() -> None:
    options = KafkaConnection("a:1,b:2").options()

    assert options == {"bootstrap_servers": "a:1,b:2", "security_protocol": "PLAINTEXT"}


@pytest.mark.parametrize("protocol", ["SSL", "SASL_SSL"])
def test_tls_checks_who_the_broker_is(protocol: str) -> None:
    context = KafkaConnection("a:1", protocol, sasl_username="u", sasl_password="p").options()["ssl_context"]

    assert isinstance(context, ssl.SSLContext)
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)


@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
def test_a_login_is_passed_on(protocol: str) -> None:
    options = KafkaConnection("a:1", protocol, sasl_username="u", sasl_password="p").options()

    assert options["sasl_mechanism"] == "SCRAM-SHA-512"
    assert (options["sasl_plain_username"], options["sasl_plain_password"]) == ("u", "p")


def test_a_connection_keeps_its_password_to_itself() -> None:
    assert "hunter2" not in repr(KafkaConnection("a:1", "SASL_SSL", sasl_username="u", sasl_password="hunter2"))


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda _: None, id="no file"),
        pytest.param(lambda path: path.write_text("no certificate"), id="no PEM"),
        pytest.param(lambda path: path.write_text(""), id="empty"),
        pytest.param(lambda path: path.mkdir(), id="a folder"),
    ],
)
def test_a_file_that_holds_no_authority_is_named_with_its_setting(
    tmp_path: Path, make: Callable[[Path], object]
) -> None:
    file = tmp_path / "ca.pem"
    make(file)

    with pytest.raises(OSError, match=f"SAVING_ALERTS_KAFKA_CA_FILE={file} is no PEM file to be read"):
        KafkaConnection("a:1", "SSL", ca_file=str(file)).options()
