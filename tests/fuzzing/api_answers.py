"""Answers of the Coupon API and the push API, as our HTTP client gives them: any status, any Retry-After, any body."""

from datetime import timedelta
from functools import cache
from typing import cast

from saving_alerts.adapters.coupon_answers import MAX_COUPONS, RetryableError
from saving_alerts.adapters.coupon_request import HttpCouponRequests
from saving_alerts.adapters.http_answer import Answer, BrokenAnswerError, OversizeError
from saving_alerts.adapters.http_client import HttpClient
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
SECONDS = 4.0
STATUSES = {b"%d" % status for status in range(100, 1_000)}  # what a status line can hold
LONGEST_PAUSE = timedelta(minutes=10)


class _Client:
    """Every request gets this answer. The first record is status and Retry-After, the rest the body.

    Where the status is none, the request fails, with that text in the error.
    """

    def __init__(self, raw: bytes) -> None:
        (self._status, pause), *rest = unpacked(raw)
        self._headers = [] if pause is None else [(b"Retry-After", pause)]
        self._body = b"".join(key + (value or b"") for key, value in rest)

    def request(self, *_: object) -> bytes:
        return b""

    async def ask(self, _: bytes, __: float, max_body_bytes: int, connect_seconds: float) -> Answer:
        if self._status not in STATUSES:
            raise BrokenAnswerError(self._status.decode(errors="surrogateescape"))
        if len(self._body) > max_body_bytes:
            return Answer(int(self._status), self._headers, b"", OversizeError(f"more than {max_body_bytes} bytes"))
        return Answer(int(self._status), self._headers, self._body)


def of_coupon_api(raw: bytes) -> Outcome:
    """Asked for, chosen from, and carried on to the push."""
    requests = HttpCouponRequests(_client(raw), FakeClock())
    try:
        answer = result_of(requests.get("u-1", "m-1", SECONDS))
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
    api = PushApi(_client(raw), PushApiPolicy("http://push.example"), FakeClock(), RecordingMetrics())
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


def _client(raw: bytes) -> HttpClient:
    return cast("HttpClient", _Client(raw))


@cache
def _push() -> Push:
    return push_of(alert(), START, FRESHNESS)
