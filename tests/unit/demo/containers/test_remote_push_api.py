"""The load reads over HTTP what the stub push API has accepted, and sets its behaviours."""

import socket
from collections.abc import Iterator

import pytest

from demo.containers.remote_push_api import RemotePushApi
from demo.stub_apis.faults import Behaviour
from demo.stub_apis.push_api import PushApi
from tests.support.push_request import post_push


@pytest.fixture
def stub() -> Iterator[PushApi]:
    with PushApi() as stub:
        yield stub


def test_accepted_pushes_are_read(stub: PushApi) -> None:
    post_push(stub.url)

    assert RemotePushApi(stub.url).accepted() == stub.accepted


def test_violations_are_read(stub: PushApi) -> None:
    post_push(stub.url, key="")

    assert RemotePushApi(stub.url).violations() == stub.violations != []


def test_a_behaviour_is_set_for_a_user(stub: PushApi) -> None:
    RemotePushApi(stub.url).behave("u-1", Behaviour(fault="status", status=500, times=1))

    assert [post_push(stub.url), post_push(stub.url)] == [500, 201]


def test_a_behaviour_for_a_stub_that_is_down_is_ignored() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))

        RemotePushApi(f"http://127.0.0.1:{nobody.getsockname()[1]}").behave("u-1", Behaviour())
