"""`saving-alerts throttle refill`: a Redis that has lost its data learns again what was sent."""

import asyncio
import sys
from dataclasses import dataclass

import click

from saving_alerts.adapters.datadog import NoMetrics
from saving_alerts.adapters.redis_connection import connect
from saving_alerts.adapters.redis_throttle import RedisThrottle, ThrottlePolicy
from saving_alerts.commands.clock import now
from saving_alerts.commands.deployment import settings_or_exit
from saving_alerts.commands.exits import BAD_NEWS, CommandRefusedError
from saving_alerts.commands.output import say
from saving_alerts.commands.progress import Watcher, progress_bars
from saving_alerts.commands.running import run
from saving_alerts.domain.decoding import Unreadable
from saving_alerts.domain.push_sends import PushSend
from saving_alerts.kafka.push_send_rows import erased_send
from saving_alerts.ledger.recorded_sends import UserSend, recorded_sends
from saving_alerts.ledger.topic_reader import Progress
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.ports.throttle import Claim
from saving_alerts.settings import Settings

HELP = """Add the sends of the last week to Redis that the Table's changelog on Kafka has and Redis has not.

For a Redis that has lost its data. It only adds: nothing that Redis has is changed or removed, so caps can become
stricter and never wider, and it can be repeated at any time. Workers may run meanwhile.

\b
Example:
  saving-alerts throttle refill

Exit code: 0, or 1 when something on the changelog cannot be read, or 2 when Kafka or Redis failed: run it again.
"""
NOBODY = "refill"  # the incarnation of no worker


@dataclass(slots=True)
class Refilled:
    added: int = 0
    known: int = 0
    unreadable: int = 0

    def __str__(self) -> str:
        return f"{self.added:,} sends added, {self.known:,} were there, {self.unreadable:,} records cannot be read"


@click.command(help=HELP)
def refill() -> None:
    settings = settings_or_exit()
    with progress_bars() as bars:
        refilled = run(refill_from_changelog(settings, Watcher(bars)))
    say(str(refilled))
    sys.exit(BAD_NEWS if refilled.unreadable else 0)


async def refill_from_changelog(settings: Settings, progress: Progress) -> Refilled:
    """Raises KafkaFailedError, or CommandRefusedError where Redis fails."""
    refilled = Refilled()
    at_once = settings.redis_max_connections
    try:
        async with connect(settings.redis_address, settings.redis_timeout_seconds, at_once) as redis:
            policy = ThrottlePolicy(settings.claim_lease_seconds, f"{settings.key_prefix}claims:", settings.tokens)
            throttle = RedisThrottle(redis, policy, NoMetrics())
            async for found in recorded_sends(settings.kafka, settings.topics.push_sends.name, now(), progress):
                for begin in range(0, len(found), at_once):
                    await _add(throttle, found[begin : begin + at_once], refilled)
    except UnavailableError as error:
        raise CommandRefusedError(f"{refilled}; then Redis failed: {error}. Run it again") from error
    return refilled


async def _add(throttle: RedisThrottle, found: list[UserSend | Unreadable], refilled: Refilled) -> None:
    sends = [each for each in found if not isinstance(each, Unreadable)]
    added = await asyncio.gather(*(_add_one(throttle, *each) for each in sends))
    refilled.added += sum(added)
    refilled.known += len(added) - sum(added)
    refilled.unreadable += len(found) - len(sends)


async def _add_one(throttle: RedisThrottle, user_id: str, send: PushSend) -> bool:
    if erased := erased_send(user_id, send):
        return await throttle.refill_erased(*erased, send)
    claim = Claim(user_id, send.merchant_id, send.event_id, send.position, NOBODY, 0)
    return await throttle.refill(claim, send)
