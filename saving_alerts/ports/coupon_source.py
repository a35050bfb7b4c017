"""The Coupon API as the pipeline needs it."""

from datetime import datetime
from typing import Protocol

from saving_alerts.domain.coupons import Coupon


class CouponSource(Protocol):
    async def coupons(self, user_id: str, merchant_id: str, deadline: datetime) -> tuple[Coupon, ...]:
        """What this user could save at this merchant; empty for none.

        Makes at most 3 attempts within 15 s; while nobody else is answered either it holds, and never beyond
        `deadline`. Raises UnavailableError when that was in vain, DeadlineError when the deadline came first, and
        RefusedError for a permanent no.
        """
