"""What the contract suite cannot see from outside: how names are looked up, and what a request may consist of."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from saving_alerts.adapters.http_addresses import Addresses
from saving_alerts.adapters.http_client import HttpClient
from saving_alerts.http_access import HttpAccess
from saving_alerts.ports.trace_context import tracing
from saving_alerts.secret_files import SecretFileError

pytestmark = pytest.mark.asyncio

FOUND = [("an address",)]


class NameServer:
    """Answers when `answers` is set, the first time with an error where it `fails_once`."""

    def __init__(self, *, fails_once: bool = False) -> None:
        self.answers = asyncio.Event()
        self.asked = 0
        self._fails = fails_once

    async def look_up(self, host: str, port: int) -> list[Any]:
        self.asked += 1
        await self.answers.wait()
        if self._fails:
            self._fails = False
            raise OSError("no such name")
        return FOUND


async def test_many_connections_look_a_name_up_once() -> None:
    names = NameServer()
    addresses = Addresses("push.example", 443, names.look_up)
    asking = [asyncio.create_task(addresses.now()) for _ in range(10)]
    await asyncio.sleep(0)
    names.answers.set()

    assert await asyncio.gather(*asking) == [FOUND] * 10
    assert (await addresses.now(), names.asked) == (FOUND, 1)


async def test_a_name_server_that_hangs_is_asked_once_however_many_give_up() -> None:
    names = NameServer()
    addresses = Addresses("push.example", 443, names.look_up)

    for _ in range(10):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await addresses.now()
    names.answers.set()

    assert (await addresses.now(), names.asked) == (FOUND, 1)


async def test_a_name_is_looked_up_again_after_an_error_and_after_a_connection_that_was_not_made() -> None:
    names = NameServer(fails_once=True)
    names.answers.set()
    addresses = Addresses("push.example", 443, names.look_up)

    with pytest.raises(OSError, match="no such name"):
        await addresses.now()
    assert await addresses.now() == FOUND
    addresses.forget()
    assert await addresses.now() == FOUND

    assert names.asked == 3


@pytest.mark.parametrize("text", ["a\r\nB: c", "a\nb", "ü", "\0"])
async def test_nothing_can_be_put_into_a_head_but_what_belongs_there(text: str) -> None:
    client = HttpClient("http://push.example")

    with pytest.raises(ValueError, match="no part of an HTTP head"):
        client.request("POST", "/push", {"Idempotency-Key": text})
    with pytest.raises(ValueError, match="no part of an HTTP head"):
        client.request("GET", f"/{text}", {})


@pytest.mark.parametrize(
    ("base", "line", "host"),
    [
        ("http://push.example", "POST /push HTTP/1.1", "push.example"),
        ("http://push.example:8080/v1/", "POST /v1/push HTTP/1.1", "push.example:8080"),
        ("http://[::1]:8080/a%2Fb", "POST /a%2Fb/push HTTP/1.1", "[::1]:8080"),
        ("http://bücher.example/", "POST /push HTTP/1.1", "xn--bcher-kva.example"),
    ],
)
async def test_a_request_has_the_path_and_the_host_of_its_address(base: str, line: str, host: str) -> None:
    request = HttpClient(base).request("POST", "/push", {"A": "b"}, b"{}").decode()

    assert request.split("\r\n")[:2] == [line, f"Host: {host}"]
    assert request.endswith("\r\nA: b\r\nContent-Length: 2\r\n\r\n{}")


async def test_user_and_password_of_an_address_are_sent_as_its_login() -> None:
    request = HttpClient("http://us:p%40ss@push.example").request("GET", "/", {}).decode()

    assert "\r\nHost: push.example\r\n" in request
    assert "\r\nAuthorization: Basic dXM6cEBzcw==\r\n" in request


async def test_a_token_of_a_file_is_sent_as_it_is_now_and_in_the_place_of_a_login(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("old")
    client = HttpClient.of("http://us:secret@push.example", HttpAccess(str(token), headers={"X-Tenant": "shop"}))
    before = client.request("GET", "/", {}).decode()
    token.write_text("newer\n")
    after = client.request("GET", "/", {}).decode()

    assert [line for line in before.split("\r\n") if line.startswith("Auth")] == ["Authorization: Bearer old"]
    assert [line for line in after.split("\r\n") if line.startswith("Auth")] == ["Authorization: Bearer newer"]
    assert "\r\nX-Tenant: shop\r\n" in after


async def test_a_token_that_is_not_there_is_said_before_anything_is_asked(tmp_path: Path) -> None:
    with pytest.raises(SecretFileError):
        HttpClient.of("http://push.example", HttpAccess(str(tmp_path / "token")))


async def test_a_request_names_the_trace_that_its_task_works_on() -> None:
    client = HttpClient("http://push.example")
    with tracing("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"):
        traced = client.request("GET", "/", {}).decode()

    assert "\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n" in traced
    assert "traceparent" not in client.request("GET", "/", {}).decode()
