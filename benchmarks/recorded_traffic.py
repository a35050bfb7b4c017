"""Rules that use everything `simulate` knows, and candidates as workers would have recorded them."""

import json
from datetime import datetime, timedelta
from random import Random
from typing import Any

import msgspec

from benchmarks.rules import Case
from saving_alerts.domain.coupons import Candidate
from saving_alerts.domain.events import EventType, SavingEvent, ValidatedEvent
from saving_alerts.domain.merchants import Merchant, Store
from saving_alerts.domain.source_position import SourcePosition
from tests.support.store_clock import random_opening

PARTITIONS = 12
SEED = 7
ZONES = ("Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Kiritimati")
TIMES = (1, 1, 2, 3, 4)  # how often a user is somewhere in a row
LONGEST_PAUSE_SECONDS = 6.0
OFTEN = [{"per": "user", "pushes": 2, "hours": 24}]
LEAVES = 0.2
KNOWN_HOURS = 0.75
FRESH = timedelta(minutes=10)


def compared(rules: bytes, pushes_per_day: int | None = 100, choose_within_seconds: int = 0) -> bytes:
    """With control users of the file and of one rule in two, a budget of the others, texts in turn of one in three, and
    store hours of one in four. Without a number there are no budgets.
    """
    document = json.loads(rules)
    for number, rule in enumerate(document["rules"]):
        rule.update(_control_or_budget(number, pushes_per_day))
        if number % 3 == 0:
            rule["message"] = _in_turn(rule["message"]["texts"])
        if number % 4 == 0:
            rule.update(open_for_minutes=15, unknown_hours="yes" if number % 8 == 0 else "no")
    gathering = {"choose_within_seconds": choose_within_seconds, "caps": OFTEN} if choose_within_seconds else {}
    return json.dumps({**document, **gathering, "control_percent": 5, "control_salt": "benchmark"}).encode()


def _control_or_budget(number: int, pushes_per_day: int | None) -> dict[str, Any]:
    if number % 2 == 0:
        return {"control_percent": 10}
    budget = {"pushes_per_day": pushes_per_day, "timezone": "Asia/Tokyo", "hours": "Mo-Su 09:00-21:00"}
    return {"budget": budget} if pushes_per_day else {}


def _in_turn(texts: dict[str, Any]) -> dict[str, Any]:
    variants = [{"id": "plain", "texts": texts}, {"id": "friendly", "weight": 2, "texts": texts}]
    return {"fallback": "en", "variants": variants}


def directory(cases: list[Case]) -> dict[str, Merchant]:
    """The merchants of the cases; of three in four it is known when their store is open."""
    random, found = Random(SEED), dict[str, Merchant]()
    for context, _ in cases:
        if context.merchant is not None and context.merchant.merchant_id not in found:
            opening = random_opening(random, random.choice(ZONES)) if random.random() < KNOWN_HOURS else None
            store = Store("s-1", 0, 0, opening)
            found[context.merchant.merchant_id] = msgspec.structs.replace(context.merchant, stores=(store,))
    return found


def traffic(
    cases: list[Case], began: datetime, count: int, every: timedelta, *, users: int, departures: bool
) -> list[Candidate]:
    """In the order of time, on average one in so long: a user comes to some stores in a row, and perhaps leaves."""
    random, found = Random(SEED), list[Candidate]()
    while len(found) < count:
        user_id = f"u-{random.randrange(users)}"
        at = began + len(found) * every
        for _ in range(random.choice(TIMES)):
            found.append(candidate_of(random.choice(cases), len(found), user_id, at))
            at += timedelta(seconds=random.uniform(0, LONGEST_PAUSE_SECONDS))
        if departures and random.random() < LEAVES:
            found.append(_departure(found[-1], len(found), at))
    return sorted(found[:count], key=lambda each: each.looked_at or began)


def candidate_of(case: Case, number: int, user_id: str, at: datetime) -> Candidate:
    context, coupons = case
    lasting = tuple(
        msgspec.structs.replace(each, valid_from=at, valid_until=at + (each.valid_until - each.valid_from))
        for each in coupons
    )
    event = msgspec.structs.replace(context.event, user_id=user_id)
    validated = _validated(event, number, at)
    return Candidate(validated=validated, coupons=lasting, looked_at=at, distance_m=context.distance_m)


def _departure(before: Candidate, number: int, at: datetime) -> Candidate:
    """The user leaves the store of the event before. No coupons are looked for."""
    event = msgspec.structs.replace(before.validated.event, type=EventType.GEOFENCE_EXITED)
    return Candidate(validated=_validated(event, number, at), coupons=(), looked_at=at)


def _validated(event: SavingEvent, number: int, at: datetime) -> ValidatedEvent:
    now = msgspec.structs.replace(event, event_id=f"e-{number}", occurred_at=at, received_at=at)
    position = SourcePosition("saving-events", number % PARTITIONS, number)
    return ValidatedEvent(position=position, deadline=at + FRESH, read_at=at, event=now)
