"""By when a record is gone from the disks, as the topic is set; None where nothing says so."""

from datetime import datetime, timedelta

import pytest

from saving_alerts.domain.moments import LAST
from saving_alerts.ledger.removal import SLACK, compacted_by, deleted_by
from tests.support.fakes.clock import START

DAY = timedelta(days=1)
DAY_MS = str(DAY // timedelta(milliseconds=1))
DEFAULTS = {"segment.ms": str(7 * 86_400_000), "max.compaction.lag.ms": str(2**63 - 1), "retention.ms": DAY_MS}
DELETED = {**DEFAULTS, "cleanup.policy": "delete"}
COMPACTED = {**DEFAULTS, "cleanup.policy": "compact"}
BOTH = {**DEFAULTS, "cleanup.policy": "compact,delete"}
WITH_LAG = {"max.compaction.lag.ms": DAY_MS}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (DELETED, START + 8 * DAY + SLACK),
        (DELETED | {"segment.ms": DAY_MS}, START + 2 * DAY + SLACK),
        (BOTH, START + 8 * DAY + SLACK),
        (BOTH | WITH_LAG, START + 2 * DAY + SLACK),
        (DELETED | WITH_LAG, START + 8 * DAY + SLACK),
        (DELETED | {"retention.ms": "-1"}, None),
        (COMPACTED, None),
        (DELETED | {"retention.ms": str(2**63 - 1)}, None),
        (DELETED | {"retention.ms": str(2**60)}, LAST),
        (DELETED | {"retention.ms": "soon"}, None),
        ({}, None),
    ],
    ids=[
        *("with its segment", "a short segment", "compacted too", "segments end for compaction", "no compaction"),
        *("for ever", "compacted only", "the longest time", "beyond all years", "no number", "not told"),
    ],
)
def test_retention_removes_a_record_with_its_segment(config: dict[str, str], expected: datetime | None) -> None:
    assert deleted_by(config, START) == expected


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (COMPACTED | WITH_LAG, START + DAY + SLACK),
        (BOTH | WITH_LAG, START + DAY + SLACK),
        (COMPACTED, None),
        (DELETED | WITH_LAG, None),
        ({}, None),
    ],
    ids=["within its lag", "with retention too", "without a limit", "not compacted", "not told"],
)
def test_compaction_removes_what_was_overwritten(config: dict[str, str], expected: datetime | None) -> None:
    assert compacted_by(config, START) == expected
