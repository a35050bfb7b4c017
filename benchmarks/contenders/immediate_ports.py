"""Ports without I/O: each answers at once from memory, grants every claim and accepts every push."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from random import Random
from types import MappingProxyType
from zlib import crc32

import msgspec

from benchmarks.source import long_freshness_rules
from demo.traffic import merchants_jsonl
from demo.traffic.coupons import good_coupon
from demo.traffic.directory import MERCHANTS
from saving_alerts.dependencies import Dependencies
from saving_alerts.domain.alerts import Push
from saving_alerts.domain.caps import Cap
from saving_alerts.domain.coupons import Coupon, CouponAnswer
from saving_alerts.domain.kill_switches import KillSwitch
from saving_alerts.metrics import Metrics
from saving_alerts.ports import Ports
from saving_alerts.ports.accepted_directory import AcceptedDirectory, Noted
from saving_alerts.ports.clock import Clock
from saving_alerts.ports.heartbeats import Heard, WorkerRow
from saving_alerts.ports.object_store import ObjectLines, StoredObject
from saving_alerts.ports.push_sender import Accepted, Attempt, Refused
from saving_alerts.ports.throttle import Charged, Claim, ControlCharge, Free, Granted, Reservation, View
from saving_alerts.settings import Settings

LEASE = timedelta(seconds=20)
ACCEPTED_STATUS = 201
ETAG = "the-only-one"


class ImmediateCoupons:
    """One good coupon for every second user, at the merchants of the demo."""

    def __init__(self) -> None:
        self._coupons = {
            merchant.merchant_id: (msgspec.convert(good_coupon(Random(merchant.merchant_id), merchant), Coupon),)
            for merchant in MERCHANTS
        }

    async def coupons(self, user_id: str, merchant_id: str, deadline: datetime) -> CouponAnswer:  # noqa: ARG002 - the port's signature
        return CouponAnswer(self._coupons.get(merchant_id, ()) if crc32(user_id.encode()) % 2 else ())


class NoKillSwitches:
    """None is on."""

    switches: Mapping[str, KillSwitch] = MappingProxyType({})


class ImmediateThrottle:
    """Grants every claim."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def check(self) -> None: ...

    async def look(self, claim: Claim, caps: tuple[Cap, ...]) -> View:  # noqa: ARG002 - the port's signature
        return Free()

    async def reserve(self, claim: Claim, caps: tuple[Cap, ...]) -> Reservation:  # noqa: ARG002 - the port's signature
        return Granted(self._clock.now() + LEASE)

    async def charge_control(self, claim: Claim, caps: tuple[Cap, ...]) -> ControlCharge:  # noqa: ARG002 - the port's signature
        return Charged(self._clock.now())

    async def renew(self, claim: Claim) -> datetime | None:  # noqa: ARG002 - the port's signature
        return self._clock.now() + LEASE

    async def confirm(self, claim: Claim, *, uncertain: bool) -> None: ...

    async def release(self, claim: Claim) -> bool:  # noqa: ARG002 - the port's signature
        return True

    async def erase(self, user_id: str) -> datetime | None:  # noqa: ARG002 - the port's signature
        return None


class ImmediateSender:
    """Accepts every push."""

    @asynccontextmanager
    async def slot(self, deadline: datetime) -> AsyncIterator[bool]:  # noqa: ARG002 - the port's signature
        yield True

    def refusal(self, push: Push) -> Refused | None:  # noqa: ARG002 - the port's signature
        return None

    async def attempt(self, push: Push, key: str, not_after: datetime) -> Attempt:  # noqa: ARG002 - the port's signature
        return Accepted(ACCEPTED_STATUS)


class ImmediateStore:
    """The rules of the benchmark and the demo's merchants, which never change."""

    async def fetch(self, key: str, unless_etag: str | None, max_bytes: int) -> StoredObject | None:  # noqa: ARG002 - the port's signature
        return None if unless_etag == ETAG else StoredObject(long_freshness_rules(), ETAG)

    @asynccontextmanager
    async def lines(
        self,
        key: str,  # noqa: ARG002 - the port's signature
        unless_etag: str | None,
        max_bytes: int,  # noqa: ARG002
    ) -> AsyncIterator[ObjectLines | None]:
        yield None if unless_etag == ETAG else ObjectLines(ETAG, _lines(merchants_jsonl()))

    async def put(self, key: str, body: bytes) -> None: ...


class NoHeartbeats:
    """Heartbeats without other workers."""

    async def time(self) -> datetime:
        return datetime.now(UTC)

    async def beat(self, row: WorkerRow, lives_for: timedelta) -> None: ...

    async def leave(self, incarnation: str) -> None: ...

    async def workers(self) -> tuple[WorkerRow, ...]:
        return ()

    async def heard(self) -> Heard:
        return Heard()


class NothingAccepted:
    """Any directory is taken."""

    async def last(self) -> Noted:
        return Noted(None, b"", "nobody notes it")

    async def replace(self, noted: Noted, directory: AcceptedDirectory) -> bool:  # noqa: ARG002 - the port's
        return True

    async def accept(self, directory: AcceptedDirectory) -> None: ...


async def open_immediate_ports(
    settings: Settings,  # noqa: ARG001 - the signature of `open_ports`
    clock: Clock,
    metrics: Metrics,  # noqa: ARG001
    closing: AsyncExitStack,  # noqa: ARG001
    dependencies: Dependencies,  # noqa: ARG001
) -> Ports:
    """As `saving_alerts.worker.open_adapters.open_ports`, without connections."""
    return Ports(
        coupon_source=ImmediateCoupons(),
        push_sender=ImmediateSender(),
        throttle=ImmediateThrottle(clock),
        object_store=ImmediateStore(),
        heartbeats=NoHeartbeats(),
        accepted_directories=NothingAccepted(),
    )


async def _lines(body: bytes) -> AsyncIterator[bytes]:
    for line in body.splitlines(keepends=True):
        yield line
