"""The push API over HTTP: one POST per attempt, and the `Attempt` that each answer or exception means."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import msgspec
from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    InvalidURL,
)
from yarl import URL

from saving_alerts.adapters.admission import Admission
from saving_alerts.adapters.breaker import Breaker
from saving_alerts.adapters.http_session import Meter, OversizeError, in_words_of_status, read_bounded, retry_after
from saving_alerts.dependencies import PUSH_API, DependencyState
from saving_alerts.domain.alerts import Push, rfc3339
from saving_alerts.domain.decoding import Decoder, Unreadable, printable
from saving_alerts.domain.results.links import with_parameter
from saving_alerts.metrics import Metric, Metrics
from saving_alerts.ports.clock import Clock
from saving_alerts.ports.push_sender import Accepted, Attempt, Refused, Throttled, TooLate, Unclear

API = "the push API"
DEFAULT_RETRY_AFTER = timedelta(seconds=1)  # docs/contracts.md
MAX_ANSWER_BYTES = 16 * 1024  # bounds what an answer costs; a longer one counts by its status, without a text
TEXT_CHARACTERS = 200  # of an answer or an error: the decision holds it, and a terminal shows it
MAX_UTF8_BYTES = 4  # of a character
# Of an attempt's time, for the connection. If that times out, it is certain that nothing was sent: the attempt is
# Throttled. If the whole attempt timed out first, it would be Unclear.
CONNECT_SHARE = 0.5
# No byte of the request was sent: the attempt is Throttled. After any other exception it is Unclear.
NOT_SENT_ERRORS = (ClientConnectorError, ConnectionTimeoutError, InvalidURL)
NOT_FOUND, GONE = 404, 410
# The metric tag of each attempt.
OUTCOMES: dict[type[Attempt], str] = {
    Accepted: "accepted",
    Refused: "refused",
    TooLate: "too_late",
    Throttled: "throttled",
    Unclear: "unclear",
}


class _Reason(msgspec.Struct):
    reason: str


_reasons = Decoder(_Reason, MAX_ANSWER_BYTES)


@dataclass(frozen=True, slots=True)
class PushApiPolicy:
    """Where the API is, and the limits of requests to it. The defaults are those of `settings.py`."""

    url: str
    attempt_seconds: float = 5
    concurrency: int = 64
    per_second: int | None = None
    breaker_failures: int = 10
    breaker_seconds: float = 5
    max_body_bytes: int = 4096
    link_parameter: str | None = None  # by which name a push's link says the decision's id


class PushApi:
    """The PushSender port over HTTP. It owns the session, which `open_session` makes, and closes it."""

    def __init__(
        self,
        session: ClientSession,
        policy: PushApiPolicy,
        clock: Clock,
        metrics: Metrics,
        state: DependencyState | None = None,
    ) -> None:
        breaker = Breaker(policy.breaker_failures, timedelta(seconds=policy.breaker_seconds))
        report_open = partial(metrics.gauge, Metric.PUSH_API_BREAKER)
        self._session = session
        self._policy = policy
        self._clock = clock
        self._state = state or DependencyState(PUSH_API, clock.now)
        self._admission = Admission(policy.concurrency, breaker, clock, report_open, policy.per_second, self._state)
        self._meter = Meter(clock, metrics, Metric.PUSH_API_REQUESTS, Metric.PUSH_API_DURATION)
        self._url = URL(policy.url.rstrip("/") + "/push-notifications", encoded=True)

    @property
    def breaker_is_open(self) -> bool:
        """Whether the breaker holds requests back."""
        return self._admission.is_open

    async def close(self) -> None:
        await self._session.close()

    @asynccontextmanager
    async def slot(self, deadline: datetime) -> AsyncIterator[bool]:
        """See `PushSender`."""
        async with self._admission.slot(deadline) as epoch:
            yield epoch is not None

    def refusal(self, push: Push) -> Refused | None:
        """See `PushSender`: a body that is too large is not sent."""
        return self._refusal(self._body_of(push))

    def _body_of(self, push: Push) -> bytes:
        """With the decision's id in the link, if there is room for it."""
        body, name = msgspec.json.encode(push), self._policy.link_parameter
        if name is None:
            return body
        link = with_parameter(push.deep_link, name, push.trace.decision_id)
        longer = msgspec.json.encode(msgspec.structs.replace(push, deep_link=link))
        return longer if len(longer) <= self._policy.max_body_bytes else body

    def _refusal(self, body: bytes) -> Refused | None:
        most = self._policy.max_body_bytes
        return (
            Refused(None, f"the body has {len(body)} bytes, at most {most} are accepted") if len(body) > most else None
        )

    async def attempt(self, push: Push, key: str, not_after: datetime) -> Attempt:
        """See `PushSender`. Without a connection nothing was sent: that is Throttled, for DEFAULT_RETRY_AFTER."""
        body = self._body_of(push)
        if refused := self._refusal(body):
            return refused
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": key,
            "Request-Not-After": rfc3339(not_after),
        }
        return await self._post(body, headers)

    async def _post(self, body: bytes, headers: dict[str, str]) -> Attempt:
        epoch = self._admission.epoch
        with self._meter.request() as request:
            try:
                attempt = await self._send(body, headers)
            except NOT_SENT_ERRORS as error:
                request.outcome = "not_sent"
                why = f"no connection: {_in_words(error)}"
                self._state.failed(why)
                self._admission.failed(epoch)
                self._admission.leave_alone(DEFAULT_RETRY_AFTER)
                return Throttled(DEFAULT_RETRY_AFTER, why=why)
            request.outcome = OUTCOMES[type(attempt)]
            self._report(attempt, epoch)
            return attempt

    def _report(self, attempt: Attempt, epoch: int) -> None:
        """Report to the admission what the attempt shows about the API."""
        if isinstance(attempt, Throttled):
            self._state.failed(in_words_of_status(attempt.status), attempt.status)
            self._admission.leave_alone(attempt.retry_after)
        if isinstance(attempt, Unclear):
            # Of an answer the status alone: its text may be about a person, and this stands in the log.
            self._state.failed(in_words_of_status(attempt.status) or attempt.text, attempt.status)
            self._admission.failed(epoch)
        else:
            self._admission.answered(epoch)

    async def _send(self, body: bytes, headers: dict[str, str]) -> Attempt:
        try:
            async with self._session.post(
                self._url, data=body, headers=headers, allow_redirects=False, timeout=self._timeout()
            ) as response:
                return meaning(response.status, retry_after(response, self._clock.now()), await _body(response))
        except NOT_SENT_ERRORS:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it was, the push may have been accepted
            return Unclear(_in_words(error))

    def _timeout(self) -> ClientTimeout:
        seconds = self._policy.attempt_seconds
        # aiohttp rounds timeouts above `ceil_threshold` up to whole seconds: the attempt could outlast its lease.
        return ClientTimeout(total=seconds, connect=seconds * CONNECT_SHARE, ceil_threshold=seconds + 1)


def _in_words(error: Exception) -> str:
    return printable(f"{type(error).__name__}: {error}", TEXT_CHARACTERS)


async def _body(response: ClientResponse) -> bytes:
    """Empty if it cannot be read: the status alone decides the attempt."""
    try:
        return await read_bounded(response, MAX_ANSWER_BYTES)
    except (ClientError, OversizeError, TimeoutError, OSError):
        return b""


def _gone(status: int, body: bytes) -> str | None:
    """Why the device is gone. A 404 says so by a `reason` only: a proxy has 404s too, for a path that is wrong."""
    found = _reasons.read(body)
    if not isinstance(found, Unreadable):
        reason = found.reason
    else:
        reason = body.decode(errors="replace") if status == GONE else ""
    return printable(reason.strip(), TEXT_CHARACTERS) or None


def meaning(status: int, retry_after: timedelta | None, body: bytes) -> Attempt:
    """What an answer of the push API is to us (docs/contracts.md)."""
    # The beginning of it, for people.
    text = printable(body[: MAX_UTF8_BYTES * TEXT_CHARACTERS].decode(errors="replace"), TEXT_CHARACTERS)
    match status:
        case 409:
            return Accepted(status)
        case 412:
            return TooLate()
        case 401 | 429 | 503:  # 401: our token is not taken, or not yet
            return Throttled(retry_after or DEFAULT_RETRY_AFTER, status)
        case _ if 200 <= status < 300:  # noqa: PLR2004 - the classes of a status
            return Accepted(status)
        case _ if 300 <= status < 500:  # noqa: PLR2004
            return Refused(status, text, _gone(status, body) if status in {GONE, NOT_FOUND} else None)
        case _:
            return Unclear(f"status {status}: {text}", status)
