"""The longest pause of a partition: between two batches, before the first one, or after the last."""

from datetime import UTC, datetime, timedelta

import pytest

from demo.checks.decision_consumer import DecisionConsumer
from saving_alerts.domain.decisions import Receipt

BEGAN = datetime(2026, 11, 24, 12, tzinfo=UTC)
ENDED = BEGAN + timedelta(seconds=10)


@pytest.mark.parametrize(
    ("seconds", "longest"),
    [([], 10), ([4], 6), ([7], 7), ([1, 2, 9], 7), ([9, 1, 2], 7), ([-3, 5, 12], 5)],
    ids=["nothing at all", "until the end", "from the beginning", "between", "in any order", "only within the time"],
)
def test_it_is_the_longest_time_without_a_batch(seconds: list[float], longest: float) -> None:
    consumer = DecisionConsumer("127.0.0.1:1", "decisions")
    for each in seconds:
        consumer._add(receipt(BEGAN + timedelta(seconds=each)))
    consumer._add(receipt(BEGAN + timedelta(seconds=3), partition=1))

    assert consumer.longest_pause(0, BEGAN, ENDED) == longest


def receipt(decided_at: datetime, partition: int = 0) -> Receipt:
    return Receipt(topic="events", partition=partition, ranges=((1, 2),), decided_at=decided_at, worker="w-1")
