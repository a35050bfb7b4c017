"""Why a broker refuses us, in words, with the setting that an operator has to look at.

Where the driver reaches no broker it tells the reason to its log only. So it is found out by a connection of our own.
"""

import ssl
from collections.abc import Iterable, Mapping
from typing import cast

from aiokafka import errors
from aiokafka.conn import collect_hosts, create_conn
from aiokafka.protocol.metadata import MetadataRequest

from saving_alerts.kafka.connection import KafkaConnection
from saving_alerts.ports.tls_errors import certificate_refused

CA_SETTING = "SAVING_ALERTS_KAFKA_CA_FILE"
ADDRESS_SETTING = "SAVING_ALERTS_KAFKA_BOOTSTRAP_SERVERS, and in advertised.listeners of the broker"
PROTOCOL_HINT = "look at SAVING_ALERTS_KAFKA_SECURITY_PROTOCOL"
ACL_HINT = 'docs/operating.md, "TLS, SASL and ACLs", has what a worker and each command need'
TRY_MILLISECONDS = 5_000  # for one broker, which has answered or refused the driver a moment ago

# No repetition changes these, and no record is to blame: somebody has to change who may do what.
UNAUTHORIZED: tuple[type[Exception], ...] = (
    errors.ClusterAuthorizationFailedError,
    errors.GroupAuthorizationFailedError,
    errors.TopicAuthorizationFailedError,
)
_REFUSED: tuple[type[Exception], ...] = (
    ssl.SSLError,
    errors.IllegalSaslStateError,
    errors.SaslAuthenticationFailed,
    errors.UnsupportedSaslMechanismError,
)
# Of a connection that stood. One that does not come to stand fails with other errors: that is an outage.
_CLOSED: tuple[type[Exception], ...] = (errors.KafkaConnectionError, ConnectionResetError)


# The driver's error → our words, the first row that fits. What the broker said follows in brackets.
_MEANINGS: Mapping[type[Exception], str] = {
    errors.KafkaProtocolError: f"it closes the connection, as where another protocol is spoken: {PROTOCOL_HINT}",
    errors.SaslAuthenticationFailed: (
        "it refuses our login: look at SAVING_ALERTS_KAFKA_SASL_USERNAME and SAVING_ALERTS_KAFKA_SASL_PASSWORD"
    ),
    errors.UnsupportedSaslMechanismError: "it takes no such login: look at SAVING_ALERTS_KAFKA_SASL_MECHANISM",
    errors.IllegalSaslStateError: f"it takes no login there: {PROTOCOL_HINT}",
    errors.ClusterAuthorizationFailedError: f"our user may not do that in the cluster: {ACL_HINT}",
    errors.GroupAuthorizationFailedError: f"our user may not do that with the consumer group: {ACL_HINT}",
    errors.TopicAuthorizationFailedError: f"our user may not do that with the topic: {ACL_HINT}",
    ssl.SSLError: f"it does not speak TLS as we do: {PROTOCOL_HINT}",
    errors.KafkaConnectionError: (
        "no broker can be reached: is SAVING_ALERTS_KAFKA_BOOTSTRAP_SERVERS right, and is Kafka running?"
    ),
}


def in_words(error: Exception) -> str:
    """What an error of the driver means, and what to do where there is something to do."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return certificate_refused(error, CA_SETTING, ADDRESS_SETTING)
    meaning = next((words for kind, words in _MEANINGS.items() if isinstance(error, kind)), None)
    return f"{meaning} ({_said(error)})" if meaning else str(error) or type(error).__name__


def _said(error: Exception) -> str:
    """The text it was made with; its class where that is none, as with some of the driver's."""
    texts = [argument for argument in error.args if isinstance(argument, str)]
    return texts[0] if texts else type(error).__name__


async def refusal_of(connection: KafkaConnection) -> Exception | None:
    """Why a broker refuses us, as an error that `in_words` knows; None if none does, or if none can be reached.

    A broker that takes us can name others under addresses that we cannot use: those are tried as well.
    """
    addresses = [(host, port) for host, port, _ in collect_hosts(connection.bootstrap_servers, randomize=False)]
    refusal, named = await _first_refusal(connection, addresses)
    return refusal or (await _first_refusal(connection, named))[0]


async def _first_refusal(
    connection: KafkaConnection, addresses: Iterable[tuple[str, int]]
) -> tuple[Exception | None, set[tuple[str, int]]]:
    """The first refusal, and the addresses that the others named."""
    named: set[tuple[str, int]] = set()
    for host, port in addresses:
        found = await _ask(connection, host, port)
        if isinstance(found, Exception):
            return found, named
        named |= found
    return None, named


async def _ask(connection: KafkaConnection, host: str, port: int) -> Exception | set[tuple[str, int]]:
    """The brokers that this one names; nothing if it cannot be reached; an error if it refuses us."""
    options = {**connection.options(), "request_timeout_ms": TRY_MILLISECONDS}
    del options["bootstrap_servers"]
    try:
        asked = await create_conn(host, port, **options)
        try:
            answer = await asked.send(MetadataRequest([]))
        finally:
            asked.close()
    except _REFUSED as error:
        return error
    except _CLOSED as error:
        # A retriable one: the broker may only be stopping.
        return cast("Exception", errors.KafkaProtocolError(_said(error)))
    except (errors.KafkaError, OSError, TimeoutError):
        return set()
    return {(broker[1], broker[2]) for broker in answer.brokers}
