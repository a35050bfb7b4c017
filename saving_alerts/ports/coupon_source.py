"""The Coupon API as the pipeline needs it."""

from datetime import datetime
from typing import Protocol

from saving_alerts.domain.coupons import Coupon


class CouponSource(Protocol):
    async def coupons(self, user_id: str, merchant_id: str, deadline: datetime) -> tuple[Coupon, ...]:
        """What this user could save at this merchant; empty for none.

        Raises UnavailableError when 3 attempts, or 15 s of them, failed although others were answered, DeadlineError
        when the deadline came first, and RefusedError for a permanent no. While nobody else is answered either, or
        the API has asked for a pause, it holds until `deadline`.
        """
