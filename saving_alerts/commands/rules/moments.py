"""When a rule would speak, for those who look at its texts: its days, the dwell, and which stores are open now."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from saving_alerts.domain.merchants import Merchant
from saving_alerts.domain.rules.rule import Rule
from saving_alerts.domain.rules.store_hours import open_until, opening_of


def moment_notes(rule: Rule, merchant: Merchant, now: datetime) -> Iterator[str]:
    """Nothing for a rule that does not ask for a moment."""
    if rule.active_from is not None:
        yield f"from {rule.active_from} on"
    if rule.active_until is not None:
        yield f"until {rule.active_until}"
    if rule.min_dwell_seconds is not None:
        yield f"after {rule.min_dwell_seconds:g} s at the store"
    if rule.open_for_minutes is not None:
        yield _stores(merchant, rule.open_for_minutes, now, passes="yes" if rule.unknown_hours_pass else "no")


def _stores(merchant: Merchant, minutes: float, now: datetime, *, passes: str) -> str:
    known = [opening for store in merchant.stores if (opening := opening_of(merchant, store.store_id)) is not None]
    closing = [closes for opening in known if (closes := open_until(opening, now)) is not None]
    open_now = sum(closes - now >= timedelta(minutes=minutes) for closes in closing)
    unknown = len(merchant.stores) - len(known)
    told = f"; of {unknown:,} nobody knows, and the rule says {passes}" if unknown or not known else ""
    return f"{open_now:,} of {len(merchant.stores):,} stores are open for {minutes:g} more minutes now{told}"
