"""Answers of the Coupon API and the push API, as aiohttp gives them: any status, any Retry-After, any body."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import cache
from types import SimpleNamespace
from typing import Any, cast

from aiohttp import ClientPayloadError, ClientSession

from saving_alerts.adapters.coupon_answers import MAX_COUPONS, RetryableError
from saving_alerts.adapters.coupon_request import HttpCouponRequests
from saving_alerts.adapters.push_api import PushApi, PushApiPolicy
from saving_alerts.domain.alerts import Push, push_of
from saving_alerts.domain.coupons import Candidate, Coupon, usable
from saving_alerts.kafka.codecs import encode
from saving_alerts.pipeline.outcomes import Forward
from saving_alerts.pipeline.steps import evaluate_rules
from saving_alerts.ports.errors import PortError
from saving_alerts.ports.push_sender import Throttled
from tests.fuzzing.heartbeat_redis import result_of
from tests.fuzzing.outcome import Outcome, Refused, Value
from tests.fuzzing.packing import unpacked
from tests.support.fakes.clock import START, FakeClock
from tests.support.fakes.metrics import RecordingMetrics
from tests.support.sample_events import FRESHNESS, alert, snapshot, validated

DEADLINE = START + timedelta(minutes=10)
OK = 200
STATUSES = {b"%d" % status for status in range(100, 1_000)}  # what a status line can hold
LONGEST_PAUSE = timedelta(minutes=10)


class _Content:
    def __init__(self, body: bytes) -> None:
        self._body = body

    async def iter_any(self) -> AsyncIterator[bytes]:
        yield self._body


class _Session:
    """Of a client: every request gets this answer. The first record is status and Retry-After, the rest the body.

    Where the status is none, the request fails, with that text in the error.
    """

    def __init__(self, raw: bytes) -> None:
        (self._status, pause), *rest = unpacked(raw)
        headers = {} if pause is None else {"Retry-After": pause.decode(errors="surrogateescape")}
        body = b"".join(key + (value or b"") for key, value in rest)
        self._answer = SimpleNamespace(status=OK, headers=headers, content=_Content(body))

    @asynccontextmanager
    async def get(self, *_: Any, **__: Any) -> AsyncIterator[SimpleNamespace]:  # noqa: ANN401 - aiohttp's
        if self._status not in STATUSES:
            raise ClientPayloadError(self._status.decode(errors="surrogateescape"))
        self._answer.status = int(self._status)
        yield self._answer

    post = get


def of_coupon_api(raw: bytes) -> Outcome:
    """Asked for, chosen from, and carried on to the push."""
    requests = HttpCouponRequests(_session(raw), "http://coupons.example", FakeClock())
    try:
        answer = result_of(requests.get("u-1", "m-1"))
    except RetryableError as error:
        _is_told(str(error))
        return _pause(error.retry_after, str(error))
    except PortError as error:
        return _is_told(str(error))
    if len(answer.coupons) + len(answer.passed_over) > MAX_COUPONS:
        raise AssertionError(answer)
    for odd in answer.passed_over:
        _is_told(odd.coupon_id)
        _is_told(odd.why)
    return Value(([_used(coupon) for coupon in answer.coupons], answer.passed_over))


def _used(coupon: Coupon) -> object:
    chosen = [usable(coupon, store_id, START) for store_id in ("s-1", None)]
    outcome = evaluate_rules(Candidate(validated=validated(), coupons=(coupon,), looked_at=START), snapshot(), START)
    if isinstance(outcome, Forward):
        return chosen, encode(outcome.value), encode(push_of(outcome.value, START, FRESHNESS))
    return chosen, encode(dict(outcome.details))


def of_push_api(raw: bytes) -> Outcome:
    """What one attempt means, and what a decision says of it."""
    api = PushApi(_session(raw), PushApiPolicy("http://push.example"), FakeClock(), RecordingMetrics())
    attempt = result_of(api.attempt(_push(), "key", DEADLINE))
    _is_told(getattr(attempt, "text", ""))
    _is_told(getattr(attempt, "gone", None) or "")
    return _pause(attempt.retry_after if isinstance(attempt, Throttled) else None, attempt)


def _is_told(text: str) -> Refused:
    """In a decision, and from there to a terminal."""
    encode(text)
    if not text.isprintable():
        raise AssertionError(text)
    return Refused(text)


def _pause(retry_after: timedelta | None, answer: object) -> Value:
    if retry_after is not None and not timedelta(0) < retry_after <= LONGEST_PAUSE:
        raise AssertionError(retry_after)
    return Value(answer)


def _session(raw: bytes) -> ClientSession:
    return cast("ClientSession", _Session(raw))


@cache
def _push() -> Push:
    return push_of(alert(), START, FRESHNESS)
