"""One merchant of a directory, in S3 or in a file, without the others in memory."""

from pathlib import Path

import msgspec

from saving_alerts.adapters.s3 import S3ObjectStore, S3Policy
from saving_alerts.domain.decoding import Decoder
from saving_alerts.domain.merchants import Merchant
from saving_alerts.settings import Settings

_merchants = Decoder(Merchant)


def merchant_in_file(merchants: Path, merchant_id: str) -> Merchant | None:
    with merchants.open("rb") as lines:
        found = [merchant for line in lines if (merchant := _named(line, merchant_id))]
    return found[-1] if found else None


async def merchant_in_s3(settings: Settings, merchant_id: str) -> Merchant | None:
    """Of two lines with one id the last. Raises PortError."""
    found = None
    policy = S3Policy(bucket=settings.s3_bucket, endpoint_url=settings.s3_endpoint_url)
    async with (
        S3ObjectStore(policy) as store,
        store.lines(settings.s3_merchants_key, None, settings.max_merchants_bytes) as stream,
    ):
        if stream is not None:
            async for line in stream.lines:
                found = _named(line, merchant_id) or found
    return found


def _named(line: bytes, merchant_id: str) -> Merchant | None:
    """The line's merchant if it is this one. Most are not, so it is looked for in the bytes first."""
    if msgspec.json.encode(merchant_id) not in line:
        return None
    merchant = _merchants.read(line)
    return merchant if isinstance(merchant, Merchant) and merchant.merchant_id == merchant_id else None
