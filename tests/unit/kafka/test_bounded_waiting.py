"""A broker that accepts a connection and never answers costs seconds, beside one that does and before it."""

import asyncio
import ssl
from typing import ClassVar

import pytest
from aiokafka import conn
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import NodeNotReadyError
from aiokafka.protocol.coordination import FindCoordinatorRequest
from aiokafka.protocol.group import HeartbeatRequest, JoinGroupRequest
from aiokafka.protocol.metadata import MetadataRequest

from saving_alerts.kafka.bounded_waiting import PROMPT_SECONDS, BoundedConnection, bound_waiting_in_aiokafka
from tests.support.fakes.kafka_node import (
    API_VERSIONS,
    FIND_COORDINATOR,
    HEARTBEAT,
    JOIN_GROUP,
    METADATA,
    KafkaNode,
    kafka_node,
)
from tests.support.until import until

pytestmark = pytest.mark.asyncio

DRIVERS_MILLISECONDS = 40_000
MOST_SECONDS = 20  # on a busy machine, too, and less than the driver waits
PROMPT_REQUESTS = {
    METADATA: MetadataRequest([]),
    FIND_COORDINATOR: FindCoordinatorRequest("group", 0),
    HEARTBEAT: HeartbeatRequest("group", 1, "member"),
}
JOIN = JoinGroupRequest("group", 10_000, 10_000, "", "", "consumer", [])


class Hurried(BoundedConnection):
    prompt_seconds: ClassVar[float] = 0.2


def connection_to(host: str, port: int) -> Hurried:
    return Hurried(host, port, request_timeout_ms=DRIVERS_MILLISECONDS)


def client_of(node: KafkaNode) -> AIOKafkaClient:
    """As a worker has one: its driver would wait for 40 s."""
    return AIOKafkaClient(bootstrap_servers=f"{node.host}:{node.port}", request_timeout_ms=DRIVERS_MILLISECONDS)


async def test_a_connection_that_is_accepted_and_never_answered_is_given_up() -> None:
    async with kafka_node(API_VERSIONS) as node:
        connection = connection_to(node.host, node.port)

        with pytest.raises(TimeoutError):
            await connection.connect()

    assert (node.asked, connection.connected()) == ([API_VERSIONS], False)


async def test_a_tls_handshake_that_is_never_answered_is_given_up() -> None:
    async with kafka_node() as node:
        tls = ssl.create_default_context()
        connection = Hurried(
            node.host, node.port, request_timeout_ms=DRIVERS_MILLISECONDS, security_protocol="SSL", ssl_context=tls
        )

        async with asyncio.timeout(MOST_SECONDS) as not_the_drivers:
            with pytest.raises(TimeoutError):
                await connection.connect()

    assert (node.asked, node.connections, not_the_drivers.expired()) == ([], 1, False)


@pytest.mark.parametrize("key", PROMPT_REQUESTS)
async def test_what_is_answered_at_once_is_not_awaited_for_long_and_its_connection_is_closed(key: int) -> None:
    async with kafka_node(key) as node:
        connection = connection_to(node.host, node.port)
        await connection.connect()

        with pytest.raises(TimeoutError):
            await connection.send(PROMPT_REQUESTS[key])

    assert (node.asked, connection.connected()) == ([API_VERSIONS, key], False)


async def test_what_a_broker_may_hold_is_awaited_and_so_is_what_is_asked_behind_it() -> None:
    async with kafka_node(JOIN_GROUP, HEARTBEAT) as node:
        connection = connection_to(node.host, node.port)
        await connection.connect()
        waiting = [asyncio.ensure_future(connection.send(each)) for each in (JOIN, PROMPT_REQUESTS[HEARTBEAT])]

        done, _ = await asyncio.wait(waiting, timeout=5 * Hurried.prompt_seconds)

        assert (done, node.asked, connection.connected()) == (set(), [API_VERSIONS, JOIN_GROUP, HEARTBEAT], True)
        connection.close()
        await asyncio.wait(waiting)
        assert all(each.exception() for each in waiting)


async def test_every_client_of_this_process_has_such_connections() -> None:
    bound_waiting_in_aiokafka()

    assert conn.AIOKafkaConnection is BoundedConnection


async def test_a_coordinator_is_asked_for_elsewhere_after_a_broker_that_never_answers() -> None:
    bound_waiting_in_aiokafka()
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with kafka_node(API_VERSIONS) as silent, kafka_node() as good:
        good.brokers = [(1, good.host, good.port), (2, silent.host, silent.port)]
        client = client_of(good)
        await client.bootstrap()

        with pytest.raises(NodeNotReadyError):
            await client.send(2, PROMPT_REQUESTS[FIND_COORDINATOR])
        found = await client.send(1, PROMPT_REQUESTS[FIND_COORDINATOR])
        await client.close()

    # The metadata, which are asked for meanwhile, may wait for the silent one as well.
    assert (found.coordinator_id, set(silent.asked)) == (1, {API_VERSIONS})
    assert loop.time() - began < 4 * PROMPT_SECONDS


async def test_metadata_are_asked_of_a_new_connection_after_one_that_hung() -> None:
    bound_waiting_in_aiokafka()
    async with kafka_node() as node:
        client = client_of(node)
        await client.bootstrap()
        node.silent_to = frozenset({METADATA})
        update = asyncio.ensure_future(client.force_metadata_update())
        connections = node.connections
        await until(lambda: node.asked.count(METADATA) == 2)
        node.silent_to = frozenset()

        assert not await update
        assert await client.force_metadata_update()
        await client.close()

    assert node.connections >= connections + 1
