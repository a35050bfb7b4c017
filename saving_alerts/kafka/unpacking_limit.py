"""How many bytes a record batch may have after it is decompressed, for every consumer of this process.

It does not import aiokafka: the settings need the default, and most of what reads them asks nothing of Kafka.
"""

from dataclasses import dataclass

DEFAULT_MAX_UNPACKED_BYTES = 32 * 1024 * 1024


@dataclass(slots=True)
class UnpackingLimit:
    """It may change while consumers run; it is read for each batch."""

    max_bytes: int = DEFAULT_MAX_UNPACKED_BYTES


PROCESS_LIMIT = UnpackingLimit()


def limit_unpacking(max_bytes: int) -> None:
    """Set the limit of this process, from the next batch on."""
    PROCESS_LIMIT.max_bytes = max_bytes
