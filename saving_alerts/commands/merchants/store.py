"""The merchant directory in the bucket, as the commands open it."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from saving_alerts.commands.merchants.reading import limits_of
from saving_alerts.commands.progress import Watcher, progress_bars
from saving_alerts.commands.publishing import with_bucket
from saving_alerts.ports.object_store import SwappingStore
from saving_alerts.reference_data.merchants_store import MerchantsStore
from saving_alerts.settings import Settings

Result = TypeVar("Result")


def with_merchants_store(settings: Settings, work: Callable[[MerchantsStore], Awaitable[Result]]) -> Result:
    """As `with_bucket`. On a terminal a bar shows how many lines of the live directory were read."""
    key, most, limits = settings.s3_merchants_key, settings.max_merchants_bytes, limits_of(settings)

    async def opened(store: SwappingStore) -> Result:
        with progress_bars() as bars:
            on_lines = Watcher(bars).begin(f"s3://{settings.s3_bucket}/{key}", None)
            return await work(MerchantsStore(store, key, most, limits, on_lines))

    return with_bucket(settings, opened)
