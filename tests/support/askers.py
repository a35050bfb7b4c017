"""Who asks the Coupon API beside the event that a test looks at."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from saving_alerts.ports.coupon_source import CouponSource
from saving_alerts.ports.errors import UnavailableError
from tests.support.fakes.clock import START

SOON = START + timedelta(minutes=10)


@asynccontextmanager
async def asked_again_and_again(source: CouponSource, user_id: str) -> AsyncIterator[None]:
    """As long as the block lasts this user is asked for, one request after the other."""

    async def ask() -> None:
        while True:
            with suppress(UnavailableError):  # on a machine that is busy
                await source.coupons(user_id, "m-1", SOON)

    asking = asyncio.create_task(ask())
    try:
        yield
    finally:
        asking.cancel()
        await asyncio.wait([asking])
