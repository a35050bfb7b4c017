"""What the clients of both HTTP APIs share: session, bounded reading, Retry-After, and the metrics of a request."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from aiohttp import (
    ClientHandlerType,
    ClientMiddlewareType,
    ClientRequest,
    ClientResponse,
    ClientSession,
    DummyCookieJar,
)

from saving_alerts import __version__
from saving_alerts.adapters.bounded_response import bounded_connector
from saving_alerts.http_access import HttpAccess, TokenFile
from saving_alerts.metrics import Metric, Metrics
from saving_alerts.ports.clock import Clock
from saving_alerts.ports.trace_context import TRACEPARENT, traceparent_now

# Uncompressed, so that the limit of a body is also the limit of the memory that it takes.
HEADERS = {"User-Agent": f"saving-alerts/{__version__}", "Accept-Encoding": "identity"}
# The limits of docs/contracts.md: 0 would repeat a request at once, a wrong date could stop all requests for days.
MIN_RETRY_AFTER_SECONDS = 1
MAX_RETRY_AFTER_SECONDS = 600


class OversizeError(Exception):
    """A body is longer than the limit. The rest of it was not read."""


def open_session(access: HttpAccess | None = None) -> ClientSession:
    """A session for one API. Call it in the event loop. It has no limit of connections: `Admission` has one.

    Raises OSError, ValueError or SecretFileError for files that cannot be used; the settings have looked at them.
    """
    access = access or HttpAccess()
    if token := access.token():
        token.read()
    session = ClientSession(
        connector=bounded_connector(access.ssl_context()),
        headers={**access.headers, **HEADERS},
        cookie_jar=DummyCookieJar(),
        auto_decompress=False,
        middlewares=[_with_token(token), _with_trace] if token else [_with_trace],
    )
    # aiohttp repeats a GET by itself if its connection broke: attempts would be counted wrongly.
    session._retry_connection = False  # noqa: SLF001
    return session


def _with_token(token: TokenFile) -> ClientMiddlewareType:
    async def send(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        request.headers["Authorization"] = f"Bearer {token.read()}"
        return await handler(request)

    return send


async def _with_trace(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    if traceparent := traceparent_now():
        request.headers[TRACEPARENT] = traceparent
    return await handler(request)


async def read_bounded(response: ClientResponse, max_bytes: int) -> bytes:
    """The whole body. Raises OversizeError as soon as it is longer than `max_bytes`."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > max_bytes:
            raise OversizeError(f"more than {max_bytes} bytes")
    return bytes(body)


def in_words_of_status(status: int | None) -> str:
    """`HTTP 500`; empty without an answer."""
    return "" if status is None else f"HTTP {status}"


def retry_after(response: ClientResponse, now: datetime) -> timedelta | None:
    """The pause that the API asks for, limited to 1 s to 10 min; None without a readable Retry-After."""
    text = response.headers.get("Retry-After", "")
    try:
        seconds = float(int(text)) if text.isdecimal() else _seconds_until(text, now)
    except (ValueError, OverflowError):
        return None
    return timedelta(seconds=min(max(seconds, MIN_RETRY_AFTER_SECONDS), MAX_RETRY_AFTER_SECONDS))


def _seconds_until(date: str, now: datetime) -> float:
    moment = parsedate_to_datetime(date)
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds()


@dataclass(slots=True)
class MeteredRequest:
    """`outcome` is the metric tag: the caller sets it. It stays "cut_short" if the request was cancelled."""

    outcome: str = "cut_short"


class Meter:
    """Counts requests by outcome and observes how long each took."""

    def __init__(self, clock: Clock, metrics: Metrics, requests: Metric, duration: Metric) -> None:
        self._clock = clock
        self._metrics = metrics
        self._requests = requests
        self._duration = duration

    @contextmanager
    def request(self) -> Iterator[MeteredRequest]:
        """Put it around one request."""
        request = MeteredRequest()
        started_at = self._clock.now()
        try:
            yield request
        finally:
            self._metrics.count(self._requests, outcome=request.outcome)
            self._metrics.observe(self._duration, (self._clock.now() - started_at).total_seconds())
