"""How long aiokafka waits for a broker that accepts a connection and says nothing, for every client of this process.

It has one timeout for everything, and a consumer needs a long one, because JoinGroup may be answered as late as a
rebalance ends. So a group's coordinator was looked for where nobody answers, for 40 s: of a broker that was killed and
starts again, the kernel accepts connections long before the broker reads from them. Here what a broker answers at once,
if it answers at all, has a few seconds. Then the connection is closed, and the driver goes on with another broker.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any, ClassVar

from aiokafka import conn
from aiokafka.protocol.admin import ApiVersionRequest, SaslAuthenticateRequest, SaslHandShakeRequest
from aiokafka.protocol.coordination import FindCoordinatorRequest
from aiokafka.protocol.group import HeartbeatRequest, JoinGroupRequest, SyncGroupRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.produce import ProduceRequest

# Twice that is below the session timeout of 10 s: a heartbeat that is not answered and a connection that is not made
# leave time for the next heartbeat. A lost SYN is sent again after 1 s and after 3 s.
PROMPT_SECONDS = 4.0
# What a broker answers from memory.
PROMPT = (
    ApiVersionRequest,
    FindCoordinatorRequest,
    HeartbeatRequest,
    MetadataRequest,
    SaslAuthenticateRequest,
    SaslHandShakeRequest,
)
# What it may hold as long as the driver's timeout. What is asked on the same connection afterwards is answered later.
HELD_KEYS = frozenset({JoinGroupRequest.API_KEY, ProduceRequest.API_KEY, SyncGroupRequest.API_KEY})


class BoundedConnection(conn.AIOKafkaConnection):  # type: ignore[misc]
    """aiokafka's. Connecting, TLS and login included, and each prompt answer take `prompt_seconds` at most."""

    prompt_seconds: ClassVar[float] = PROMPT_SECONDS

    async def connect(self) -> Any:  # noqa: ANN401 - aiokafka's
        """Raises TimeoutError, as aiokafka's does after its own, longer timeout."""
        async with asyncio.timeout(self.prompt_seconds):
            return await super().connect()

    def send(self, request: Any, expect_response: bool = True) -> Awaitable[Any]:  # noqa: ANN401, FBT001, FBT002 - aiokafka's
        """The awaitable raises TimeoutError when it was asked in vain. The connection is closed then."""
        is_prompt = isinstance(request, PROMPT) and not self._has_held_request()
        answer: Awaitable[Any] = super().send(request, expect_response)
        return self._prompt(answer) if is_prompt else answer

    def _has_held_request(self) -> bool:
        return any(getattr(asked, "API_KEY", None) in HELD_KEYS for _, asked, _ in self._requests)

    async def _prompt(self, answer: Awaitable[Any]) -> Any:  # noqa: ANN401 - of any request
        try:
            async with asyncio.timeout(self.prompt_seconds):
                return await answer
        except TimeoutError:
            # aiokafka would ask for metadata on it again.
            self.close(reason=conn.CloseReason.CONNECTION_TIMEOUT)
            raise


def bound_waiting_in_aiokafka() -> None:
    """Patch aiokafka for all clients of this process. Raises ImportError if this release has no such class."""
    if not hasattr(conn, "AIOKafkaConnection"):
        raise ImportError("this release of aiokafka is not supported: conn.AIOKafkaConnection not found")
    conn.AIOKafkaConnection = BoundedConnection
