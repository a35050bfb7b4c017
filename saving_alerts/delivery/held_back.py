"""What holds back the commits of a partition, in words for the page. Pure."""

from dataclasses import dataclass

from saving_alerts.domain.decisions import Stage
from saving_alerts.domain.decoding import Instant

ITS_TURN = "an earlier record of its user, or the memos of former owners"
KAFKA = "Kafka to have what became of it"
ITS_STEP = {
    Stage.VALIDATE: "a clock that can be trusted",
    Stage.QUERY_COUPONS: "the Coupon API",
    Stage.EVALUATE_RULES: "its turn",
    Stage.DISPATCH_PUSH: "Redis, the push API, or Kafka to have its entry in the Table",
}


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A partition whose first unfinished record, at `offset`, was taken `since` and stands on Kafka since `written_at`.

    `uncommitted` records, with itself, are not committed because of it. `waits_for` is what is known of why.
    `is_stopped`: nothing more is taken of the partition until there is room.
    """

    stage: str
    topic: str
    partition: int
    offset: int
    since: Instant
    uncommitted: int
    waits_for: str
    is_stopped: bool
    written_at: Instant | None = None
