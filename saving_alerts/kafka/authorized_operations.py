"""Two requests of Kafka's protocol that the driver has not, or not whole: which operations are allowed to who asks.

The answers have a number with a bit for each operation that is allowed, or NOT_TOLD. With an error there is no number.
"""

from typing import NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import DescribeGroupsResponse_v3
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int16, Int32, Schema, String

NOT_TOLD = -(2**31)

_TEXT = String("utf-8")

# mypy knows nothing of the driver: hence `misc` below.


class Allowed(NamedTuple):
    """`error_code` is Kafka's; `operations` has a bit for each operation."""

    error_code: int
    operations: int


class _TopicsResponse(Response):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 8
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("brokers", Array(("node_id", Int32), ("host", _TEXT), ("port", Int32), ("rack", _TEXT))),
        ("cluster_id", _TEXT),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("topic", _TEXT),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", Array(Int32)),
                        ("isr", Array(Int32)),
                        ("offline_replicas", Array(Int32)),
                    ),
                ),
                ("authorized_operations", Int32),
            ),
        ),
        ("cluster_authorized_operations", Int32),
    )


class _TopicsStruct(RequestStruct):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 8
    RESPONSE_TYPE = _TopicsResponse
    SCHEMA = Schema(
        ("topics", Array(_TEXT)),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
    )


class _TopicsRequest(Request[_TopicsStruct]):  # type: ignore[misc]
    API_KEY = 3

    def __init__(self, topics: list[str]) -> None:
        self._topics = topics

    def build(self, request_struct_class: type[_TopicsStruct]) -> _TopicsStruct:
        return request_struct_class(self._topics, False, False, True)


class _GroupStruct(RequestStruct):  # type: ignore[misc]
    """The driver's own reads the answer of an older version, without the operations."""

    API_KEY = 15
    API_VERSION = 3
    RESPONSE_TYPE = DescribeGroupsResponse_v3
    SCHEMA = Schema(("groups", Array(_TEXT)), ("include_authorized_operations", Boolean))


class _GroupRequest(Request[_GroupStruct]):  # type: ignore[misc]
    API_KEY = 15

    def __init__(self, group: str) -> None:
        self._group = group

    def build(self, request_struct_class: type[_GroupStruct]) -> _GroupStruct:
        return request_struct_class([self._group], True)


async def allowed_on_topics(client: AIOKafkaAdminClient, topics: list[str]) -> dict[str, Allowed]:
    """By topic. It creates none. Raises KafkaError, and NotImplementedError on a broker that does not know this."""
    answer = await client._send_request(_TopicsRequest(topics))  # noqa: SLF001 - the client has no public way
    return {topic[1]: Allowed(topic[0], topic[4]) for topic in answer.topics}


async def allowed_on_group(client: AIOKafkaAdminClient, group: str) -> Allowed:
    """As `allowed_on_topics`; the group need not exist."""
    coordinator = await client.find_coordinator(group)
    answer = await client._send_request(_GroupRequest(group), coordinator)  # noqa: SLF001 - as above
    ((error_code, *_, operations),) = answer.groups
    return Allowed(error_code, operations)
