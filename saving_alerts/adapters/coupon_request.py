"""One GET to the Coupon API."""

from typing import Protocol
from urllib.parse import quote

from aiohttp import ClientSession, ClientTimeout
from yarl import URL

from saving_alerts.adapters.coupon_answers import NO_ANSWER, read_coupons, translated
from saving_alerts.domain.coupons import CouponAnswer
from saving_alerts.ports.clock import Clock

HEADERS = {"Accept": "application/json"}
# The caller sets the limit, around all of it.
NO_TIMEOUT = ClientTimeout(total=None, sock_connect=None)


class CouponRequests(Protocol):
    """How a request is made. Tests give other ways."""

    async def get(self, user_id: str, merchant_id: str) -> CouponAnswer:
        """One request, as long as it may take. Raises CouponApiFailedError, ThrottledError or RefusedError."""

    async def close(self) -> None: ...


class HttpCouponRequests:
    """Over HTTP. It owns the session and closes it."""

    def __init__(self, session: ClientSession, url: str, clock: Clock) -> None:
        self._session = session
        self._base = url.rstrip("/")
        self._clock = clock

    async def close(self) -> None:
        await self._session.close()

    async def get(self, user_id: str, merchant_id: str) -> CouponAnswer:
        """See `CouponRequests`."""
        url = self._url(user_id, merchant_id)
        with translated(NO_ANSWER):
            async with self._session.get(url, headers=HEADERS, allow_redirects=False, timeout=NO_TIMEOUT) as response:
                return await read_coupons(response, merchant_id, self._clock.now())

    def _url(self, user_id: str, merchant_id: str) -> URL:
        path = f"/users/{_segment(user_id)}/merchants/{_segment(merchant_id)}/coupons"
        return URL(self._base + path, encoded=True)


def _segment(text: str) -> str:
    """The text as one segment of a path, percent-encoded: also `.` and `..`, which would lead out of the path."""
    return text.replace(".", "%2E") if text in {".", ".."} else quote(text, safe="")
