"""The push API over HTTP: one POST per attempt, and the `Attempt` that each answer or exception means."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Self

import msgspec

from saving_alerts.adapters.admission import Admission
from saving_alerts.adapters.breaker import Breaker
from saving_alerts.adapters.http_answer import Answer, NotSentError, in_words_of_status
from saving_alerts.adapters.http_client import HttpClient
from saving_alerts.adapters.meter import Meter
from saving_alerts.dependencies import PUSH_API, DependencyState
from saving_alerts.domain.alerts import Push, rfc3339
from saving_alerts.domain.decoding import Decoder, Unreadable, printable
from saving_alerts.domain.results.links import with_parameter
from saving_alerts.http_access import HttpAccess
from saving_alerts.metrics import Metric, Metrics
from saving_alerts.ports.clock import Clock
from saving_alerts.ports.push_sender import Accepted, Attempt, Refused, Throttled, TooLate, Unclear

PATH = "/push-notifications"
DEFAULT_RETRY_AFTER = timedelta(seconds=1)  # docs/contracts.md
MAX_ANSWER_BYTES = 16 * 1024  # bounds what an answer costs; a longer one counts by its status, without a text
TEXT_CHARACTERS = 200  # of an answer or an error: the decision holds it, and a terminal shows it
MAX_UTF8_BYTES = 4  # of a character
# Of an attempt's time, for the connection. If that times out, it is certain that nothing was sent: the attempt is
# Throttled. If the whole attempt timed out first, it would be Unclear.
CONNECT_SHARE = 0.5
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
    access: HttpAccess = field(default_factory=HttpAccess)
    link_parameter: str | None = None  # by which name a push's link says the decision's id


class PushApi:
    """The PushSender port over HTTP. It owns the client and closes it."""

    def __init__(
        self,
        client: HttpClient,
        policy: PushApiPolicy,
        clock: Clock,
        metrics: Metrics,
        state: DependencyState | None = None,
    ) -> None:
        breaker = Breaker(policy.breaker_failures, timedelta(seconds=policy.breaker_seconds))
        report_open = partial(metrics.gauge, Metric.PUSH_API_BREAKER)
        self._client = client
        self._policy = policy
        self._clock = clock
        self._state = state or DependencyState(PUSH_API, clock.now)
        self._admission = Admission(policy.concurrency, breaker, clock, report_open, policy.per_second, self._state)
        self._meter = Meter(clock, metrics, Metric.PUSH_API_REQUESTS, Metric.PUSH_API_DURATION)

    @classmethod
    def over_http(
        cls, policy: PushApiPolicy, clock: Clock, metrics: Metrics, state: DependencyState | None = None
    ) -> Self:
        """With an HTTP client of its own. To be called in the event loop."""
        return cls(HttpClient.of(policy.url, policy.access), policy, clock, metrics, state)

    @property
    def breaker_is_open(self) -> bool:
        """Whether the breaker holds requests back."""
        return self._admission.is_open

    async def close(self) -> None:
        await self._client.close()

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
        return await self._post(self._client.request("POST", PATH, headers, body))

    async def _post(self, request: bytes) -> Attempt:
        epoch = self._admission.epoch
        with self._meter.request() as metered:
            try:
                attempt = await self._send(request)
            except NotSentError as error:
                metered.outcome = "not_sent"
                why = printable(str(error), TEXT_CHARACTERS)
                self._state.failed(why)
                self._admission.failed(epoch)
                self._admission.leave_alone(DEFAULT_RETRY_AFTER)
                return Throttled(DEFAULT_RETRY_AFTER, why=why)
            metered.outcome = OUTCOMES[type(attempt)]
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

    async def _send(self, request: bytes) -> Attempt:
        seconds = self._policy.attempt_seconds
        try:
            answer = await self._client.ask(request, seconds, MAX_ANSWER_BYTES, seconds * CONNECT_SHARE)
        except NotSentError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it was, the push may have been accepted
            return Unclear(printable(f"{type(error).__name__}: {error}", TEXT_CHARACTERS))
        return meaning(answer, self._clock.now())


def _gone(status: int, body: bytes) -> str | None:
    """Why the device is gone. A 404 says so by a `reason` only: a proxy has 404s too, for a path that is wrong."""
    found = _reasons.read(body)
    if not isinstance(found, Unreadable):
        reason = found.reason
    else:
        reason = body.decode(errors="replace") if status == GONE else ""
    return printable(reason.strip(), TEXT_CHARACTERS) or None


def meaning(answer: Answer, now: datetime) -> Attempt:
    """What an answer of the push API is to us (docs/contracts.md). The status decides; the body may be missing."""
    match status := answer.status:
        case 409:
            return Accepted(status)
        case 412:
            return TooLate()
        case 401 | 429 | 503:  # 401: our token is not taken, or not yet
            return Throttled(answer.retry_after(now) or DEFAULT_RETRY_AFTER, status)
        case _ if 200 <= status < 300:  # noqa: PLR2004 - the classes of a status
            return Accepted(status)
        case _ if 300 <= status < 500:  # noqa: PLR2004
            gone = _gone(status, answer.body) if status in {GONE, NOT_FOUND} else None
            return Refused(status, _text(answer.body), gone)
        case _:
            return Unclear(f"status {status}: {_text(answer.body)}", status)


def _text(body: bytes) -> str:
    """The beginning of it, for people."""
    return printable(body[: MAX_UTF8_BYTES * TEXT_CHARACTERS].decode(errors="replace"), TEXT_CHARACTERS)
