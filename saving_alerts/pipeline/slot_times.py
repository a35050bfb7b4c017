"""When the slot of an alert is: by the times of the events that were gathered, so that whoever gathers again agrees."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from saving_alerts.domain.alerts import Alert
from saving_alerts.pipeline.gathering import LEFT_FOR_THE_PUSH, MOST_GATHERED
from saving_alerts.ports.throttle import SlotTimes


def slot_times(alert: Alert, others: Sequence[Alert], within: timedelta) -> SlotTimes | None:
    """None where nothing is gathered: `within` is 0.

    A slot begins with its first event, as it was received, and ends as its gathering would: after `within`, or earlier
    before a deadline in it, or with its last event where no more are gathered. So nothing that comes in order, after a
    gathering has ended, lies in its slot. After an outage events of several slots are gathered together: this is the
    slot of the alert itself.
    """
    if not within:
        return None
    gathered = sorted((alert, *others), key=lambda each: each.received_at)
    began, ends = max(span for span in _slots(gathered, within) if span[0] <= alert.received_at)
    if len(gathered) >= MOST_GATHERED:
        ends = min(ends, gathered[-1].received_at)
    return SlotTimes(alert.received_at, began, ends)


def _slots(gathered: Sequence[Alert], within: timedelta) -> Iterator[tuple[datetime, datetime]]:
    """From when to when, of all that begin with one of these; `gathered` are in their order."""
    began, ends = gathered[0].received_at, gathered[0].received_at + within
    for each in gathered:
        if each.received_at >= ends:
            yield began, ends
            began, ends = each.received_at, each.received_at + within
        ends = min(ends, each.deadline - LEFT_FOR_THE_PUSH)
    yield began, ends
