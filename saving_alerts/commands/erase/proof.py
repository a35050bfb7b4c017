"""What is left of a user: on Kafka's topics, and in Redis."""

from datetime import timedelta
from urllib.parse import quote

from aiokafka.errors import IncompatibleBrokerVersion

from saving_alerts.adapters.redis_connection import connect
from saving_alerts.adapters.redis_lifetimes import lifetimes
from saving_alerts.adapters.redis_throttle import ERASED
from saving_alerts.commands.clock import now
from saving_alerts.commands.exits import CommandRefusedError
from saving_alerts.domain.erasures import Tokens
from saving_alerts.kafka.client import admin_client, config_of, partition_counts
from saving_alerts.kafka.topics import Topics
from saving_alerts.ledger.erasure_traces import Configs, Search, Trace
from saving_alerts.ledger.topic_reader import Progress
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.settings import Settings


async def traces_of(settings: Settings, tokens: Tokens, user_id: str, progress: Progress) -> list[Trace]:
    """Raises KafkaFailedError, or CommandRefusedError where Redis fails."""
    configs = await _configs(settings, settings.topics)
    search = Search(settings.kafka, settings.topics, configs, user_id, tokens, now(), progress)
    return [*await search.traces(), *await _in_redis(settings, tokens, user_id)]


async def _configs(settings: Settings, topics: Topics) -> Configs:
    """Empty where the cluster does not tell how its topics are set."""
    there = await partition_counts(settings.kafka)
    searched = (*topics.partitioned, *topics.recorded)
    if missing := [topic.name for topic in searched if topic.name not in there]:
        names = ", ".join(missing)
        raise CommandRefusedError(f"missing, or our user may not see it: {names}. Run `saving-alerts topics create`")
    async with admin_client(settings.kafka) as client:
        try:
            return {topic.name: await config_of(client, topic.name) for topic in searched}
        except IncompatibleBrokerVersion:
            return {}


async def _in_redis(settings: Settings, tokens: Tokens, user_id: str) -> list[Trace]:
    name, prefix = quote(user_id, safe=""), settings.key_prefix
    token = f"{prefix}claims:{ERASED}{tokens.of_user(user_id)}"
    stores = {
        f"{prefix}claims:{name}": "what was charged, in the clear",
        f"{prefix}gone:{name}": "that the device is gone",
        token: "what is charged, under the token",
    }
    try:
        async with connect(settings.redis_address, settings.redis_timeout_seconds, 1) as client:
            left = await lifetimes(client, list(stores))
    except UnavailableError as error:
        raise CommandRefusedError(f"Redis failed: {error}. Run it again") from error
    return [
        _trace(key, what, each, undone=key != token) for (key, what), each in zip(stores.items(), left, strict=True)
    ]


def _trace(key: str, what: str, left: timedelta | None, *, undone: bool) -> Trace:
    if left == timedelta(0):
        return Trace(f"Redis {key}", what, is_gone=True)
    return Trace(f"Redis {key}", what, gone_by=None if left is None else now() + left, undone=undone)
