"""The load sees through HTTP what the stub push API has accepted."""

import socket
import urllib.error
import urllib.request
from collections.abc import Iterator

import msgspec
import pytest

from demo.containers.remote_push_api import RemotePushApi
from demo.stub_apis.faults import Behaviour
from demo.stub_apis.push_api import PushApi

BODY = {
    "user_id": "u-1",
    "title": "Ten percent",
    "body": "Only today",
    "deep_link": "https://app.example/coupons/c-1",
    "locale": "en-GB",
    "category": "saving_alert",
    "collapse_key": "m-1",
    "ttl_seconds": 60,
    "not_after": "2099-01-01T00:01:00.000Z",
    "trace": {"event_id": "e-1", "decision_id": "d-1", "rule_id": "r-1", "rules_version": "0123456789ab"},
}


@pytest.fixture
def stub() -> Iterator[PushApi]:
    with PushApi() as stub:
        yield stub


def push(stub: PushApi, key: str = "k-1") -> int:
    headers = {"Idempotency-Key": key, "Request-Not-After": "2099-01-01T00:00:00.000Z"}
    headers["Content-Type"] = "application/json"
    request = urllib.request.Request(f"{stub.url}/push-notifications", msgspec.json.encode(BODY), headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_accepted_pushes_are_read(stub: PushApi) -> None:
    push(stub)

    assert RemotePushApi(stub.url).accepted() == stub.accepted


def test_violations_are_read(stub: PushApi) -> None:
    push(stub, key="")

    assert RemotePushApi(stub.url).violations() == stub.violations != []


def test_a_user_is_treated_as_told(stub: PushApi) -> None:
    RemotePushApi(stub.url).behave("u-1", Behaviour(fault="status", status=500, times=1))

    assert [push(stub), push(stub)] == [500, 201]


def test_a_stub_that_is_down_is_trouble_enough() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))

        RemotePushApi(f"http://127.0.0.1:{nobody.getsockname()[1]}").behave("u-1", Behaviour())
