"""Why a broker refuses us: in words, and found out where the driver keeps it to itself."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiokafka import errors

from saving_alerts.kafka.client import reaching
from saving_alerts.kafka.connection import KafkaConnection, KafkaFailedError
from saving_alerts.kafka.refusals import ACL_HINT, UNAUTHORIZED, in_words, refusal_of

LOGIN = "look at SAVING_ALERTS_KAFKA_SASL_USERNAME and SAVING_ALERTS_KAFKA_SASL_PASSWORD"
PROTOCOL = "look at SAVING_ALERTS_KAFKA_SECURITY_PROTOCOL"

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.mark.parametrize(
    ("error", "do", "said"),
    [
        (errors.SaslAuthenticationFailed("Invalid username"), LOGIN, "(Invalid username)"),
        (errors.UnsupportedSaslMechanismError(object()), "KAFKA_SASL_MECHANISM", "(UnsupportedSaslMechanismError)"),
        (errors.IllegalSaslStateError(), PROTOCOL, "(IllegalSaslStateError)"),
        (errors.TopicAuthorizationFailedError("decisions"), ACL_HINT, "(decisions)"),
        (errors.GroupAuthorizationFailedError("group"), ACL_HINT, "(group)"),
        (errors.ClusterAuthorizationFailedError(), ACL_HINT, "(ClusterAuthorizationFailedError)"),
        (ssl.SSLError(1, "wrong version number"), PROTOCOL, "(wrong version number)"),
        (errors.KafkaConnectionError("Unable to bootstrap"), "is Kafka running?", "(Unable to bootstrap)"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_it_says_what_to_do_and_what_the_broker_said(error: Exception, do: str, said: str) -> None:
    assert do in in_words(error)
    assert in_words(error).endswith(said)


@pytest.mark.parametrize("error", [OSError("disk full"), TimeoutError(), errors.NotEnoughReplicasError()], ids=repr)
def test_what_has_no_advice_keeps_its_text_or_its_class(error: Exception) -> None:
    assert in_words(error) == (str(error) or type(error).__name__)


def test_every_missing_right_has_its_words() -> None:
    assert all(ACL_HINT in in_words(kind()) for kind in UNAUTHORIZED)


@asynccontextmanager
async def broker(answer: Answer) -> AsyncIterator[KafkaConnection]:
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield KafkaConnection(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")


async def closes(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def reads_and_closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("answer", [closes, reads_and_closes])
async def test_who_closes_the_connection_without_a_word_may_speak_another_protocol(answer: Answer) -> None:
    async with broker(answer) as connection:
        refusal = await refusal_of(connection)

    assert refusal is not None
    assert PROTOCOL in in_words(refusal)


@pytest.mark.asyncio
async def test_where_nobody_listens_nobody_refuses() -> None:
    assert await refusal_of(KafkaConnection("127.0.0.1:1")) is None


@pytest.mark.asyncio
async def test_what_the_driver_keeps_to_itself_is_said() -> None:
    async with broker(closes) as connection:
        with pytest.raises(KafkaFailedError, match=PROTOCOL) as raised:
            async with reaching(connection):
                raise errors.KafkaConnectionError("Unable to bootstrap")

    assert getattr(raised.value.__cause__, "retriable", False), "a broker that stops closes connections as well"


@pytest.mark.asyncio
async def test_an_outage_is_told_as_one() -> None:
    with pytest.raises(KafkaFailedError, match="no broker can be reached"):
        async with reaching(KafkaConnection("127.0.0.1:1")):
            raise errors.KafkaConnectionError("Unable to bootstrap")
