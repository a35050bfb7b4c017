import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio
from aiohttp import ClientConnectionError, ClientPayloadError, ClientSession

from demo.stub_apis.coupon_api import CouponApi, catalogue_of, read_catalogue, some_coupon
from demo.stub_apis.faults import Behaviour

pytestmark = pytest.mark.asyncio

COUPON = some_coupon("m-1", 1)
CATALOGUE = catalogue_of({("u-1", "m-1"): [COUPON], ("u-2", "m-1"): [], ("u-3", "m-1"): 410, ("u/4", "m 1"): [COUPON]})
HEADERS = {"Accept": "application/json", "User-Agent": "saving-alerts/0.1.0"}


@pytest.fixture
def api() -> Iterator[CouponApi]:
    with CouponApi(CATALOGUE) as api:
        yield api


class Asker:
    """Asks a stub for coupons; each answer is (status, Retry-After, body)."""

    def __init__(self, session: ClientSession, url: str) -> None:
        self.session = session
        self.url = url

    async def ask(self, user_id: str = "u-1", merchant_id: str = "m-1") -> tuple[int, str | None, bytes]:
        return await self.request("GET", f"/users/{user_id}/merchants/{merchant_id}/coupons", HEADERS)

    async def request(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, str | None, bytes]:
        async with self.session.request(method, self.url + path, headers=headers) as response:
            return response.status, response.headers.get("Retry-After"), await response.read()


@pytest_asyncio.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


@pytest.fixture
def asker(session: ClientSession, api: CouponApi) -> Asker:
    return Asker(session, api.url)


async def test_it_answers_with_the_coupons_of_the_catalogue(api: CouponApi, asker: Asker) -> None:
    status, _, body = await asker.ask()

    assert (status, json.loads(body)) == (200, [COUPON])
    assert api.violations == []


@pytest.mark.parametrize(
    ("user_id", "expected"),
    [
        pytest.param("u-2", 200, id="an empty list"),
        pytest.param("u-3", 410, id="a status of the catalogue"),
        pytest.param("u-9", 404, id="nobody the catalogue knows"),
    ],
)
async def test_it_answers_with_the_status_of_the_catalogue(
    api: CouponApi, asker: Asker, user_id: str, expected: int
) -> None:
    status, _, _ = await asker.ask(user_id)

    assert (status, api.violations) == (expected, [])


async def test_ids_are_read_from_the_escaped_path(api: CouponApi, asker: Asker) -> None:
    status, _, body = await asker.ask("u%2F4", "m%201")

    assert (status, json.loads(body)) == (200, [COUPON])
    assert api.requests[0].user_id == "u/4"


async def test_the_catalogue_can_be_exchanged_while_it_serves(api: CouponApi, asker: Asker) -> None:
    api.coupons = lambda user_id, merchant_id: [some_coupon(merchant_id, 7)]

    _, _, body = await asker.ask()

    assert [coupon["coupon_id"] for coupon in json.loads(body)] == ["c-7"]


async def test_every_request_is_recorded_with_its_status_and_headers(api: CouponApi, asker: Asker) -> None:
    await asker.ask()
    await asker.ask("u-9")

    assert [(seen.user_id, seen.status, seen.headers) for seen in api.requests] == [
        ("u-1", 200, HEADERS),
        ("u-9", 404, HEADERS),
    ]


GOOD_PATH = "/users/u-1/merchants/m-1/coupons"


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        pytest.param("GET", GOOD_PATH, {**HEADERS, "Accept": "*/*"}, id="any content type"),
        pytest.param("GET", GOOD_PATH, {**HEADERS, "User-Agent": "curl/8"}, id="another user agent"),
        pytest.param("GET", GOOD_PATH, {"Accept": "application/json"}, id="the library's user agent"),
        pytest.param("POST", GOOD_PATH, HEADERS, id="another method"),
        pytest.param("GET", "/users/u-1/coupons", HEADERS, id="another path"),
        pytest.param("GET", "/users//merchants/m-1/coupons", HEADERS, id="no user"),
    ],
)
async def test_a_request_against_the_contract_is_a_violation(
    api: CouponApi, asker: Asker, method: str, path: str, headers: dict[str, str]
) -> None:
    status, _, _ = await asker.request(method, path, headers)

    assert (status, len(api.violations)) == (400, 1)


@pytest.mark.parametrize("status", [400, 403, 429, 500, 503])
async def test_it_gives_the_status_it_is_told_to_as_often_as_told(api: CouponApi, asker: Asker, status: int) -> None:
    api.behave(Behaviour(fault="status", status=status, retry_after_seconds=3, times=2))

    answers = [(await asker.ask())[:2] for _ in range(3)]

    assert answers == [(status, "3"), (status, "3"), (200, None)]


async def test_a_garbled_answer_is_not_json(api: CouponApi, asker: Asker) -> None:
    api.behave(Behaviour(fault="garbled"))

    status, _, body = await asker.ask()

    assert status == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)


async def test_an_oversize_answer_is_valid_json_of_more_than_256_kib(api: CouponApi, asker: Asker) -> None:
    api.behave(Behaviour(fault="oversize"))

    status, _, body = await asker.ask()

    assert (status, json.loads(body)) == (200, [COUPON])
    assert len(body) > 256 * 1024


async def test_too_many_coupons_are_more_than_200_within_256_kib(api: CouponApi, asker: Asker) -> None:
    api.behave(Behaviour(fault="too_many"))

    _, _, body = await asker.ask()

    assert len(json.loads(body)) > 200
    assert len(body) < 256 * 1024


async def test_a_truncated_answer_breaks_off(api: CouponApi, asker: Asker) -> None:
    api.behave(Behaviour(fault="truncated"))

    with pytest.raises(ClientPayloadError):
        await asker.ask()


@pytest.mark.parametrize("fault", ["ambiguous_dropped", "ambiguous_accepted"])
async def test_a_connection_can_be_closed_without_an_answer(
    api: CouponApi, asker: Asker, fault: str, session: ClientSession
) -> None:
    api.behave(msgspec.convert({"fault": fault}, Behaviour))

    with pytest.raises(ClientConnectionError):
        await asker.ask()

    assert api.requests[0].status is None


async def test_a_hanging_request_is_answered_when_the_behaviour_changes(api: CouponApi, asker: Asker) -> None:
    api.behave(Behaviour(fault="hang"), user_id="u-1")
    hanging = asyncio.ensure_future(asker.ask())
    await asyncio.to_thread(api.wait_until, lambda: len(api.requests) == 1)
    assert (await asker.ask("u-2"))[0] == 200
    assert not hanging.done()

    api.behave(user_id="u-1")

    assert (await hanging)[0] == 200


async def test_what_is_not_answered_stays_so_when_the_stub_is_well_again_until_it_stops(
    api: CouponApi, asker: Asker
) -> None:
    api.behave(Behaviour(fault="unanswered"), user_id="u-1")
    asking = asyncio.ensure_future(asker.ask())
    await asyncio.to_thread(api.wait_until, lambda: len(api.requests) == 1)

    api.recover()
    assert (await asker.ask())[0] == 200
    assert not asking.done()

    await asyncio.to_thread(api.stop)
    with pytest.raises(ClientConnectionError):
        await asking


async def test_a_wait_for_what_never_comes_ends(api: CouponApi) -> None:
    with pytest.raises(TimeoutError):
        api.wait_until(lambda: bool(api.requests), timeout_seconds=0.01)


async def test_a_port_that_is_taken_fails_the_start(api: CouponApi) -> None:
    with pytest.raises(OSError, match="address already in use"):
        CouponApi(CATALOGUE, port=api.port).start()


async def test_a_behaviour_for_the_push_api_is_refused(api: CouponApi) -> None:
    with pytest.raises(ValueError, match="accepts_late"):
        api.behave(Behaviour(fault="accepts_late"))


async def test_an_unknown_record_names_the_ones_there_are(session: ClientSession, api: CouponApi) -> None:
    async with session.get(f"{api.url}/control/accepted") as response:
        text = await response.text()

    assert response.status == 404
    assert "requests, violations" in text


async def test_a_catalogue_file_with_a_mistake_names_its_place(tmp_path: Path) -> None:
    path = tmp_path / "coupons.json"
    path.write_text('[{"user_id": "u-1", "merchant_id": "m-1", "coupons": "ten"}]')

    with pytest.raises(msgspec.ValidationError, match="coupons"):
        read_catalogue(path)


async def test_it_runs_as_a_process_with_a_catalogue_file(session: ClientSession, tmp_path: Path) -> None:
    path = tmp_path / "coupons.json"
    path.write_text(json.dumps([{"user_id": "u-1", "merchant_id": "m-1", "coupons": [COUPON]}]))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "demo.stub_apis.coupon_api", "--coupons", str(path), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        url = (await process.stdout.readline()).decode().split()[-1]
        status, _, body = await Asker(session, url).ask()
    finally:
        process.send_signal(signal.SIGTERM)

    assert (status, json.loads(body), await process.wait()) == (200, [COUPON], 0)
