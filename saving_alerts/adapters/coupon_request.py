"""One GET to the Coupon API, and what each ending of it means.

TryLaterError         an UnavailableError that another request may cure
├── FailedError       no answer, 408, or 5xx but 503
└── ThrottledError    429 or 503: nobody is to ask for a while
"""

from datetime import timedelta
from typing import ClassVar, Protocol
from urllib.parse import quote

import msgspec
from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout
from yarl import URL

from saving_alerts.adapters.http_session import OversizeError, read_bounded, retry_after
from saving_alerts.domain.coupons import Coupon
from saving_alerts.ports.clock import Clock
from saving_alerts.ports.errors import RefusedError, UnavailableError

API = "the Coupon API"
HEADERS = {"Accept": "application/json"}
MAX_BODY_BYTES = 256 * 1024
MAX_COUPONS = 200
# Whoever asks sets the limit, around all of it.
NO_TIMEOUT = ClientTimeout(total=None, sock_connect=None)
Coupons = tuple[Coupon, ...]
_decoder = msgspec.json.Decoder(Coupons)


class TryLaterError(UnavailableError):
    """`is_ill`: it may speak against the API. `retry_after`: when the API wants to be asked again, if it said so."""

    outcome: ClassVar[str]

    def __init__(self, message: str, retry_after: timedelta | None = None, *, is_ill: bool = True) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.is_ill = is_ill


class FailedError(TryLaterError):
    outcome = "unavailable"


class ThrottledError(TryLaterError):
    outcome = "throttled"


class CouponRequests(Protocol):
    """How a request is made. Tests give other ways."""

    async def get(self, user_id: str, merchant_id: str) -> Coupons:
        """One request, as long as it may take. Raises TryLaterError or RefusedError."""

    async def close(self) -> None: ...


class HttpCouponRequests:
    """Over HTTP. It owns the session and closes it."""

    def __init__(self, session: ClientSession, url: str, clock: Clock) -> None:
        self._session = session
        self._base = url.rstrip("/")
        self._clock = clock

    async def close(self) -> None:
        await self._session.close()

    async def get(self, user_id: str, merchant_id: str) -> Coupons:
        """See `CouponRequests`."""
        url = self._url(user_id, merchant_id)
        try:
            async with self._session.get(url, headers=HEADERS, allow_redirects=False, timeout=NO_TIMEOUT) as response:
                return await self._read(response, merchant_id)
        except (ClientError, OSError) as error:
            raise FailedError(f"{API} could not be reached or broke off: {error or type(error).__name__}") from error

    async def _read(self, response: ClientResponse, merchant_id: str) -> Coupons:
        """The coupons in a response. Raises the error that it means."""
        pause = retry_after(response, self._clock.now())
        match response.status:
            case 200:
                return _checked(await _body(response), merchant_id)
            case 404:
                return ()
            case 429 | 503 as status:
                # With 429 it is well, and its limit is ours to keep.
                raise ThrottledError(f"{API} answered {status}", pause, is_ill=status == 503)  # noqa: PLR2004
            case status if status == 408 or status >= 500:  # noqa: PLR2004 - what is retried everywhere
                raise FailedError(f"{API} answered {status}", pause)
            case status:
                raise RefusedError(f"{API} answered {status}", status)

    def _url(self, user_id: str, merchant_id: str) -> URL:
        path = f"/users/{_segment(user_id)}/merchants/{_segment(merchant_id)}/coupons"
        return URL(self._base + path, encoded=True)


def _segment(text: str) -> str:
    """One segment of a path, whatever is in the text: `..` would otherwise lead out of it."""
    return text.replace(".", "%2E") if text in {".", ".."} else quote(text, safe="")


async def _body(response: ClientResponse) -> bytes:
    try:
        return await read_bounded(response, MAX_BODY_BYTES)
    except OversizeError as error:
        raise RefusedError(f"{API} answered with {error}") from error


def _checked(body: bytes, merchant_id: str) -> Coupons:
    try:
        coupons = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError(f"{API}'s answer is unreadable: {error}") from error
    if len(coupons) > MAX_COUPONS:
        raise RefusedError(f"{API} answered with {len(coupons)} coupons, at most {MAX_COUPONS} are read")
    for index, coupon in enumerate(coupons):
        if coupon.merchant_id != merchant_id:
            raise RefusedError(f"{API} answered with another merchant's coupon - at `$[{index}].merchant_id`")
    return coupons
