"""What the claim scripts are told, as they read it (docs/claims.md)."""

from datetime import timedelta

import msgspec

from saving_alerts.domain.budgets import MILLISECOND, in_milliseconds
from saving_alerts.domain.caps import Cap
from saving_alerts.domain.erasures import Tokens
from saving_alerts.domain.moments import EPOCH
from saving_alerts.domain.push_sends import PushSend
from saving_alerts.ports.throttle import Claim, SlotTimes


def identity(claim: Claim) -> tuple[str, ...]:
    return str(claim.position), claim.event_id, claim.merchant_id, claim.incarnation, str(claim.number)


def encoded_slot(claim: Claim, tokens: Tokens | None) -> bytes:
    """Those that were gathered with the event, each with the token by which what was erased is found, and the times."""
    user_id = claim.user_id
    others = [(each, tokens.of_text(user_id, "event_id", each) if tokens else "") for each in claim.slot]
    times = {} if claim.slot_times is None else {"times": _encoded_times(claim.slot_times)}
    return msgspec.json.encode({"others": others, **times})


def _encoded_times(times: SlotTimes) -> dict[str, object]:
    members = [[(moment - EPOCH) // MILLISECOND for moment in each] for each in times.members]
    at = (times.received_at - EPOCH) // MILLISECOND
    return {"at": at, "within": times.within // MILLISECOND, "members": members}


def charge(send: PushSend) -> tuple[int, int, int]:
    # Up to a whole millisecond, so that no cap ends too early.
    return -((EPOCH - send.sent_at) // MILLISECOND), int(send.uncertain), int(send.control)


def encoded_caps(caps: tuple[Cap, ...]) -> bytes:
    # Rounded up to whole milliseconds, so that no cap ends too early.
    windows = [-(-timedelta(hours=cap.hours) // MILLISECOND) for cap in caps]
    rows = [{"per": cap.per, "pushes": cap.pushes, "window_ms": ms} for cap, ms in zip(caps, windows, strict=True)]
    return msgspec.json.encode(rows)


def encoded_budgets(claim: Claim) -> bytes:
    """The days of the budgets that the claim is to have a part of, in the order of their keys."""
    rows = [
        {
            "name": day.name,
            "pushes": day.pushes,
            "from": in_milliseconds(day.begins),
            "till": in_milliseconds(day.ends),
            "open": [[in_milliseconds(opens), in_milliseconds(closes)] for opens, closes in day.spans],
        }
        for day in claim.budgets
    ]
    return msgspec.json.encode(rows) if rows else b"[]"
