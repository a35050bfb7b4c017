"""A loader over a store in memory."""

from saving_alerts.domain.rules_file.compiler import MAX_RULES_BYTES
from saving_alerts.metrics import Metrics
from saving_alerts.ports.accepted_directory import AcceptedDirectories
from saving_alerts.ports.clock import Clock
from saving_alerts.ports.object_store import ObjectStore
from saving_alerts.reference_data.loader import ReferenceDataLoader, ReloadPolicy
from saving_alerts.reference_data.merchants_file import MerchantsLimits
from saving_alerts.reference_data.shrink_guard import ShrinkGuard
from saving_alerts.reference_data.snapshot import ReferenceData
from tests.support.fakes.accepted_directory import FakeAcceptedDirectories

POLICY = ReloadPolicy(
    "rules.json",
    "merchants.jsonl",
    MAX_RULES_BYTES,
    rules_check_seconds=10,
    max_merchants_bytes=1024 * 1024,
    merchants_limits=MerchantsLimits(max_bad_lines=2),
)


MAX_LOSS = 0.2


def a_guard(directories: AcceptedDirectories | None = None) -> ShrinkGuard:
    return ShrinkGuard(directories or FakeAcceptedDirectories(), MAX_LOSS)


def a_loader(store: ObjectStore, clock: Clock, metrics: Metrics) -> tuple[ReferenceDataLoader, ReferenceData]:
    data = ReferenceData()
    return ReferenceDataLoader(store, a_guard(), POLICY, data, clock, metrics), data
