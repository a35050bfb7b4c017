"""One merchant of a directory, in S3 or in a file, without the others in memory."""

from pathlib import Path

from saving_alerts.adapters.s3 import S3ObjectStore, S3Policy
from saving_alerts.domain.merchants import Merchant
from saving_alerts.reference_data.one_merchant import merchant_among, merchant_in
from saving_alerts.settings import Settings


def merchant_in_file(merchants: Path, merchant_id: str) -> Merchant | None:
    with merchants.open("rb") as lines:
        found = [merchant for line in lines if (merchant := merchant_in(line, merchant_id))]
    return found[-1] if found else None


async def merchant_in_s3(settings: Settings, merchant_id: str) -> Merchant | None:
    """Of two lines with one id the last. Raises PortError."""
    policy = S3Policy(bucket=settings.s3_bucket, endpoint_url=settings.s3_endpoint_url)
    async with (
        S3ObjectStore(policy) as store,
        store.lines(settings.s3_merchants_key, None, settings.max_merchants_bytes) as stream,
    ):
        return None if stream is None else await merchant_among(stream.lines, merchant_id)
