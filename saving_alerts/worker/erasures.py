"""The orders to erase users of one worker's partitions, where there is a secret for their tokens (docs/adr/0038)."""

from collections.abc import Awaitable, Callable
from functools import partial

from saving_alerts.adapters.consent_rekeying import Delivers
from saving_alerts.adapters.erasure_topic import ErasureTopic
from saving_alerts.metrics import Metrics
from saving_alerts.settings import Settings
from saving_alerts.worker.consent import without_a_group


def worker_erasures(
    settings: Settings,
    producer: Delivers,
    owned: Callable[[], frozenset[int]],
    erase: Callable[[str, int], Awaitable[str | None]],
    metrics: Metrics,
) -> ErasureTopic | None:
    """None where users cannot be erased."""
    topic, tokens = settings.topics.erasures, settings.tokens
    if topic is None or tokens is None:
        return None
    connect = partial(without_a_group, settings)
    return ErasureTopic(connect, producer, topic.name, tokens, owned, erase, metrics)
