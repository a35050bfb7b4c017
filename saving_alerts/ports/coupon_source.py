"""The Coupon API as the pipeline needs it."""

from datetime import datetime
from typing import Protocol

from saving_alerts.domain.coupons import CouponAnswer


class CouponSource(Protocol):
    async def coupons(self, user_id: str, merchant_id: str, deadline: datetime) -> CouponAnswer:
        """The coupons for this user at this merchant; empty if there are none. Odd ones are named beside them.

        Raises UnavailableError if 3 attempts, or 15 s of them, failed although the API answered other events,
        DeadlineError if the deadline came first, and RefusedError for an answer that no repetition would change. While
        the API answers no other event either, or has asked for a pause, the call waits, until `deadline` at most.
        """
