"""What a worker has to be allowed on Kafka, and what of that is missing.

A broker with an authorizer tells who asks which operations are allowed. One without allows everything.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import Literal, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupAuthorizationFailedError, IncompatibleBrokerVersion, for_code

from saving_alerts.kafka.authorized_operations import NOT_TOLD, Allowed, allowed_on_group, allowed_on_topics
from saving_alerts.kafka.client import COORDINATOR_TIMEOUT_SECONDS, admin_client, retried
from saving_alerts.kafka.connection import KafkaConnection
from saving_alerts.kafka.refusals import ACL_HINT, UNAUTHORIZED
from saving_alerts.kafka.topics import Topics


class Operation(IntEnum):
    """What an ACL can allow, with its number in Kafka's protocol. Who may do one of these may describe as well."""

    READ = 3
    WRITE = 4


class Right(NamedTuple):
    """An operation on a topic or on a consumer group."""

    kind: Literal["topic", "group"]
    name: str
    operation: Operation

    def __str__(self) -> str:
        return f"{self.operation.name.title()} on {self.kind} {self.name}"


def rights_of_worker(topics: Topics, group: str, consent_group: str) -> tuple[Right, ...]:
    """What a worker needs, and no more. The consent's group is needed only where consent changes are read."""
    reads = [*topics.inputs.values(), topics.push_sends, topics.kill_switches]
    writes = [*topics.next_stage.values(), topics.decisions, topics.dead_letters, topics.push_sends]
    writes.append(topics.kill_switches)  # a worker takes back a canary that breaks a guard
    groups = [group]
    if topics.consent is not None and topics.consent_changes is not None:
        reads += [topics.consent_changes, topics.consent]
        writes.append(topics.consent)
        groups.append(consent_group)
    if topics.erasures is not None:
        reads.append(topics.erasures)
        writes.append(topics.erasures)
    return (
        *(Right("topic", topic.name, Operation.READ) for topic in reads),
        *(Right("topic", topic.name, Operation.WRITE) for topic in writes),
        *(Right("group", name, Operation.READ) for name in groups),
    )


def rights_of_recorder(topics: Topics, group: str) -> tuple[Right, ...]:
    """What `record-results` needs, in its own group; nothing where results are not recorded."""
    if topics.responses is None or topics.results is None:
        return ()
    return (
        *(Right("topic", topic.name, Operation.READ) for topic in (topics.source, topics.decisions, topics.responses)),
        *(Right("topic", topic.name, Operation.WRITE) for topic in (topics.responses, topics.results)),
        Right("group", group, Operation.READ),
    )


async def missing_rights(
    connection: KafkaConnection, rights: Sequence[Right], patience_seconds: float = COORDINATOR_TIMEOUT_SECONDS
) -> str | None:
    """Which of these our user does not have, in words; None if none is missing, or if the broker does not tell.

    Raises KafkaFailedError, for what may be temporary when it has failed for so long.
    """
    async for attempt in retried(patience_seconds):
        with attempt:
            missing = await _missing(connection, rights)
    if not missing:
        return None
    names = "".join(f"\n  {right}" for right in missing)
    return f"our user may not do on Kafka what a worker does: {ACL_HINT}. Missing:{names}"


async def _missing(connection: KafkaConnection, rights: Sequence[Right]) -> list[Right]:
    async with admin_client(connection) as client:
        try:
            allowed = await _allowed(client, rights)
        except (IncompatibleBrokerVersion, NotImplementedError):  # the embedded Kafka, which has no authorizer
            return []
    return [right for right in rights if not _has(allowed[right.kind, right.name], right.operation)]


async def _allowed(client: AIOKafkaAdminClient, rights: Sequence[Right]) -> dict[tuple[str, str], Allowed]:
    topics = await allowed_on_topics(client, sorted({right.name for right in rights if right.kind == "topic"}))
    groups = {name: await _on_group(client, name) for kind, name, _ in rights if kind == "group"}
    return {
        **{("topic", name): allowed for name, allowed in topics.items()},
        **{("group", name): allowed for name, allowed in groups.items()},
    }


async def _on_group(client: AIOKafkaAdminClient, group: str) -> Allowed:
    try:
        return await allowed_on_group(client, group)
    except GroupAuthorizationFailedError as error:
        return Allowed(error.errno, NOT_TOLD)


def _has(allowed: Allowed, operation: Operation) -> bool:
    if issubclass(for_code(allowed.error_code), UNAUTHORIZED):
        return False
    return allowed.operations == NOT_TOLD or bool(allowed.operations >> operation & 1)
