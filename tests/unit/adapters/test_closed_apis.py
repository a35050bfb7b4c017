"""APIs that are closed: they ask for a token, headers, or a certificate, and are known by an authority of their own."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web

from saving_alerts.adapters.coupon_api import CouponApi, CouponApiPolicy
from saving_alerts.adapters.push_api import PushApi, PushApiPolicy
from saving_alerts.domain.coupons import CouponAnswer
from saving_alerts.http_access import HttpAccess
from saving_alerts.ports.push_sender import Accepted, Attempt, Throttled
from tests.support.certificates import Authority
from tests.support.fakes.clock import START, FakeClock
from tests.support.fakes.metrics import RecordingMetrics
from tests.support.sample_pushes import PUSH

pytestmark = pytest.mark.asyncio

SOON = START + timedelta(minutes=10)


class ClosedApi:
    """Both APIs in one, which take this token and nothing else; without one they take everything."""

    def __init__(self, token: str | None = None) -> None:
        self.token = token
        self.requests: list[dict[str, str]] = []
        self.was_asked = asyncio.Event()

    async def answer(self, request: web.BaseRequest) -> web.Response:
        self.requests.append({name.lower(): value for name, value in request.headers.items()})
        self.was_asked.set()
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.Response(status=401)
        return web.json_response([]) if request.method == "GET" else web.Response(status=201)

    @asynccontextmanager
    async def served(self, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
        """Its address; `context`: over TLS."""
        runner = web.ServerRunner(web.Server(self.answer))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        try:
            yield f"{'https' if context else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


def write(path: Path, text: str) -> None:
    path.write_text(text)


async def pushed(url: str, access: HttpAccess) -> Attempt:
    api = PushApi.over_http(PushApiPolicy(url, access=access), FakeClock(), RecordingMetrics())
    try:
        return await api.attempt(PUSH, "k-1", SOON)
    finally:
        await api.close()


async def asked(url: str, access: HttpAccess) -> CouponAnswer:
    api = CouponApi.over_http(CouponApiPolicy(url, access=access), FakeClock(), RecordingMetrics())
    try:
        return await api.coupons("u-1", "m-1", SOON)
    finally:
        await api.close()


async def test_token_and_headers_go_with_every_request(tmp_path: Path) -> None:
    write(tmp_path / "token", "secret")
    access = HttpAccess(token_file=str(tmp_path / "token"), headers={"X-Tenant": "shop"})
    closed = ClosedApi("secret")

    async with closed.served() as url:
        assert await pushed(url, access) == Accepted(201)
        assert await asked(url, access) == CouponAnswer()

    assert [(each["authorization"], each["x-tenant"]) for each in closed.requests] == [("Bearer secret", "shop")] * 2
    assert closed.requests[0]["user-agent"].startswith("saving-alerts/")


async def test_a_token_that_is_not_taken_holds_the_push_until_it_is_changed(tmp_path: Path) -> None:
    token = tmp_path / "token"
    write(token, "old")
    closed = ClosedApi("new")
    async with closed.served() as url:
        policy = PushApiPolicy(url, access=HttpAccess(str(token)))
        api = PushApi.over_http(policy, FakeClock(), RecordingMetrics())
        assert await api.attempt(PUSH, "k-1", SOON) == Throttled(timedelta(seconds=1))

        write(token, "new\n")

        assert await api.attempt(PUSH, "k-1", SOON) == Accepted(201)
        await api.close()


async def test_coupons_are_asked_for_again_when_the_token_was_changed(tmp_path: Path) -> None:
    token = tmp_path / "token"
    write(token, "old")
    closed, clock = ClosedApi("new"), FakeClock()
    async with closed.served() as url:
        policy = CouponApiPolicy(url, access=HttpAccess(str(token)))
        api = CouponApi.over_http(policy, clock, RecordingMetrics())
        asking = asyncio.ensure_future(api.coupons("u-1", "m-1", SOON))
        await closed.was_asked.wait()
        write(token, "new")
        clock.advance(timedelta(seconds=2))
        assert await asking == CouponAnswer(failed_asks={"HTTP 401": 1})
        await api.close()


async def test_without_a_token_none_is_sent() -> None:
    closed = ClosedApi()
    async with closed.served() as url:
        await pushed(url, HttpAccess())

    assert "authorization" not in closed.requests[0]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "api")


def server_context(authority: Authority, clients: Authority | None = None) -> ssl.SSLContext:
    """Of a server that is called localhost; `clients`: it asks for a certificate that they have signed."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate = authority.issue("server", "localhost", "127.0.0.1")
    context.load_cert_chain(certificate.certificate, certificate.key)
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients.ca_file)
    return context


async def test_an_authority_of_its_own_is_trusted_where_it_is_named(authority: Authority) -> None:
    async with ClosedApi().served(server_context(authority)) as url:
        assert await pushed(url, HttpAccess(ca_file=str(authority.ca_file))) == Accepted(201)
        assert isinstance(await pushed(url, HttpAccess()), Throttled)


async def test_our_certificate_is_shown_where_it_is_asked_for(authority: Authority, tmp_path: Path) -> None:
    clients = Authority(tmp_path, "clients")
    ours = clients.issue("worker", "worker")
    shown = HttpAccess(ca_file=str(authority.ca_file), certificate_file=str(ours.certificate), key_file=str(ours.key))
    async with ClosedApi().served(server_context(authority, clients)) as url:
        assert await pushed(url, shown) == Accepted(201)
        assert await asked(url, shown) == CouponAnswer()
        assert await pushed(url, HttpAccess(ca_file=str(authority.ca_file))) != Accepted(201)
