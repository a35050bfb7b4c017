"""How many pushes the push API has refused in the last day, whatever the rules: what a canary may do as well."""

from saving_alerts.adapters.redis_connection import connect
from saving_alerts.adapters.redis_histories import RedisHistories
from saving_alerts.commands.clock import now
from saving_alerts.domain.canary.order import Bounds, Foretold
from saving_alerts.domain.history import Deployment, Resolution
from saving_alerts.domain.reasons import Reason
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.settings import Settings

LEAST_PUSHES = 1_000  # of fewer nobody can say what is usual
BUCKETS = 60  # of 24 minutes: a day
TRIED = (Reason.PUSHED, Reason.PUSH_UNCERTAIN, Reason.PUSH_REFUSED)


async def refused_lately(settings: Settings) -> Bounds:
    """As often as in the last day is as foretold, twice as often is too much; at least what is so without Redis."""
    usual = Foretold(pushes=0.5).push_refused
    try:
        async with connect(
            settings.redis_address, settings.redis_timeout_seconds, settings.redis_max_connections
        ) as redis:
            histories = await RedisHistories(redis, f"{settings.key_prefix}history:").read()
    except UnavailableError:
        return usual
    counts = Deployment(histories, now()).counts(Resolution.COARSE, BUCKETS)
    tried = sum(counts[reason] for reason in TRIED)
    rate = counts[Reason.PUSH_REFUSED] / tried if tried >= LEAST_PUSHES else 0.0
    return usual.or_as_usual(rate)
