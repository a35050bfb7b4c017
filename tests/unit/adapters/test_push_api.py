import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime

import msgspec
import pytest
import pytest_asyncio

from demo.stub_apis.faults import Behaviour, Fault
from demo.stub_apis.push_api import PushApi as PushApiStub
from saving_alerts.adapters.push_api import PushApi, PushApiPolicy
from saving_alerts.domain.decoding import printable
from saving_alerts.metrics import Metric
from saving_alerts.ports.push_sender import Accepted, Refused, Throttled, TooLate, Unclear
from tests.support.api_clients import MANY_SECONDS
from tests.support.fakes.canned_server import canned_server
from tests.support.fakes.clock import START, FakeClock
from tests.support.fakes.metrics import RecordingMetrics
from tests.support.sample_pushes import PUSH

pytestmark = pytest.mark.asyncio

SOON = START + timedelta(minutes=10)
LEASE_END = START + timedelta(seconds=20, microseconds=5_999)
BREAKER_FAILURES = 2
# Where no answer comes. Half of it is for the connection, which a busy machine makes late.
HASTY_SECONDS = 2.0
POLICY = PushApiPolicy(url="", concurrency=2, breaker_failures=BREAKER_FAILURES)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def metrics() -> RecordingMetrics:
    return RecordingMetrics()


@pytest.fixture
def stub(clock: FakeClock) -> Iterator[PushApiStub]:
    with PushApiStub(clock=clock.now) as stub:
        yield stub


@asynccontextmanager
async def client(
    url: str, clock: FakeClock, metrics: RecordingMetrics, seconds: float = MANY_SECONDS
) -> AsyncIterator[PushApi]:
    api = PushApi.over_http(replace(POLICY, url=url, attempt_seconds=seconds), clock, metrics)
    yield api
    await api.close()


@pytest_asyncio.fixture
async def api(stub: PushApiStub, clock: FakeClock, metrics: RecordingMetrics) -> AsyncIterator[PushApi]:
    async with client(stub.url, clock, metrics) as api:
        yield api


def status(code: int, times: int | None = None, retry_after_seconds: int | None = None) -> Behaviour:
    return Behaviour(fault="status", status=code, times=times, retry_after_seconds=retry_after_seconds)


def canned(status_line: str, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status_line}", "Content-Length: 0", *headers, "", ""]).encode()


async def test_it_keeps_the_contract_of_the_api(api: PushApi, stub: PushApiStub) -> None:
    await api.attempt(PUSH, "k-1", LEASE_END)

    assert stub.violations == []
    assert stub.requests[0].headers == {"Idempotency-Key": "k-1", "Request-Not-After": "2026-11-23T10:15:20.005Z"}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        pytest.param(200, Accepted(200), id="200"),
        pytest.param(201, Accepted(201), id="201"),
        pytest.param(202, Accepted(202), id="202"),
        pytest.param(204, Accepted(204), id="204"),
        pytest.param(409, Accepted(409), id="409"),
        pytest.param(412, TooLate(), id="412"),
        pytest.param(429, Throttled(timedelta(seconds=1)), id="429"),
        pytest.param(503, Throttled(timedelta(seconds=1)), id="503"),
        pytest.param(302, Refused(302, '{"error":"told to"}'), id="302, which is not followed"),
        pytest.param(400, Refused(400, '{"error":"told to"}'), id="400"),
        pytest.param(401, Throttled(timedelta(seconds=1)), id="401, a token that is not taken yet"),
        pytest.param(404, Refused(404, '{"error":"told to"}'), id="404"),
        pytest.param(500, Unclear('status 500: {"error":"told to"}'), id="500"),
        pytest.param(502, Unclear('status 502: {"error":"told to"}'), id="502"),
        pytest.param(504, Unclear('status 504: {"error":"told to"}'), id="504"),
        pytest.param(599, Unclear('status 599: {"error":"told to"}'), id="599"),
    ],
)
async def test_each_status_means_what_the_contract_says(
    api: PushApi, stub: PushApiStub, code: int, expected: object
) -> None:
    stub.behave(status(code))

    attempt = await api.attempt(PUSH, "k-1", LEASE_END)

    assert (attempt, len(stub.requests)) == (expected, 1)


@pytest.mark.parametrize(
    ("status_line", "body", "gone"),
    [
        ("410 Gone", '{"reason":"unregistered"}', "unregistered"),
        ("410 Gone", "no such device\x1b[2J", "no such device\\x1b[2J"),
        ("410 Gone", "", None),
        ("404 Not Found", '{"reason":"unregistered"}', "unregistered"),
        ("404 Not Found", '{"reason":7}', None),
        ("404 Not Found", "<h1>Not Found</h1>", None),
        ("403 Forbidden", '{"reason":"unregistered"}', None),
    ],
)
async def test_a_device_is_gone_only_where_the_api_says_so(
    clock: FakeClock, metrics: RecordingMetrics, status_line: str, body: str, gone: str | None
) -> None:
    answer = f"HTTP/1.1 {status_line}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    async with canned_server(answer) as address, client(f"http://{address}", clock, metrics) as api:
        attempt = await api.attempt(PUSH, "k-1", LEASE_END)

    assert isinstance(attempt, Refused)
    assert (attempt.text, attempt.gone) == (printable(body), gone)


async def test_a_redirect_is_not_followed(stub: PushApiStub, clock: FakeClock, metrics: RecordingMetrics) -> None:
    answer = canned("307 Temporary Redirect", f"Location: {stub.url}/push-notifications")
    async with canned_server(answer) as address, client(f"http://{address}", clock, metrics) as api:
        attempt = await api.attempt(PUSH, "k-1", LEASE_END)

    assert (attempt, stub.requests) == (Refused(307, ""), [])


@pytest.mark.parametrize(
    ("behaviour", "arrived"),
    [
        pytest.param(Behaviour(fault="hang"), 0, id="hangs"),
        pytest.param(Behaviour(latency_seconds=30), 0, id="answers too late"),
        pytest.param(Behaviour(fault="slow_headers"), 1, id="headers without an end"),
        pytest.param(Behaviour(fault="ambiguous_dropped"), 0, id="drops the connection"),
        pytest.param(Behaviour(fault="ambiguous_accepted"), 1, id="accepts, then drops the connection"),
        pytest.param(Behaviour(fault="ambiguous_accepted", status=500), 1, id="accepts, then answers 500"),
    ],
)
async def test_an_attempt_that_may_have_arrived_is_unclear_and_made_once(
    clock: FakeClock, metrics: RecordingMetrics, stub: PushApiStub, behaviour: Behaviour, arrived: int
) -> None:
    stub.behave(behaviour)

    async with client(stub.url, clock, metrics, HASTY_SECONDS) as api:
        attempt = await api.attempt(PUSH, "k-1", LEASE_END)

    assert isinstance(attempt, Unclear)
    assert (len(stub.requests), len(stub.accepted)) == (1, arrived)


@pytest.mark.parametrize("fault", ["garbled", "truncated", "oversize"])
async def test_the_status_counts_even_when_the_body_is_spoiled(api: PushApi, stub: PushApiStub, fault: Fault) -> None:
    stub.behave(Behaviour(fault=fault))

    attempt = await api.attempt(PUSH, "k-1", LEASE_END)

    assert attempt == Accepted(201)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"220 mail.example ESMTP\r\n", id="not HTTP"),
        pytest.param(b"HTTP/1.1 2O1 Created\r\n\r\n", id="a status that is no number"),
        pytest.param(b"", id="nothing, and the connection is closed"),
        pytest.param(None, id="nothing, and the connection stays"),
    ],
)
async def test_a_peer_that_does_not_speak_http_is_unclear(
    clock: FakeClock, metrics: RecordingMetrics, answer: bytes | None
) -> None:
    async with canned_server(answer) as address, client(f"http://{address}", clock, metrics, HASTY_SECONDS) as api:
        attempt = await api.attempt(PUSH, "k-1", LEASE_END)

    assert isinstance(attempt, Unclear)


async def test_a_connection_that_was_kept_and_breaks_is_unclear_and_not_tried_again(
    clock: FakeClock, metrics: RecordingMetrics
) -> None:
    served = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        while (await reader.read(64 * 1024)) and served == 0:
            served += 1
            writer.write(canned("201 Created"))
        served += 1
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, client(f"http://127.0.0.1:{port}", clock, metrics) as api:
        first = await api.attempt(PUSH, "k-1", LEASE_END)
        second = await api.attempt(PUSH, "k-2", LEASE_END)

    assert first == Accepted(201)
    assert isinstance(second, Unclear)
    assert served == 2


async def test_where_nobody_listens_nothing_was_sent_and_the_next_turn_waits_a_second(
    api: PushApi, stub: PushApiStub, clock: FakeClock
) -> None:
    stub.stop()

    attempt = await api.attempt(PUSH, "k-1", LEASE_END)

    assert attempt == Throttled(timedelta(seconds=1))
    async with api.slot(SOON):
        assert clock.now() >= START + timedelta(seconds=1)


async def test_a_name_that_does_not_resolve_means_that_nothing_was_sent(
    clock: FakeClock, metrics: RecordingMetrics
) -> None:
    async with client("http://push.invalid", clock, metrics) as api:
        attempt = await api.attempt(PUSH, "k-1", LEASE_END)

    assert attempt == Throttled(timedelta(seconds=1))


async def test_a_connection_that_is_never_made_means_that_nothing_was_sent(
    clock: FakeClock, metrics: RecordingMetrics
) -> None:
    async with canned_server(None) as address, client(f"https://{address}", clock, metrics, HASTY_SECONDS) as api:
        attempt = await api.attempt(PUSH, "k-1", LEASE_END)

    assert attempt == Throttled(timedelta(seconds=1))
    assert metrics.tags(Metric.PUSH_API_REQUESTS, "outcome") == ["not_sent"]


async def test_whatever_the_client_raises_is_unclear(api: PushApi) -> None:
    await api.close()

    attempt = await api.attempt(PUSH, "k-1", LEASE_END)

    assert attempt == Unclear("RuntimeError: the HTTP client is used after close()")


async def test_a_body_over_the_limit_is_refused_without_a_request(api: PushApi, stub: PushApiStub) -> None:
    body_limit = POLICY.max_body_bytes
    rest = len(msgspec.json.encode(PUSH)) - len(PUSH.body.encode())
    fits = msgspec.structs.replace(PUSH, body="x" * (body_limit - rest))
    too_long = msgspec.structs.replace(fits, body=fits.body + "x")

    attempts = [await api.attempt(fits, "k-1", LEASE_END), await api.attempt(too_long, "k-2", LEASE_END)]

    assert attempts == [Accepted(201), Refused(None, "the body has 4097 bytes, at most 4096 are accepted")]
    assert len(stub.requests) == 1


async def test_the_link_says_the_decision_where_a_setting_names_the_parameter(
    stub: PushApiStub, clock: FakeClock, metrics: RecordingMetrics
) -> None:
    policy = replace(POLICY, url=stub.url, link_parameter="alert")
    api = PushApi.over_http(policy, clock, metrics)
    async with AsyncExitStack() as closing:
        closing.push_async_callback(api.close)
        await api.attempt(PUSH, "k-1", LEASE_END)
        rest = len(msgspec.json.encode(PUSH)) - len(PUSH.body.encode())
        await api.attempt(msgspec.structs.replace(PUSH, body="x" * (policy.max_body_bytes - rest)), "k-2", LEASE_END)

    links = [accepted.push.deep_link for accepted in stub.accepted]
    assert links == [f"{PUSH.deep_link}?alert={PUSH.trace.decision_id}", PUSH.deep_link], "without room for it"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        pytest.param("Retry-After: 7", 7, id="seconds"),
        pytest.param("Retry-After: 0", 1, id="at least one second"),
        pytest.param("Retry-After: 86400", 600, id="at most ten minutes"),
        pytest.param(f"Retry-After: {format_datetime(START + timedelta(seconds=9), usegmt=True)}", 9, id="a date"),
        pytest.param(f"Retry-After: {format_datetime(START - timedelta(days=1))}", 1, id="a date that has passed"),
        pytest.param("Retry-After: soon", 1, id="neither"),
        pytest.param("Retry-After: -5", 1, id="a negative number"),
        pytest.param("X-Nothing: 1", 1, id="missing"),
    ],
)
async def test_retry_after_is_read_within_bounds(
    clock: FakeClock, metrics: RecordingMetrics, header: str, seconds: int
) -> None:
    async with (
        canned_server(canned("429 Too Many Requests", header)) as address,
        client(f"http://{address}", clock, metrics) as api,
    ):
        attempt = await api.attempt(PUSH, "k-1", LEASE_END)

    assert attempt == Throttled(timedelta(seconds=seconds))


async def test_an_api_that_leaves_attempts_unclear_is_left_alone_for_a_while(
    api: PushApi, stub: PushApiStub, clock: FakeClock
) -> None:
    stub.behave(status(500, times=BREAKER_FAILURES))
    for _ in range(BREAKER_FAILURES):
        await api.attempt(PUSH, "k-1", LEASE_END)
    was_open = api.breaker_is_open

    async with api.slot(SOON) as may_start:
        attempt = await api.attempt(PUSH, "k-1", LEASE_END)

    assert (was_open, may_start, attempt, api.breaker_is_open) == (True, True, Accepted(201), False)
    assert clock.now() >= START + timedelta(seconds=POLICY.breaker_seconds)


async def test_an_api_that_cannot_be_reached_is_left_alone_and_found_again(api: PushApi, stub: PushApiStub) -> None:
    stub.stop()
    for _ in range(BREAKER_FAILURES):
        await api.attempt(PUSH, "k-1", LEASE_END)
    was_open = api.breaker_is_open
    stub.start()

    async with api.slot(SOON):
        attempt = await api.attempt(PUSH, "k-1", LEASE_END)

    assert (was_open, attempt, api.breaker_is_open) == (True, Accepted(201), False)


@pytest.mark.parametrize("code", [400, 409, 412, 429, 503])
async def test_an_api_that_answers_clearly_is_not_left_alone_by_the_breaker(
    api: PushApi, stub: PushApiStub, code: int
) -> None:
    stub.behave(status(code))

    for _ in range(BREAKER_FAILURES + 1):
        await api.attempt(PUSH, "k-1", LEASE_END)

    assert not api.breaker_is_open


async def test_a_turn_that_made_no_attempt_hands_the_probe_on(api: PushApi, stub: PushApiStub) -> None:
    stub.behave(status(500, times=BREAKER_FAILURES))
    for _ in range(BREAKER_FAILURES):
        await api.attempt(PUSH, "k-1", LEASE_END)

    async with api.slot(SOON) as first:
        pass
    async with api.slot(SOON) as second:
        pass

    assert (first, second) == (True, True)


async def test_every_attempt_is_counted_by_its_outcome(
    api: PushApi, stub: PushApiStub, metrics: RecordingMetrics
) -> None:
    stub.behave(*(status(code, times=1) for code in (400, 412, 429, 500)))
    for _ in range(5):
        await api.attempt(PUSH, "k-1", LEASE_END)

    outcomes = metrics.tags(Metric.PUSH_API_REQUESTS, "outcome")

    assert outcomes == ["refused", "too_late", "throttled", "unclear", "accepted"]
    assert len(metrics.values(Metric.PUSH_API_DURATION)) == 5
    assert metrics.values(Metric.PUSH_API_BREAKER)[-1] == 0
