"""When the slot of an alert is: by the times of the events that were gathered, so that whoever gathers again agrees."""

from collections.abc import Sequence
from datetime import timedelta

from saving_alerts.domain.alerts import Alert
from saving_alerts.pipeline.gathering import LEFT_FOR_THE_PUSH, MOST_GATHERED
from saving_alerts.ports.throttle import SlotTimes


def slot_times(alert: Alert, others: Sequence[Alert], within: timedelta) -> SlotTimes | None:
    """None where nothing is gathered: `within` is 0.

    A slot begins with its first event, as it was received, and ends as its gathering would: after `within`, or earlier
    before a deadline in it, or with its last event where no more are gathered. So nothing that comes in order, after a
    gathering has ended, lies in its slot. After an outage events of several slots are gathered together.
    """
    if not within:
        return None
    gathered = sorted((alert, *others), key=lambda each: each.received_at)
    last = gathered[-1].received_at if len(gathered) >= MOST_GATHERED else None
    limits = [each.deadline - LEFT_FOR_THE_PUSH for each in gathered]
    times = [each.received_at for each in gathered]
    members = zip(times, limits if last is None else [min(last, limit) for limit in limits], strict=True)
    return SlotTimes(alert.received_at, within, tuple(members))
