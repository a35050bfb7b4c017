"""AsyncAPI and OpenAPI in docs/contracts/ say what a worker sends and receives."""

import json
from pathlib import Path
from typing import Any

import pytest

from saving_alerts.adapters.coupon_request import HttpCouponRequests
from saving_alerts.adapters.http_client import HttpClient
from saving_alerts.adapters.push_api import PushApi, PushApiPolicy
from saving_alerts.domain.alerts import idempotency_key
from tests.generated import async_api
from tests.generated.schemas import FOLDER
from tests.support.api_clients import MANY_SECONDS
from tests.support.fakes.canned_server import canned_server
from tests.support.fakes.clock import START, FakeClock
from tests.support.fakes.metrics import RecordingMetrics
from tests.support.sample_pushes import PUSH

ROOT = Path(__file__).parents[2]
NOTHING_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
# Those of HTTP itself, which no document names.
OF_HTTP = frozenset({"host", "content-length", "content-type", "accept"})


def document(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / FOLDER / name).read_text())
    return found


def operation(name: str) -> tuple[str, str, dict[str, Any]]:
    """Path, method and what stands there of the one operation."""
    ((path, item),) = document(name)["paths"].items()
    ((method, described),) = item.items()
    return path, method, described


def headers_in(head: str) -> set[str]:
    return {line.partition(":")[0].lower() for line in head.splitlines()[1:] if line}


def headers_told(described: dict[str, Any]) -> set[str]:
    return {each["name"].lower() for each in described["parameters"] if each["in"] == "header"}


@pytest.mark.asyncio
async def test_a_push_is_sent_as_the_document_says() -> None:
    path, method, described = operation("push-api.openapi.json")
    heads: list[str] = []
    async with canned_server(CREATED, heads) as address:
        api = PushApi.over_http(PushApiPolicy(f"http://{address}"), FakeClock(), RecordingMetrics())
        await api.attempt(PUSH, idempotency_key("u-1", "e-1"), START)
        await api.close()

    (head,) = heads
    assert head.startswith(f"{method.upper()} {path} ")
    assert headers_in(head) - OF_HTTP == headers_told(described)


@pytest.mark.asyncio
async def test_coupons_are_asked_for_as_the_document_says() -> None:
    path, method, described = operation("coupon-api.openapi.json")
    heads: list[str] = []
    async with canned_server(NOTHING_FOUND, heads) as address:
        requests = HttpCouponRequests(HttpClient(f"http://{address}"), FakeClock())
        await requests.get("u-1", "m-1", MANY_SECONDS)
        await requests.close()

    (head,) = heads
    assert head.startswith(f"{method.upper()} {path.format(user_id='u-1', merchant_id='m-1')} ")
    assert headers_in(head) - OF_HTTP == headers_told(described)


def test_every_topic_is_a_channel_and_has_a_contract() -> None:
    channels = document("asyncapi.json")["channels"]

    assert [channel["address"] for channel in channels.values()] != []
    assert {channel["address"] for channel in channels.values()} == {topic.name for topic in async_api.TOPICS.all}
    assert [name for name, channel in channels.items() if not channel["messages"]] == []


def test_decisions_are_sent_and_events_received() -> None:
    operations = document("asyncapi.json")["operations"]

    assert {"receive_source", "send_decisions", "receive_validated", "send_validated"} <= operations.keys()
    assert "send_source" not in operations


def test_every_message_has_a_schema() -> None:
    messages = document("asyncapi.json")["components"]["messages"]

    assert all((ROOT / FOLDER / each["payload"]["$ref"]).is_file() for each in messages.values())
