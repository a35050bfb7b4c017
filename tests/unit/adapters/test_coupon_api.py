import asyncio
import gzip
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
import pytest_asyncio

from demo.stub_apis.coupon_api import CouponApi as CouponApiStub
from demo.stub_apis.coupon_api import catalogue_of, some_coupon
from demo.stub_apis.faults import Behaviour, Fault
from saving_alerts import __version__
from saving_alerts.adapters.coupon_api import CouponApi, CouponApiPolicy
from saving_alerts.metrics import Metric
from saving_alerts.ports.errors import DeadlineError, RefusedError, UnavailableError
from tests.support.askers import asked_again_and_again
from tests.support.fakes.canned_server import canned_server
from tests.support.fakes.clock import START, FakeClock
from tests.support.fakes.metrics import RecordingMetrics

pytestmark = pytest.mark.asyncio

SOON = START + timedelta(minutes=10)
BREAKER_FAILURES = 2
COUPON = some_coupon("m-1", 1)
# No attempt ends in time where an answer comes, on a busy machine either.
QUICK = CouponApiPolicy(
    url="", timeout_seconds=30, backoff_seconds=0.001, breaker_failures=BREAKER_FAILURES, concurrency=4
)
HASTY_SECONDS = 0.1  # where none comes


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def metrics() -> RecordingMetrics:
    return RecordingMetrics()


@pytest.fixture
def stub() -> Iterator[CouponApiStub]:
    with CouponApiStub(catalogue_of({("u-1", "m-1"): [COUPON], ("u-2", "m-1"): []})) as stub:
        yield stub


@asynccontextmanager
async def client(policy: CouponApiPolicy, clock: FakeClock, metrics: RecordingMetrics) -> AsyncIterator[CouponApi]:
    api = CouponApi.over_http(policy, clock, metrics)
    yield api
    await api.close()


@pytest_asyncio.fixture
async def api(stub: CouponApiStub, clock: FakeClock, metrics: RecordingMetrics) -> AsyncIterator[CouponApi]:
    async with client(replace(QUICK, url=stub.url), clock, metrics) as api:
        yield api


def discounted(kind: str, amount: float, currency: str | None = None) -> dict[str, object]:
    return COUPON | {"discount": {"kind": kind, "amount": amount, "currency": currency}}


def status(code: int, times: int | None = None, retry_after_seconds: int | None = None) -> Behaviour:
    return Behaviour(fault="status", status=code, times=times, retry_after_seconds=retry_after_seconds)


def others_are_answered(api: CouponApi) -> AbstractAsyncContextManager[None]:
    return asked_again_and_again(api, "u-2")


async def open_breaker(api: CouponApi, stub: CouponApiStub) -> None:
    """The last of these calls meets the open breaker and its deadline."""
    stub.behave(status(502))
    for _ in range(BREAKER_FAILURES):
        with pytest.raises(UnavailableError):
            await api.coupons("u-1", "m-1", START + timedelta(seconds=1))
    stub.recover()
    assert api.breaker_is_open


async def test_it_keeps_the_contract_of_the_api(api: CouponApi, stub: CouponApiStub) -> None:
    await api.coupons("u-1", "m-1", SOON)

    assert stub.violations == []
    assert stub.requests[0].headers == {"Accept": "application/json", "User-Agent": f"saving-alerts/{__version__}"}


async def test_what_failed_before_the_answer_is_counted_with_it(api: CouponApi, stub: CouponApiStub) -> None:
    stub.behave(status(500, times=2), status(502, times=1), Behaviour())

    answer = await api.coupons("u-1", "m-1", SOON)

    assert answer.coupons
    assert answer.failed_asks == {"HTTP 500": 2, "HTTP 502": 1}
    assert (await api.coupons("u-1", "m-1", SOON)).failed_asks == {}


async def test_what_failed_in_vain_is_counted_with_the_error(api: CouponApi, stub: CouponApiStub) -> None:
    stub.behave(status(502))

    with pytest.raises(UnavailableError) as failed:
        await api.coupons("u-1", "m-1", START + timedelta(seconds=1))

    assert failed.value.failed_asks == {"HTTP 502": len(stub.requests)}


@pytest.mark.parametrize("code", [400, 403, 410, 422, 204, 302])
async def test_a_status_that_will_not_change_is_refused_at_once(api: CouponApi, stub: CouponApiStub, code: int) -> None:
    stub.behave(status(code))

    with pytest.raises(RefusedError) as refused:
        await api.coupons("u-1", "m-1", SOON)

    assert (refused.value.status, len(stub.requests)) == (code, 1)


async def test_a_redirect_is_not_followed(stub: CouponApiStub, clock: FakeClock, metrics: RecordingMetrics) -> None:
    location = f"Location: {stub.url}/users/u-1/merchants/m-1/coupons"
    answer = f"HTTP/1.1 302 Found\r\n{location}\r\nContent-Length: 0\r\n\r\n"
    async with (
        canned_server(answer.encode()) as address,
        client(replace(QUICK, url=f"http://{address}"), clock, metrics) as api,
    ):
        with pytest.raises(RefusedError) as refused:
            await api.coupons("u-1", "m-1", SOON)

    assert (refused.value.status, stub.requests) == (302, [])


@pytest.mark.parametrize(
    ("user_id", "segment"),
    [
        pytest.param("..", "%2E%2E", id="two dots"),
        pytest.param(".", "%2E", id="one dot"),
        pytest.param("a/../b", "a%2F..%2Fb", id="slashes"),
        pytest.param("a?b#c", "a%3Fb%23c", id="what ends a path"),
        pytest.param("a%2Fb", "a%252Fb", id="what looks escaped"),
        pytest.param("ü", "%C3%BC", id="not ASCII"),
    ],
)
async def test_an_id_stays_one_segment_of_the_path_on_the_wire(
    clock: FakeClock, metrics: RecordingMetrics, user_id: str, segment: str
) -> None:
    heads: list[str] = []
    async with (
        canned_server(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", heads) as address,
        client(replace(QUICK, url=f"http://{address}/v1/"), clock, metrics) as api,
    ):
        await api.coupons(user_id, "m-1", SOON)

    assert heads[0].splitlines()[0] == f"GET /v1/users/{segment}/merchants/m-1/coupons HTTP/1.1"


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        pytest.param("garbled", "unreadable", id="not JSON"),
        pytest.param("oversize", "more than 262144 bytes", id="longer than 256 KiB, without saying so"),
        pytest.param("too_many", "201 coupons, at most 200", id="more than 200 coupons"),
    ],
)
async def test_an_answer_beyond_the_contract_is_refused_at_once(
    api: CouponApi, stub: CouponApiStub, fault: Fault, message: str
) -> None:
    stub.behave(Behaviour(fault=fault))

    with pytest.raises(RefusedError, match=message) as refused:
        await api.coupons("u-1", "m-1", SOON)

    assert (refused.value.status, len(stub.requests)) == (None, 1)


@pytest.mark.parametrize("wrong", [{}, {"coupons": [COUPON]}, "none", 7, None], ids=str)
async def test_an_answer_that_is_no_list_is_refused(clock: FakeClock, metrics: RecordingMetrics, wrong: object) -> None:
    body = msgspec.json.encode(wrong)
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    async with (
        canned_server(head.encode() + body) as address,
        client(replace(QUICK, url=f"http://{address}"), clock, metrics) as api,
    ):
        with pytest.raises(RefusedError, match="unreadable"):
            await api.coupons("u-1", "m-1", SOON)


@pytest.mark.parametrize(
    ("odd", "name", "oddity", "why"),
    [
        pytest.param(COUPON | {"discount": {"kind": "free", "amount": 1}}, "c-1", "unreadable", "discount", id="kind"),
        pytest.param(COUPON | {"valid_from": "2020-01-01T00:00:00"}, "c-1", "unreadable", "valid_from", id="no zone"),
        pytest.param({}, "number 2 of the answer", "unreadable", "coupon_id", id="nothing in it"),
        pytest.param(7, "number 2 of the answer", "unreadable", "object", id="a number"),
        pytest.param(COUPON | {"coupon_id": "\x1b[2J\n", "title": 1}, r"\x1b[2J\n", "unreadable", "title", id="name"),
        pytest.param(some_coupon("m-2", 9), "c-9", "other_merchant", "m-2", id="another merchant's"),
        pytest.param(discounted("percent", 150), "c-1", "discount", "150 % off is no", id="more than all"),
        pytest.param(discounted("percent", 0), "c-1", "unreadable", "amount", id="nothing off"),
        pytest.param(discounted("percent", 0.001), "c-1", "discount", "0.001 % off is no", id="next to nothing off"),
        pytest.param(discounted("amount", 1e300, "EUR"), "c-1", "discount", "1e+300 EUR off is no", id="all the money"),
        pytest.param(discounted("amount", 0.5, "JPY"), "c-1", "discount", "0.5 JPY off is no", id="half a yen"),
        pytest.param(discounted("amount", 5, "QQQ"), "c-1", "discount", "the currency QQQ", id="unknown currency"),
        pytest.param(COUPON | {"deep_link": "x" * 2_000}, "c-1", "unreadable", "deep_link", id="a long link"),
    ],
)
async def test_one_odd_coupon_is_passed_over_by_name_and_counted(
    clock: FakeClock, metrics: RecordingMetrics, odd: object, name: str, oddity: str, why: str
) -> None:
    endless = COUPON | {"coupon_id": "c-end", "valid_until": "9999-12-31T23:59:59Z"}
    body = msgspec.json.encode([COUPON | {"coupon_id": "c-good"}, odd, endless])
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    async with (
        canned_server(head.encode() + body) as address,
        client(replace(QUICK, url=f"http://{address}"), clock, metrics) as api,
    ):
        answer = await api.coupons("u-1", "m-1", SOON)

    assert [coupon.coupon_id for coupon in answer.coupons] == ["c-good", "c-end"]
    (passed_over,) = answer.passed_over
    assert (passed_over.coupon_id, passed_over.oddity) == (name, oddity)
    assert why in passed_over.why
    assert passed_over.why.isprintable()
    assert metrics.total(Metric.COUPONS_PASSED_OVER, oddity=oddity) == 1


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(status(408), id="408"),
        pytest.param(status(500), id="500"),
        pytest.param(status(502), id="502"),
        pytest.param(status(504), id="504"),
        pytest.param(Behaviour(fault="hang"), id="hangs"),
        pytest.param(Behaviour(fault="slow_headers"), id="headers without an end"),
        pytest.param(Behaviour(latency_seconds=30), id="answers too late"),
        pytest.param(Behaviour(fault="truncated"), id="ends in the middle"),
        pytest.param(Behaviour(fault="ambiguous_dropped"), id="drops the connection"),
    ],
)
async def test_three_counted_attempts_in_vain_are_unavailable_while_others_are_answered(
    stub: CouponApiStub, clock: FakeClock, metrics: RecordingMetrics, behaviour: Behaviour
) -> None:
    stub.behave(behaviour, user_id="u-1")

    # Its sleeps take no time, so that it may fail again and again between two answers to others.
    policy = replace(QUICK, url=stub.url, timeout_seconds=HASTY_SECONDS, breaker_failures=1_000_000)
    async with client(policy, clock, metrics) as api, others_are_answered(api):
        with pytest.raises(UnavailableError):
            await api.coupons("u-1", "m-1", SOON)

    # One that fails faster than another is answered is free; `test_event_attempts.py` counts.
    assert len([request for request in stub.requests if request.user_id == "u-1"]) >= 3
    assert clock.now() < START + timedelta(seconds=15)


async def test_an_event_whose_attempts_fail_holds_while_nobody_is_answered(
    api: CouponApi, stub: CouponApiStub, clock: FakeClock
) -> None:
    """One attempt was answered before: it says nothing about the time since."""
    await api.coupons("u-2", "m-1", SOON)
    clock.set(START + timedelta(seconds=1))
    stub.behave(status(503, times=3))

    answer = await api.coupons("u-1", "m-1", SOON)

    assert [coupon.coupon_id for coupon in answer.coupons] == ["c-1"]


@pytest.mark.parametrize("code", [408, 429, 500, 503])
async def test_what_may_change_is_asked_again(api: CouponApi, stub: CouponApiStub, code: int) -> None:
    stub.behave(status(code, times=2))

    answer = await api.coupons("u-1", "m-1", SOON)

    assert [coupon.coupon_id for coupon in answer.coupons] == ["c-1"]


async def test_an_api_that_is_not_there_is_asked_again_until_the_deadline(
    api: CouponApi, stub: CouponApiStub, clock: FakeClock
) -> None:
    stub.stop()

    with pytest.raises(DeadlineError):
        await api.coupons("u-1", "m-1", SOON)

    assert clock.now() == SOON


async def test_a_peer_that_does_not_speak_http_is_unavailable(clock: FakeClock, metrics: RecordingMetrics) -> None:
    async with (
        canned_server(b"220 mail.example ESMTP\r\n") as address,
        client(replace(QUICK, url=f"http://{address}"), clock, metrics) as api,
    ):
        with pytest.raises(UnavailableError):
            await api.coupons("u-1", "m-1", SOON)


async def test_a_compressed_answer_is_not_unpacked(clock: FakeClock, metrics: RecordingMetrics) -> None:
    packed = gzip.compress(b"[" + b" " * 1024 * 1024 + b"]")
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
    async with (
        canned_server(head.encode() + packed) as address,
        client(replace(QUICK, url=f"http://{address}"), clock, metrics) as api,
    ):
        with pytest.raises(RefusedError, match="unreadable"):
            await api.coupons("u-1", "m-1", SOON)


async def test_a_failed_attempt_with_retry_after_makes_its_event_wait(
    stub: CouponApiStub, clock: FakeClock, metrics: RecordingMetrics
) -> None:
    stub.behave(status(500, times=1, retry_after_seconds=20))

    async with client(replace(QUICK, url=stub.url), clock, metrics) as api:
        await api.coupons("u-1", "m-1", SOON)

    assert clock.now() >= START + timedelta(seconds=20)


@pytest.mark.parametrize("code", [429, 503])
async def test_it_holds_everybody_for_as_long_as_the_api_asks(
    stub: CouponApiStub, clock: FakeClock, metrics: RecordingMetrics, code: int
) -> None:
    stub.behave(status(code, times=1, retry_after_seconds=30), user_id="u-1")

    async with client(replace(QUICK, url=stub.url, breaker_failures=1), clock, metrics) as api:
        first = asyncio.create_task(api.coupons("u-1", "m-1", SOON))
        await asyncio.to_thread(stub.wait_until, lambda: any(each.status for each in stub.requests))
        await asyncio.gather(first, *(api.coupons("u-2", "m-1", SOON) for _ in range(8)))

    assert START + timedelta(seconds=30) <= clock.now() < START + timedelta(seconds=60)
    assert len(stub.requests) == 10


@pytest.mark.parametrize("code", [429, 503])
async def test_no_answer_can_hold_them_longer_than_the_longest_pause(
    api: CouponApi, stub: CouponApiStub, clock: FakeClock, code: int
) -> None:
    stub.behave(status(code, times=1, retry_after_seconds=600))

    await api.coupons("u-1", "m-1", SOON)

    longest = timedelta(seconds=QUICK.longest_pause_seconds)
    assert START + longest <= clock.now() < START + longest + timedelta(seconds=2)


@pytest.mark.parametrize("code", [429, 503])
@pytest.mark.parametrize("seconds", [None, 1, 60])
async def test_later_ends_no_event_however_often_it_is_said(
    api: CouponApi, stub: CouponApiStub, code: int, seconds: int | None
) -> None:
    stub.behave(status(code, times=8, retry_after_seconds=seconds))

    async with others_are_answered(api):
        answer = await api.coupons("u-1", "m-1", SOON)

    assert [coupon.coupon_id for coupon in answer.coupons] == ["c-1"]


async def test_all_attempts_together_have_a_limit(
    stub: CouponApiStub, clock: FakeClock, metrics: RecordingMetrics
) -> None:
    stub.behave(Behaviour(fault="hang"), user_id="u-1")
    policy = replace(QUICK, url=stub.url, total_seconds=0.5, breaker_failures=2)

    async with client(policy, clock, metrics) as api, others_are_answered(api):
        with pytest.raises(UnavailableError, match=r"within 0\.5 s"):
            await api.coupons("u-1", "m-1", SOON)

    assert len([request for request in stub.requests if request.user_id == "u-1"]) == 1


async def test_a_deadline_in_the_middle_of_an_attempt_ends_it_and_says_nothing_about_the_api(
    stub: CouponApiStub, clock: FakeClock, metrics: RecordingMetrics
) -> None:
    stub.behave(Behaviour(fault="hang"))
    policy = replace(QUICK, url=stub.url, breaker_failures=1)

    async with client(policy, clock, metrics) as api:
        with pytest.raises(DeadlineError):
            await api.coupons("u-1", "m-1", START + timedelta(milliseconds=20))

        assert not api.breaker_is_open


@pytest.mark.parametrize(
    "behaviour",
    [pytest.param(status(404), id="404"), pytest.param(status(403), id="403"), pytest.param(status(429), id="429")],
)
async def test_an_api_that_answers_is_not_left_alone(api: CouponApi, stub: CouponApiStub, behaviour: Behaviour) -> None:
    stub.behave(behaviour)

    for _ in range(BREAKER_FAILURES + 1):
        with suppress(RefusedError, UnavailableError):
            await api.coupons("u-1", "m-1", SOON)

    assert not api.breaker_is_open


async def test_the_event_that_opens_the_breaker_holds_like_the_others_and_is_answered_after_it(
    api: CouponApi, stub: CouponApiStub, clock: FakeClock
) -> None:
    stub.behave(status(503, times=3 * (BREAKER_FAILURES + 1)))

    answer = await api.coupons("u-1", "m-1", SOON)

    assert len(answer.coupons) == 1
    assert not api.breaker_is_open
    assert clock.now() >= START + 2 * timedelta(seconds=QUICK.breaker_seconds)


async def test_while_the_breaker_is_open_nobody_asks(api: CouponApi, stub: CouponApiStub) -> None:
    await open_breaker(api, stub)
    asked = len(stub.requests)

    with pytest.raises(UnavailableError):
        await api.coupons("u-1", "m-1", START + timedelta(seconds=2))

    assert len(stub.requests) == asked


async def test_all_who_hold_are_answered_when_the_api_is_back(api: CouponApi, stub: CouponApiStub) -> None:
    await open_breaker(api, stub)

    answers = await asyncio.gather(*(api.coupons("u-1", "m-1", SOON) for _ in range(20)))

    assert [len(answer.coupons) for answer in answers] == [1] * 20


async def test_a_probe_that_is_cancelled_makes_room_for_the_next(api: CouponApi, stub: CouponApiStub) -> None:
    await open_breaker(api, stub)
    asked = len(stub.requests)
    stub.behave(Behaviour(fault="hang", times=1))
    probe = asyncio.create_task(api.coupons("u-1", "m-1", SOON))
    await asyncio.to_thread(stub.wait_until, lambda: len(stub.requests) == asked + 1)
    other = asyncio.create_task(api.coupons("u-1", "m-1", SOON))

    probe.cancel()

    assert len((await other).coupons) == 1
    assert not api.breaker_is_open


async def test_no_more_requests_run_at_the_same_time_than_allowed(
    stub: CouponApiStub, clock: FakeClock, metrics: RecordingMetrics
) -> None:
    stub.behave(Behaviour(fault="hang"))
    async with client(replace(QUICK, url=stub.url), clock, metrics) as api:
        asks = [asyncio.create_task(api.coupons("u-1", "m-1", SOON)) for _ in range(20)]
        await asyncio.to_thread(stub.wait_until, lambda: len(stub.requests) == 4)
        with pytest.raises(DeadlineError, match="before the deadline"):
            await api.coupons("u-1", "m-1", START + timedelta(milliseconds=20))
        running = len(stub.requests)
        stub.recover()
        answers = await asyncio.gather(*asks)

    assert (running, len(answers)) == (4, 20)


async def test_every_request_is_counted_by_its_outcome(
    api: CouponApi, stub: CouponApiStub, metrics: RecordingMetrics
) -> None:
    stub.behave(status(500, times=1), status(429, times=1))
    await api.coupons("u-1", "m-1", SOON)
    await api.coupons("u-2", "m-1", SOON)
    stub.behave(status(403))
    with suppress(RefusedError):
        await api.coupons("u-1", "m-1", SOON)

    outcomes = metrics.tags(Metric.COUPON_API_REQUESTS, "outcome")

    assert outcomes == ["unavailable", "throttled", "coupons", "none", "refused"]
    assert len(metrics.values(Metric.COUPON_API_DURATION)) == len(outcomes)


async def test_the_breaker_says_when_it_opens_and_closes(
    api: CouponApi, stub: CouponApiStub, metrics: RecordingMetrics
) -> None:
    await open_breaker(api, stub)
    await api.coupons("u-1", "m-1", SOON)

    breaker_states = metrics.values(Metric.COUPON_API_BREAKER)

    assert (breaker_states[0], breaker_states[-2], breaker_states[-1]) == (0, 1, 0)
