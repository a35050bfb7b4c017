"""What is known of a canary: its order in S3, whether it is taken back, and what the workers have seen."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from saving_alerts.adapters.redis_connection import connect
from saving_alerts.adapters.redis_heartbeats import RedisHeartbeats
from saving_alerts.adapters.s3 import S3ObjectStore, S3Policy
from saving_alerts.commands.clock import in_utc, now
from saving_alerts.commands.exits import CommandRefusedError
from saving_alerts.commands.kill import topic
from saving_alerts.domain.canary.evidence import guards_of, together
from saving_alerts.domain.canary.order import CanaryOrder
from saving_alerts.domain.kill_switches import StandingSwitch
from saving_alerts.domain.stopped_pushes import taken_back
from saving_alerts.kafka.connection import KafkaFailedError
from saving_alerts.ports.errors import PortError, UnavailableError
from saving_alerts.ports.heartbeats import WorkerRow
from saving_alerts.reference_data.canary_orders import CanaryOrders, Standing
from saving_alerts.reference_data.document_store import rules_store
from saving_alerts.settings import Settings


@dataclass(frozen=True, slots=True)
class InBucket:
    """What S3 has: the order, and the version of the rules that are live."""

    standing: Standing
    live: str | None

    @property
    def order(self) -> CanaryOrder | None:
        """The one that has a say."""
        return self.standing.open_on(self.live)


async def in_bucket(settings: Settings) -> InBucket | PortError:
    """Or why S3 does not say."""
    policy = S3Policy(bucket=settings.s3_bucket, endpoint_url=settings.s3_endpoint_url)
    try:
        async with S3ObjectStore(policy) as store:
            live = await rules_store(store, settings.s3_rules_key, settings.max_rules_bytes).current()
            return InBucket(await CanaryOrders(store, settings.s3_rules_key).standing(), live.version)
    except PortError as error:
        return error


async def switch_of(settings: Settings, canary: str) -> StandingSwitch | None:
    """The switch by which it is taken back. Raises KafkaFailedError, and CommandRefusedError without a topic."""
    return taken_back((await topic.standing(settings)).stopping, canary, now())


async def rows_of(settings: Settings) -> tuple[WorkerRow, ...] | UnavailableError:
    """The workers' rows, also of those that are silent; or why Redis does not say."""
    try:
        async with connect(
            settings.redis_address, settings.redis_timeout_seconds, settings.redis_max_connections
        ) as redis:
            heard = await RedisHeartbeats(redis, f"{settings.key_prefix}workers:").heard()
            return (*heard.rows, *heard.silent)
    except UnavailableError as error:
        return error


@dataclass(frozen=True, slots=True)
class State:
    """All of it. What could not be asked says why."""

    bucket: InBucket | PortError
    rows: tuple[WorkerRow, ...] | UnavailableError
    switch: StandingSwitch | KafkaFailedError | CommandRefusedError | None

    @property
    def lines(self) -> list[str]:
        if isinstance(self.bucket, PortError):
            return [f"S3 does not say: {self.bucket}", *self._of_workers(None), *self._taken_back()]
        order = self.bucket.order
        if order is None:
            return [_nothing(self.bucket)]
        what = f"version {order.version} on {order.percent:g} % of the users, in place of {order.instead_of}"
        lines = [
            f"canary {order.id}: {what}",
            f"  by {order.by} at {in_utc(order.begins)}: {order.note}",
            *self._taken_back(),
        ]
        if self.switch is not None:  # nobody counts any more, and the switch says what was seen
            return lines
        return [*lines, _how_far(order), *self._guards(order), *self._of_workers(order)]

    @property
    def is_bad(self) -> bool:
        """Whether somebody has to do something."""
        return self.switch is not None or isinstance(self.bucket, PortError)

    def _taken_back(self) -> list[str]:
        if self.switch is None:
            return []
        if isinstance(self.switch, Exception):
            return [f"  nobody can say whether it is taken back: {self.switch}"]
        return [f"  taken back: {self.switch}", "  `rules canary abort` puts it away, then others can be published"]

    def _guards(self, order: CanaryOrder) -> list[str]:
        if isinstance(self.rows, UnavailableError):
            return [f"  Redis does not say what the workers have seen: {self.rows}"]
        found = together(row.evidence for row in self.rows if row.canary == order.id)
        return [
            f"  {guard.name}: {guard.hits:,} of {guard.events:,}; {guard.foretold:.2%} foretold, the limit is "
            f"{guard.limit:.2%}; {guard.share:.0%} of the evidence against it"
            for guard in guards_of(order, found)
        ]

    def _of_workers(self, order: CanaryOrder | None) -> list[str]:
        if isinstance(self.rows, UnavailableError):
            return []
        known = {row.name: row.canary for row in self.rows}
        if order is None:
            return [f"  {name} has canary {canary}" for name, canary in known.items() if canary]
        without = [name for name, canary in known.items() if canary != order.id]
        return [f"  not used by {', '.join(without)}"] if without and self.switch is None else []


async def state(settings: Settings) -> State:
    bucket, rows = await asyncio.gather(in_bucket(settings), rows_of(settings))
    canary = id_in(bucket, rows)
    if canary is None:
        return State(bucket, rows, None)
    try:
        return State(bucket, rows, await switch_of(settings, canary))
    except (KafkaFailedError, CommandRefusedError) as error:
        return State(bucket, rows, error)


def id_in(bucket: InBucket | PortError, rows: Sequence[WorkerRow] | UnavailableError) -> str | None:
    """Of the canary that has a say, by S3, or else by the workers; None where there is none, or several."""
    if not isinstance(bucket, PortError):
        return None if bucket.standing.unclosed is None else bucket.standing.unclosed.id
    told = set() if isinstance(rows, UnavailableError) else {row.canary for row in rows if row.canary is not None}
    return told.pop() if len(told) == 1 else None


def _nothing(bucket: InBucket) -> str:
    order = bucket.standing.order
    if order is None:
        return "no canary was begun yet"
    if not isinstance(order, CanaryOrder):
        return f"no canary: the order in S3 cannot be read: {order}"
    if (ended := order.ended) is not None:
        return f"no canary; {order.id} was {ended.how} at {in_utc(ended.at)} by {ended.by}: {ended.note}"
    if order.closed:
        return f"no canary; {order.id} is over: something else was published since"
    told = f"{order.id} was begun in place of {order.instead_of}, and {bucket.live or 'nothing'} is live now"
    return f"no canary; {told}: `rules canary abort` puts it away"


def _how_far(order: CanaryOrder) -> str:
    if order.ended is not None:
        return f"  promoted by {order.ended.by}, and not written down yet: repeat `rules canary promote`"
    if order.is_for_everybody(now()):
        return f"  its time was over at {in_utc(order.ends)}: everybody has it; `rules canary promote` writes it down"
    return f"  tried until {in_utc(order.ends)}, then it is everybody's"
