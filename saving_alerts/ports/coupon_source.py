"""The Coupon API as the pipeline needs it."""

from datetime import datetime
from typing import Protocol

from saving_alerts.domain.coupons import Coupon


class CouponSource(Protocol):
    async def coupons(self, user_id: str, merchant_id: str, deadline: datetime) -> tuple[Coupon, ...]:
        """The coupons for this user at this merchant; empty if there are none.

        It makes at most 3 attempts within 15 s, and starts again while the API answers no other event either; nothing
        goes on beyond `deadline`. Raises UnavailableError if the attempts failed, DeadlineError if the deadline came
        first, and RefusedError for an answer that no repetition would change.
        """
