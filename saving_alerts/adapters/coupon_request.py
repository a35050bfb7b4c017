"""One GET to the Coupon API."""

from typing import Protocol
from urllib.parse import quote

from saving_alerts.adapters.coupon_answers import MAX_BODY_BYTES, no_answer, read_coupons
from saving_alerts.adapters.http_answer import BrokenAnswerError, NotConnectedInTimeError, NotSentError
from saving_alerts.adapters.http_client import HttpClient
from saving_alerts.domain.coupons import CouponAnswer
from saving_alerts.ports.clock import Clock

HEADERS = {"Accept": "application/json"}


class CouponRequests(Protocol):
    """How a request is made. Tests give other ways."""

    async def get(self, user_id: str, merchant_id: str, seconds: float) -> CouponAnswer:
        """One request. Raises TimeoutError after `seconds`, CouponApiFailedError, ThrottledError or RefusedError."""

    async def close(self) -> None: ...


class HttpCouponRequests:
    """Over HTTP. It owns the client and closes it."""

    def __init__(self, client: HttpClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    async def close(self) -> None:
        await self._client.close()

    async def get(self, user_id: str, merchant_id: str, seconds: float) -> CouponAnswer:
        """See `CouponRequests`."""
        request = self._client.request("GET", _path(user_id, merchant_id), HEADERS)
        try:
            answer = await self._client.ask(request, seconds, MAX_BODY_BYTES, connect_seconds=seconds)
        except NotConnectedInTimeError:
            raise
        except (NotSentError, BrokenAnswerError) as error:
            raise no_answer(error) from error
        return read_coupons(answer, merchant_id, self._clock)


def _path(user_id: str, merchant_id: str) -> str:
    return f"/users/{_segment(user_id)}/merchants/{_segment(merchant_id)}/coupons"


def _segment(text: str) -> str:
    """The text as one segment of a path, percent-encoded: also `.` and `..`, which would lead out of the path."""
    return text.replace(".", "%2E") if text in {".", ".."} else quote(text, safe="")
