"""What we use of Faust that it does not promise: checked at import, so that an upgrade fails at once and by name."""

import faust
from faust.tables.base import Collection
from faust.tables.manager import TableManager
from faust.transport.conductor import Conductor
from faust.transport.drivers import aiokafka as driver
from faust.transport.producer import ProducerBuffer

PRIVATE_SURFACE = {
    driver.Consumer: (
        "_add_gap",
        "_filter_committable_offsets",
        "_should_commit",
        "_new_consumer_thread",
        "wait_empty",
        "commit_and_end_transactions",
        "on_partitions_assigned",
        "on_partitions_revoked",
        "_commit_offsets",
        "_commit",
        "_wait_next_records",
        "_get_active_partitions",
        "perform_seek",
        "resume_flow",
        "verify_event_path",
        "on_buffer_full",
        "on_buffer_drop",
        "wait_first",
    ),
    driver.AIOKafkaConsumerThread: (
        "_create_worker_consumer",
        "_ensure_consumer",
        "_fetch_records",
        "getmany",
        "on_thread_stop",
    ),
    ProducerBuffer: ("_send_pending",),
    faust.App: ("_new_transport", "_producer_flush"),
    Conductor: ("acks_enabled_for",),
    Collection: ("_new_store", "_changelog_topic_name", "send_changelog", "partition_for_key"),
}
PRIVATE_STATE = (
    "_unacked_messages",
    "_acked",
    "_acked_index",
    "_buffered_partitions",
    "_committed_offset",
    "_read_offset",
)


def missing_surface() -> list[str]:
    """The names that the installed Faust no longer has."""
    missing = [
        f"{owner.__name__}.{name}"
        for owner, names in PRIVATE_SURFACE.items()
        for name in names
        if not hasattr(owner, name)
    ]
    annotated = {name for owner in driver.Consumer.__mro__ for name in getattr(owner, "__annotations__", {})}
    if "_changelogs" not in TableManager.__annotations__:
        missing.append("TableManager._changelogs")
    return missing + [f"Consumer.{name}" for name in PRIVATE_STATE if name not in annotated]


def check() -> None:
    """Raises ImportError for a Faust without them."""
    if missing := missing_surface():
        raise ImportError(f"this release of faust-streaming is not supported: {', '.join(missing)} not found")
