"""By when Kafka has removed a record from its disks, as the topic is set.

Records go a segment at a time: one goes with the last record of its segment, which comes at most `segment.ms` later.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from saving_alerts.domain.moments import LAST

# Kafka looks for old segments every 5 minutes, deletes their files a minute later, and the cleaner has to come round.
SLACK = timedelta(minutes=30)
NO_LIMIT = 2**63 - 1
_MILLISECOND = timedelta(milliseconds=1)


def deleted_by(config: Mapping[str, str], written: datetime) -> datetime | None:
    """By the topic's retention. None where it has none, or where nobody tells how it is set."""
    retention = _milliseconds(config, "retention.ms")
    segment = _segment(config)
    if "delete" not in config.get("cleanup.policy", "") or retention is None or segment is None:
        return None
    return _later(written, retention + segment)


def compacted_by(config: Mapping[str, str], overwritten: datetime) -> datetime | None:
    """A record that another one of its key has replaced. None where nothing says when compaction comes."""
    lag = _milliseconds(config, "max.compaction.lag.ms")
    if "compact" not in config.get("cleanup.policy", "") or lag is None:
        return None
    return _later(overwritten, lag)


def _segment(config: Mapping[str, str]) -> int | None:
    """A compacted topic begins a new segment in time for its compaction."""
    known = [_milliseconds(config, "segment.ms")]
    if "compact" in config.get("cleanup.policy", ""):
        known.append(_milliseconds(config, "max.compaction.lag.ms"))
    return min((each for each in known if each is not None), default=None)


def _milliseconds(config: Mapping[str, str], name: str) -> int | None:
    """None for no limit, and for what is not told."""
    try:
        value = int(config.get(name, ""))
    except ValueError:
        return None
    return value if 0 <= value < NO_LIMIT else None


def _later(moment: datetime, milliseconds: int) -> datetime:
    try:
        return moment + milliseconds * _MILLISECOND + SLACK
    except OverflowError:
        return LAST
