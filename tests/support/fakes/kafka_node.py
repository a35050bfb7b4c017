"""A raw TCP server that speaks as much of Kafka's protocol as a connection begins with, or nothing at all."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from aiokafka.protocol.admin import ApiVersionResponse_v0
from aiokafka.protocol.coordination import FindCoordinatorResponse_v0
from aiokafka.protocol.metadata import MetadataResponse_v0

PRODUCE, METADATA, FIND_COORDINATOR, JOIN_GROUP, HEARTBEAT, API_VERSIONS = 0, 3, 10, 11, 12, 18
SPOKEN = [(key, 0, 0) for key in (METADATA, FIND_COORDINATOR, JOIN_GROUP, HEARTBEAT, API_VERSIONS)] + [(PRODUCE, 2, 2)]


@dataclass(slots=True)
class KafkaNode:
    """`silent_to`: the API keys that it reads and never answers. `brokers` is what its metadata says."""

    silent_to: frozenset[int] = frozenset()
    brokers: list[tuple[int, str, int]] = field(default_factory=list)
    host: str = ""
    port: int = 0
    asked: list[int] = field(default_factory=list)  # the API keys of all requests
    connections: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                (size,) = struct.unpack(">i", await reader.readexactly(4))
                key, _, number = struct.unpack(">hhi", (await reader.readexactly(size))[:8])
                self.asked.append(key)
                if key not in self.silent_to:
                    answer = struct.pack(">i", number) + self._answer(key)
                    writer.write(struct.pack(">i", len(answer)) + answer)
        writer.close()

    def _answer(self, key: int) -> bytes:
        answers = {
            API_VERSIONS: lambda: ApiVersionResponse_v0(0, SPOKEN),
            METADATA: lambda: MetadataResponse_v0(self.brokers, []),
            FIND_COORDINATOR: lambda: FindCoordinatorResponse_v0(0, *self.brokers[0]),
        }
        return bytes(answers[key]().encode())


@asynccontextmanager
async def kafka_node(*silent_to: int) -> AsyncIterator[KafkaNode]:
    """It names itself as the only broker."""
    node = KafkaNode(frozenset(silent_to))
    server = await asyncio.start_server(node.serve, "127.0.0.1", 0)
    node.host, node.port = server.sockets[0].getsockname()
    node.brokers = [(1, node.host, node.port)]
    try:
        yield node
    finally:
        server.close()
