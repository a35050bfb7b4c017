import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from copy import deepcopy
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from aiohttp import ClientConnectionError, ClientPayloadError, ClientSession

from demo.stub_apis.faults import Behaviour, Fault
from demo.stub_apis.push_api import PushApi

pytestmark = pytest.mark.asyncio

BODY = {
    "user_id": "u-1",
    "title": "Zehn Prozent bei Muster",
    "body": "Nur heute",
    "deep_link": "https://app.example/coupons/c-1",
    "locale": "de-DE",
    "category": "saving_alert",
    "collapse_key": "m-1",
    "ttl_seconds": 60,
    "not_after": "2099-01-01T00:01:00.000Z",
    "trace": {"event_id": "e-1", "decision_id": "d-1", "rule_id": "r-1", "rules_version": "0123456789ab"},
}
IN_TIME = "2099-01-01T00:00:00.000Z"
LONG_AGO = "2020-01-01T00:00:00.000Z"


@pytest.fixture
def api() -> Iterator[PushApi]:
    with PushApi() as api:
        yield api


@pytest_asyncio.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


class Sender:
    """Posts pushes to a stub; each answer is (status, Retry-After, body)."""

    def __init__(self, session: ClientSession, url: str) -> None:
        self.session = session
        self.url = url

    async def send(
        self, key: str | None = "k-1", not_after: str | None = IN_TIME, body: object = BODY
    ) -> tuple[int, str | None, str]:
        named = {"Idempotency-Key": key, "Request-Not-After": not_after, "Content-Type": "application/json"}
        headers = {name: value for name, value in named.items() if value is not None}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self.session.post(f"{self.url}/push-notifications", data=data, headers=headers) as response:
            return response.status, response.headers.get("Retry-After"), await response.text()


@pytest.fixture
def sender(session: ClientSession, api: PushApi) -> Sender:
    return Sender(session, api.url)


def changed(**fields: object) -> dict[str, object]:
    return {**deepcopy(BODY), **fields}


def without(field: str) -> dict[str, object]:
    return {name: value for name, value in BODY.items() if name != field}


async def test_a_push_is_accepted_and_recorded(api: PushApi, sender: Sender) -> None:
    before = datetime.now(UTC)

    status, _, body = await sender.send()

    assert (status, json.loads(body)) == (201, {"push_id": "push-1"})
    (push,) = api.accepted
    assert (push.idempotency_key, push.push.trace.event_id) == ("k-1", "e-1")
    assert push.request_not_after == datetime(2099, 1, 1, tzinfo=UTC)
    assert before <= push.accepted_at <= datetime.now(UTC)
    assert (push.late, push.second, api.violations) == (False, False, [])


async def test_every_request_is_recorded_with_its_status_and_headers(api: PushApi, sender: Sender) -> None:
    await sender.send()
    await sender.send()

    assert [(seen.user_id, seen.status) for seen in api.requests] == [("u-1", 201), ("u-1", 409)]
    assert api.requests[0].headers == {"Idempotency-Key": "k-1", "Request-Not-After": IN_TIME}


@pytest.mark.parametrize(
    ("not_after", "body"),
    [
        pytest.param(IN_TIME, BODY, id="the same request"),
        pytest.param(LONG_AGO, BODY, id="an ended lease"),
        pytest.param(None, BODY, id="no lease"),
        pytest.param(IN_TIME, b"{", id="a broken body"),
    ],
)
async def test_a_known_key_is_answered_before_anything_else_is_looked_at(
    api: PushApi, sender: Sender, not_after: str | None, body: object
) -> None:
    await sender.send()

    status, _, _ = await sender.send("k-1", not_after, body)

    assert (status, len(api.accepted), api.violations) == (409, 1, [])


@pytest.mark.parametrize("body", [BODY, b"{"], ids=["a good body", "a broken body"])
async def test_a_request_after_its_lease_does_nothing(api: PushApi, sender: Sender, body: object) -> None:
    status, _, _ = await sender.send(not_after=LONG_AGO, body=body)

    assert (status, api.accepted, api.violations) == (412, [], [])
    assert (await sender.send())[0] == 201


NOON = datetime(2026, 11, 23, 12, 0, 0, 4000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("late_by", "expected"),
    [
        pytest.param(timedelta(0), 201, id="at its end"),
        pytest.param(timedelta(microseconds=1), 412, id="just after its end"),
    ],
)
async def test_a_lease_is_good_up_to_its_end(session: ClientSession, late_by: timedelta, expected: int) -> None:
    with PushApi(clock=lambda: NOON + late_by) as api:
        status, _, _ = await Sender(session, api.url).send(not_after="2026-11-23T12:00:00.004Z")

    assert status == expected


@pytest.mark.parametrize(
    "not_after",
    [
        None,
        "2099-01-01T00:00:00Z",
        "2099-01-01T00:00:00.000000Z",
        "2099-01-01T00:00:00.000+00:00",
        "2099-01-01 00:00:00.000Z",
        "2099-13-01T00:00:00.000Z",
        "20990101T000000.000Z",
        "4070908800",
    ],
)
async def test_a_lease_in_another_format_is_a_violation(api: PushApi, sender: Sender, not_after: str | None) -> None:
    status, _, _ = await sender.send(not_after=not_after)

    assert (status, len(api.violations), api.accepted) == (400, 1, [])


@pytest.mark.parametrize("key", [None, ""], ids=["no key", "an empty key"])
async def test_a_request_without_a_key_is_a_violation(api: PushApi, sender: Sender, key: str | None) -> None:
    status, _, _ = await sender.send(key)

    assert (status, len(api.violations)) == (400, 1)


@pytest.mark.parametrize(
    "body",
    [
        *[pytest.param(without(field), id=f"without {field}") for field in BODY],
        *[pytest.param(changed(**{field: 7.5}), id=f"{field} of a wrong type") for field in BODY],
        pytest.param(changed(title=""), id="empty title"),
        pytest.param(changed(colour="red"), id="unknown field"),
        pytest.param(changed(trace={**BODY["trace"], "span": "s"}), id="unknown field in the trace"),  # type: ignore[dict-item]
        pytest.param(changed(trace={"event_id": "e-1"}), id="half a trace"),
        pytest.param(changed(ttl_seconds=0), id="no time to live"),
        pytest.param(changed(ttl_seconds=True), id="a truth to live"),
        pytest.param(changed(not_after="2099-01-01T00:01:00Z"), id="not_after without milliseconds"),
        pytest.param(changed(not_after="2098-12-31T23:59:59.999Z"), id="not_after before the lease's end"),
        pytest.param(changed(body="x" * 4096), id="more than 4 KiB"),
        pytest.param(b"{", id="not JSON"),
        pytest.param(b'{"user_id":"\xff"}', id="not UTF-8"),
        pytest.param(b"", id="empty"),
    ],
)
async def test_a_body_against_the_contract_is_a_violation(api: PushApi, sender: Sender, body: object) -> None:
    status, _, _ = await sender.send(body=body)

    assert (status, len(api.violations), api.accepted) == (400, 1, [])


async def test_a_body_of_exactly_four_kib_is_accepted(sender: Sender) -> None:
    room = 4096 - len(json.dumps(changed(body="")))

    status, _, _ = await sender.send(body=changed(body="x" * room))

    assert status == 201


@pytest.mark.parametrize(
    ("method", "path", "content_type"),
    [
        ("PUT", "/push-notifications", "application/json"),
        ("GET", "/push-notifications", "application/json"),
        ("POST", "/push-notification", "application/json"),
        ("POST", "/push-notifications", "text/plain"),
    ],
)
async def test_another_method_path_or_content_type_is_a_violation(
    api: PushApi, session: ClientSession, method: str, path: str, content_type: str
) -> None:
    headers = {"Idempotency-Key": "k-1", "Request-Not-After": IN_TIME, "Content-Type": content_type}
    async with session.request(method, api.url + path, json=BODY, headers=headers) as response:
        status = response.status

    assert (status, len(api.violations), api.accepted) == (400, 1, [])


@pytest.mark.parametrize("status", [400, 422, 429, 500, 503])
async def test_a_status_it_is_told_to_give_comes_from_a_request_that_did_nothing(
    api: PushApi, sender: Sender, status: int
) -> None:
    api.behave(Behaviour(fault="status", status=status, retry_after_seconds=7, times=1))

    answered, retry_after, _ = await sender.send()

    assert (answered, retry_after, api.accepted) == (status, "7", [])
    assert (await sender.send())[0] == 201


async def test_a_status_without_retry_after_has_none(api: PushApi, sender: Sender) -> None:
    api.behave(Behaviour(fault="status", status=503))

    assert (await sender.send())[:2] == (503, None)


async def test_an_ambiguous_attempt_may_have_been_accepted(api: PushApi, sender: Sender) -> None:
    api.behave(Behaviour(fault="ambiguous_accepted", times=1))

    with pytest.raises(ClientConnectionError):
        await sender.send()

    assert (len(api.accepted), api.requests[0].status) == (1, None)
    assert (await sender.send())[0] == 409


async def test_an_ambiguous_attempt_may_be_answered_500(api: PushApi, sender: Sender) -> None:
    api.behave(Behaviour(fault="ambiguous_accepted", status=500, times=1))

    status, _, _ = await sender.send()

    assert (status, len(api.accepted)) == (500, 1)


async def test_an_ambiguous_attempt_may_have_been_dropped(api: PushApi, sender: Sender) -> None:
    api.behave(Behaviour(fault="ambiguous_dropped", times=1))

    with pytest.raises(ClientConnectionError):
        await sender.send()

    assert (api.accepted, api.requests[0].status) == ([], None)
    assert (await sender.send())[0] == 201


async def test_a_garbled_answer_still_has_its_status(api: PushApi, sender: Sender) -> None:
    api.behave(Behaviour(fault="garbled"))

    status, _, body = await sender.send()

    with pytest.raises(json.JSONDecodeError):
        json.loads(body)
    assert (status, len(api.accepted)) == (201, 1)


async def test_a_truncated_answer_breaks_off(api: PushApi, sender: Sender) -> None:
    api.behave(Behaviour(fault="truncated"))

    with pytest.raises(ClientPayloadError):
        await sender.send()

    assert len(api.accepted) == 1


async def test_an_oversize_answer_is_longer_than_256_kib(api: PushApi, sender: Sender) -> None:
    api.behave(Behaviour(fault="oversize"))

    status, _, body = await sender.send()

    assert status == 201
    assert len(body) > 256 * 1024


async def test_an_api_that_accepts_late_is_caught_in_the_act(api: PushApi, sender: Sender) -> None:
    api.behave(Behaviour(fault="accepts_late"))

    status, _, _ = await sender.send(not_after=LONG_AGO, body=changed(not_after=LONG_AGO))

    assert (status, len(api.late)) == (201, 1)


async def test_a_second_push_for_an_event_is_caught(api: PushApi, sender: Sender) -> None:
    await sender.send("k-1")
    await sender.send("k-1")
    await sender.send("k-2", body=changed(user_id="u-2"))

    await sender.send("k-3")

    assert [push.idempotency_key for push in api.second_pushes] == ["k-3"]


async def seen(api: PushApi, count: int) -> None:
    await asyncio.to_thread(api.wait_until, lambda: len(api.requests) == count)


async def test_a_hanging_request_goes_on_as_if_just_arrived_when_the_behaviour_changes(
    api: PushApi, sender: Sender
) -> None:
    api.behave(Behaviour(fault="hang"))
    hanging = asyncio.ensure_future(sender.send())
    await seen(api, 1)
    assert (api.requests[0].status, hanging.done(), api.accepted) == (None, False, [])

    api.behave()

    assert (await hanging)[0] == 201


async def test_a_hanging_request_arrives_although_its_caller_has_given_up(api: PushApi, sender: Sender) -> None:
    api.behave(Behaviour(fault="hang", times=1))
    hanging = asyncio.ensure_future(sender.send())
    await seen(api, 1)
    hanging.cancel()
    await asyncio.wait([hanging])

    api.recover()

    await asyncio.to_thread(api.wait_until, lambda: len(api.accepted) == 1)
    assert (await sender.send())[0] == 409


async def test_a_hanging_request_is_dropped_when_the_stub_stops(api: PushApi, sender: Sender) -> None:
    api.behave(Behaviour(fault="hang"))
    hanging = asyncio.ensure_future(sender.send())
    await seen(api, 1)

    await asyncio.to_thread(api.stop)

    with pytest.raises(ClientConnectionError):
        await hanging
    assert api.accepted == []


async def test_a_behaviour_outlives_a_restart(api: PushApi, sender: Sender) -> None:
    api.behave(Behaviour(fault="hang"))
    dropped = asyncio.ensure_future(sender.send())
    await seen(api, 1)
    await asyncio.to_thread(api.stop)
    await asyncio.wait([dropped])
    await asyncio.to_thread(api.start)

    hanging = asyncio.ensure_future(sender.send())
    await seen(api, 2)
    api.behave(Behaviour(), user_id="u-2")
    await sender.send("k-2", body=changed(user_id="u-2"))
    assert not hanging.done()
    api.recover()

    assert (await hanging)[0] == 201


async def test_a_slow_answer_comes_at_once_when_the_behaviour_changes(api: PushApi, sender: Sender) -> None:
    api.behave(Behaviour(latency_seconds=3600))
    slow = asyncio.ensure_future(sender.send())
    await seen(api, 1)

    api.recover()

    assert (await slow)[0] == 201


async def test_an_answer_is_not_there_before_its_latency_is_over(api: PushApi, sender: Sender) -> None:
    api.behave(Behaviour(latency_seconds=0.2))
    loop = asyncio.get_running_loop()
    started = loop.time()

    status, _, _ = await sender.send()

    assert status == 201
    assert loop.time() - started >= 0.2


async def test_slow_headers_never_come_to_an_end(api: PushApi, sender: Sender) -> None:
    api.behave(Behaviour(fault="slow_headers"))
    waiting = asyncio.ensure_future(sender.send())
    await asyncio.to_thread(api.wait_until, lambda: len(api.accepted) == 1)
    assert not waiting.done()

    api.recover()

    with pytest.raises(ClientConnectionError):
        await waiting


async def test_one_user_can_have_a_behaviour_of_their_own_for_a_while(api: PushApi, sender: Sender) -> None:
    api.behave(Behaviour(fault="status", status=503))
    first, second = Behaviour(fault="status", status=429, times=2), Behaviour(fault="status", status=422, times=1)
    api.behave(first, second, user_id="u-1")

    statuses = [(await sender.send())[0] for _ in range(4)]
    other, _, _ = await sender.send("k-2", body=changed(user_id="u-2"))

    assert (statuses, other) == ([429, 429, 422, 503], 503)


@pytest.mark.parametrize(
    ("fault", "status"), [("status", None), ("hang", 503)], ids=["status without one", "hang with a status"]
)
async def test_a_behaviour_that_means_nothing_is_refused(fault: Fault, status: int | None) -> None:
    with pytest.raises(ValueError, match="status"):
        Behaviour(fault=fault, status=status)


async def test_a_fault_of_the_other_api_is_refused(api: PushApi) -> None:
    with pytest.raises(ValueError, match="too_many"):
        api.behave(Behaviour(fault="too_many"))


async def test_it_can_be_down_for_a_while_and_remembers_its_keys(api: PushApi, sender: Sender) -> None:
    await sender.send()
    await asyncio.to_thread(api.stop)
    with pytest.raises(ClientConnectionError):
        await sender.send()

    await asyncio.to_thread(api.start)

    assert (await sender.send())[0] == 409


async def test_other_processes_control_it_over_http(api: PushApi, session: ClientSession, sender: Sender) -> None:
    change = {"user_id": "u-1", "behaviours": [{"fault": "status", "status": 503, "times": 1}]}
    async with session.put(f"{api.url}/control/behaviour", json=change) as response:
        assert response.status == 200

    statuses = [(await sender.send())[0] for _ in range(2)]

    async with session.get(f"{api.url}/control/requests") as response:
        assert [seen["status"] for seen in await response.json()] == statuses == [503, 201]
    async with session.get(f"{api.url}/control/accepted") as response:
        assert [push["idempotency_key"] for push in await response.json()] == ["k-1"]
    async with session.get(f"{api.url}/health") as response:
        assert await response.json() == {"status": "ok"}


async def test_a_reset_over_http_forgets_the_keys_too(api: PushApi, session: ClientSession, sender: Sender) -> None:
    await sender.send()
    api.behave(Behaviour(fault="status", status=503))

    for name in ("accepted", "requests", "violations", "behaviour"):
        async with session.delete(f"{api.url}/control/{name}") as response:
            assert response.status == 204

    assert (api.accepted, api.requests) == ([], [])
    assert (await sender.send())[0] == 201


@pytest.mark.parametrize(
    "change",
    [
        {"behaviours": [{"fault": "tired"}]},
        {"behaviours": [{"fault": "status"}]},
        {"behaviours": [{"fault": "too_many"}]},
        {"behaviour": []},
    ],
    ids=["unknown fault", "status without one", "fault of the other API", "unknown field"],
)
async def test_a_wrong_change_of_behaviour_is_refused_and_changes_nothing(
    api: PushApi, session: ClientSession, sender: Sender, change: object
) -> None:
    async with session.put(f"{api.url}/control/behaviour", json=change) as response:
        assert response.status == 400

    assert (await sender.send())[0] == 201


async def test_it_runs_as_a_process_and_ends_cleanly_on_sigterm(session: ClientSession) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "demo.stub_apis.push_api", stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        url = (await process.stdout.readline()).decode().split()[-1]
        status, _, _ = await Sender(session, url).send()
    finally:
        process.send_signal(signal.SIGTERM)

    assert (status, await process.wait()) == (201, 0)
