"""How far the events came, and how each one ended, as tables."""

from collections import Counter

from rich.console import Console
from rich.table import Table

from saving_alerts.domain.decisions import Reason

BEFORE_VALID = {Reason.INVALID}
BEFORE_TRIGGER = BEFORE_VALID | {Reason.NOT_A_TRIGGER}
BEFORE_CONSENT = BEFORE_TRIGGER | {Reason.EXPIRED, Reason.NO_CONSENT}
BEFORE_COUPONS = BEFORE_CONSENT | {Reason.NO_COUPON, Reason.COUPON_API_REFUSED, Reason.COUPON_API_FAILED}
BEFORE_ALERT = BEFORE_COUPONS | {Reason.RULE_REFUSED, Reason.QUIET_HOURS}
FUNNEL: tuple[tuple[str, set[Reason]], ...] = (
    ("read", set()),
    ("valid", BEFORE_VALID),
    ("trigger", BEFORE_TRIGGER),
    ("fresh, with consent", BEFORE_CONSENT),
    ("with a coupon or no need to ask", BEFORE_COUPONS),
    ("alert", BEFORE_ALERT),
)


def show_funnel(console: Console, counts: Counter[Reason]) -> None:
    table = Table(title="The funnel", title_justify="left")
    for column in ("stage", "events", "share"):
        table.add_column(column, justify="left" if column == "stage" else "right")
    for name, left in funnel(counts):
        table.add_row(name, f"{left:,}", f"{left / max(counts.total(), 1):.2%}")
    console.print(table)


def funnel(counts: Counter[Reason]) -> list[tuple[str, int]]:
    """How many events came how far, from the answers they ended with."""
    steps = [(name, counts.total() - sum(counts[reason] for reason in ended)) for name, ended in FUNNEL]
    return [*steps, ("pushed", counts[Reason.PUSHED])]


def show_decisions(console: Console, counts: Counter[Reason]) -> None:
    table = Table("decision", "events", title="How every event ended", title_justify="left")
    for reason in Reason:
        table.add_row(reason, f"{counts[reason]:,}", style="dim" if not counts[reason] else "")
    console.print(table)
