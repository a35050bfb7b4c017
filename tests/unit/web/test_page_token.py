"""The pages of a worker with a token: for programs as Bearer, for people as the password of a browser."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest
import pytest_asyncio
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st

from saving_alerts.commands.stats.command import stats
from saving_alerts.web.page_token import PageToken
from tests.support.fakes.unopened_app import unopened_app

Client = TestClient[Request, Application]
CLOSED = ["/", "/stats", "/stats.json", "/metrics", "/live.js"]


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("secret\n")
    return path


@pytest_asyncio.fixture
async def server(token: Path) -> AsyncIterator[TestServer]:
    server = TestServer(await unopened_app(web_token_file=str(token)).web.wsgi())
    async with server:
        yield server


@pytest_asyncio.fixture
async def client(server: TestServer) -> AsyncIterator[Client]:
    async with TestClient(server) as client:
        yield client


def write(path: Path, text: str) -> None:
    path.write_text(text)


def basic(password: str, name: str = "anybody") -> str:
    return f"Basic {b64encode(f'{name}:{password}'.encode()).decode()}"


@pytest.mark.parametrize("path", CLOSED)
@pytest.mark.parametrize("shown", ["Bearer secret", "bearer secret", basic("secret")])
@pytest.mark.asyncio
async def test_whoever_shows_the_token_sees_the_page(client: Client, path: str, shown: str) -> None:
    assert (await client.get(path, headers={"Authorization": shown})).status == 200


@pytest.mark.parametrize("path", CLOSED)
@pytest.mark.parametrize(
    "shown", [None, "", "secret", "Bearer ", "Bearer other", basic("other"), "Basic !!", "Digest x"]
)
@pytest.mark.asyncio
async def test_nobody_else_does(client: Client, path: str, shown: str | None) -> None:
    answer = await client.get(path, headers={} if shown is None else {"Authorization": shown})

    assert (answer.status, await answer.text()) == (401, "a token is needed\n")
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
@pytest.mark.asyncio
async def test_health_is_open(client: Client, path: str) -> None:
    assert (await client.get(path)).status in {200, 503}


@pytest.mark.asyncio
async def test_a_new_token_counts_at_once(client: Client, token: Path) -> None:
    write(token, "another-one")

    assert (await client.get("/stats", headers={"Authorization": "Bearer another-one"})).status == 200
    assert (await client.get("/stats", headers={"Authorization": "Bearer secret"})).status == 401


@pytest.mark.asyncio
async def test_stats_shows_the_token(server: TestServer, token: Path) -> None:
    page = ["--json", "--page", str(server.make_url("/"))]
    shown = await asyncio.to_thread(CliRunner().invoke, stats, [*page, "--token-file", str(token)])
    refused = await asyncio.to_thread(CliRunner().invoke, stats, page)

    assert (shown.exit_code, refused.exit_code) == (0, 2)
    assert "--token-file" in refused.stderr


@given(st.text(max_size=200) | st.text(max_size=50).map(lambda rest: f"Basic {rest}"))
@example("Bearer \udc80")
def test_whatever_is_shown_is_no_fault_of_the_page(shown: str) -> None:
    with NamedTemporaryFile("w", encoding="utf-8") as file:
        file.write("f3f9a0c1-not-to-be-guessed")
        file.flush()

        assert not PageToken(file.name).allows(shown)
