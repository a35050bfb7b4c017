"""Which event a record is about. Positions come again when the source is made anew: its id tells it as well."""

from saving_alerts.domain.source_position import SourcePosition

PARTITION_BYTES = 8
OFFSET_BYTES = 8


def identity_of(position: SourcePosition, event_id: str | None) -> bytes:
    """A key of its own for each; neighbours on the source are neighbours in the order of the keys."""
    number = position.partition.to_bytes(PARTITION_BYTES) + position.offset.to_bytes(OFFSET_BYTES)
    of_id = b"" if event_id is None else b"=" + event_id.encode()
    return b"%s\0%s%s" % (position.topic.encode(), number, of_id)
