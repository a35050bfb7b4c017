"""What aiokafka's clients are told, and where a key belongs."""

import ssl

import pytest

from saving_alerts.kafka.client import partition_of
from saving_alerts.kafka.connection import KafkaConnection

# From the tests of Kafka's own Java client: what murmur2 gives for these keys.
JAVA_MURMUR2 = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536}


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


@pytest.mark.parametrize("key", JAVA_MURMUR2, ids=bytes.decode)
def test_a_key_belongs_where_java_puts_it(key: bytes) -> None:
    assert partition_of(key, 12) == (JAVA_MURMUR2[key] & 0x7FFFFFFF) % 12
