"""A `CouponSource` in memory."""

from datetime import datetime

from saving_alerts.domain.coupons import Coupon, CouponAnswer
from saving_alerts.domain.passed_over import PassedOver
from saving_alerts.ports.clock import Clock
from saving_alerts.ports.errors import PortError, UnavailableError


class FakeCouponSource:
    """Returns the coupons that were set. `asked` is every (user id, merchant id) of a call that did not expire.

    `failed_asks` are said to have failed before each answer.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._coupons: dict[tuple[str, str], tuple[Coupon, ...]] = {}
        self._errors: dict[str, PortError] = {}
        self._down_until: datetime | None = None
        self._odd: tuple[PassedOver, ...] = ()
        self.failed_asks: dict[str, int] = {}
        self.asked: list[tuple[str, str]] = []

    def gives(self, user_id: str, merchant_id: str, *coupons: Coupon) -> None:
        if any(coupon.merchant_id != merchant_id for coupon in coupons):
            raise ValueError("no source gives a coupon of another merchant")
        self._coupons[user_id, merchant_id] = coupons

    def gives_odd_ones(self, *odd: PassedOver) -> None:
        """Beside the coupons, to whoever asks."""
        self._odd = odd

    def fails(self, user_id: str, error: PortError) -> None:
        """Every question about this user ends in `error`."""
        self._errors[user_id] = error

    def goes_down(self, until: datetime) -> None:
        """No answers before `until`: callers wait, at most until their deadline."""
        self._down_until = until

    async def coupons(self, user_id: str, merchant_id: str, deadline: datetime) -> CouponAnswer:
        await self._held(deadline)
        self.asked.append((user_id, merchant_id))
        if user_id in self._errors:
            raise self._errors[user_id]
        return CouponAnswer(self._coupons.get((user_id, merchant_id), ()), self._odd, self.failed_asks)

    async def _held(self, deadline: datetime) -> None:
        now = self._clock.now()
        if self._down_until and now < min(self._down_until, deadline):
            await self._clock.sleep(min(self._down_until, deadline) - now)
        if self._clock.now() >= deadline:
            raise UnavailableError("the fake could not be asked before the deadline")
