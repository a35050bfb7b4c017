"""A consumer in a group beside the workers' own: it begins at the beginning, and commits when it is told to."""

from typing import Any

from aiokafka import AIOKafkaConsumer

from saving_alerts.kafka.consumers import new_consumer
from saving_alerts.settings import Settings

METADATA_MAX_AGE_MILLISECONDS = 5_000  # so soon partitions are known that upstream has added
# Never: aiokafka leaves the group for good when nothing was fetched for so long, and an outage of Kafka lasts.
MAX_POLL_INTERVAL_MILLISECONDS = 1_000_000_000


def group_consumer(settings: Settings, group_id: str, **options: Any) -> AIOKafkaConsumer:  # noqa: ANN401 - the driver's
    """Where the group has no commit it begins at the beginning: `latest` would lose what was written before."""
    return new_consumer(
        settings.kafka,
        group_id=group_id,
        enable_auto_commit=False,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        metadata_max_age_ms=METADATA_MAX_AGE_MILLISECONDS,
        max_poll_interval_ms=MAX_POLL_INTERVAL_MILLISECONDS,
        session_timeout_ms=round(settings.session_timeout_seconds * 1000),
        heartbeat_interval_ms=round(settings.group_heartbeat_seconds * 1000),
        rebalance_timeout_ms=round(settings.rebalance_timeout_seconds * 1000),
        **options,
    )
