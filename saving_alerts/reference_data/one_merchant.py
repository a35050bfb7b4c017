"""One merchant of a directory, without the others in memory."""

from collections.abc import AsyncIterator

import msgspec

from saving_alerts.domain.decoding import Decoder
from saving_alerts.domain.merchants import Merchant

_merchants = Decoder(Merchant)


async def merchant_among(lines: AsyncIterator[bytes], merchant_id: str) -> Merchant | None:
    """Of two lines with one id the last."""
    found = None
    async for line in lines:
        found = merchant_in(line, merchant_id) or found
    return found


def merchant_in(line: bytes, merchant_id: str) -> Merchant | None:
    """The line's merchant if it is this one. Most are not, so it is looked for in the bytes first."""
    if msgspec.json.encode(merchant_id) not in line:
        return None
    merchant = _merchants.read(line)
    return merchant if isinstance(merchant, Merchant) and merchant.merchant_id == merchant_id else None
