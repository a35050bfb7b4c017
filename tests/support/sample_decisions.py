"""A decision of this release about one visit of one shopper."""

from datetime import UTC, datetime, timedelta

from saving_alerts.domain.decisions import Decision, Stage, StageTimes, Versions
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.source_position import SourcePosition

HAPPENED = datetime(2026, 11, 24, 20, 47, 3, 120_000, tzinfo=UTC)  # a Tuesday; in Berlin it is 21:47
TIMELINE = (
    StageTimes(Stage.VALIDATE, 0, 3),
    StageTimes(Stage.QUERY_COUPONS, 12, 222),
    StageTimes(Stage.EVALUATE_RULES, 230, 231),
    StageTimes(Stage.DISPATCH_PUSH, 240, 1440),
)


def decision(reason: Reason, **details: object) -> Decision:
    """About `e-1`, decided two seconds after it happened near Bakery Nord."""
    position = SourcePosition("saving-events", 3, 7)
    return Decision(
        decision_id="d-1",
        position=position,
        stage=Stage.DISPATCH_PUSH,
        reason=reason,
        occurred_at=HAPPENED,
        read_at=HAPPENED + timedelta(milliseconds=884),
        decided_at=HAPPENED + timedelta(seconds=2.5),
        worker="w-1",
        event_id="e-1",
        user_id="u-1",
        merchant_id="m-1",
        event_type="geofence_entered",
        details=dict(details),
        versions=Versions(rules="rules-1", merchants="merchants-1"),
        timezone="Europe/Berlin",
        locale="de-DE",
        merchant_name="Bakery Nord",
        timeline=TIMELINE,
    )
