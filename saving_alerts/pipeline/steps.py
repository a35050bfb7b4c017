"""The life of an event, top to bottom: four steps, each from one value to what becomes of it.

A step returns `Forward`, `Decided` or `Failed`. It does not raise, and it knows no Kafka. The first line that
says no decides.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from saving_alerts.domain.alerts import Alert, Departure, rfc3339
from saving_alerts.domain.caps import Blocked, blocking_cap
from saving_alerts.domain.coupons import Candidate, CouponAnswer, usable
from saving_alerts.domain.deadlines import deadline_of
from saving_alerts.domain.decisions import Subject, Versions
from saving_alerts.domain.events import (
    MAX_AHEAD_OF_OUR_CLOCK,
    Problem,
    SavingEvent,
    SourceRecord,
    ValidatedEvent,
    is_late,
    read_event,
    subject_of_event,
)
from saving_alerts.domain.failed_asks import details_of
from saving_alerts.domain.merchants import Merchant
from saving_alerts.domain.passed_over import NONE_PASSED_OVER
from saving_alerts.domain.push_sends import PushSend
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules.distances import without_coordinates
from saving_alerts.domain.rules.evaluation import NoMatch, evaluate, refused_without_coupons
from saving_alerts.domain.rules.evaluation_context import EvaluationContext
from saving_alerts.pipeline.outcomes import Decided, Forward
from saving_alerts.pipeline.push_decisions import counted_as_control
from saving_alerts.pipeline.rule_decisions import alert_of, departure_of, refused, versions_of
from saving_alerts.ports.clock import Clock
from saving_alerts.ports.consent import AsTheEventSaid, Consent, NotKnown, OptedOut
from saving_alerts.ports.coupon_source import CouponSource
from saving_alerts.ports.errors import DeadlineError, RefusedError, UnavailableError
from saving_alerts.reference_data.snapshot import Snapshot

_AS_THE_EVENT_SAID = AsTheEventSaid()
# Most events end so, and a receipt names none of them.
NOT_A_TRIGGER = Decided(Reason.NOT_A_TRIGGER)


def validate(
    record: SourceRecord, snapshot: Snapshot, now: datetime, max_ahead: timedelta = MAX_AHEAD_OF_OUR_CLOCK
) -> Forward[ValidatedEvent] | Decided:
    """Read the event and let only fresh triggers of consenting users pass, and departures while alerts are gathered.

    `max_ahead`: one that is dated further ahead of our clock is invalid. `snapshot` is everybody's: what the event's
    user has of it is chosen here.
    """
    event = read_event(record.value)
    if isinstance(event, Problem):
        return _invalid(event, record)
    if event.received_at > now + max_ahead:
        return _dated_ahead(event, record, now, max_ahead)
    everybodys, snapshot = snapshot, snapshot.of(event.user_id, now)
    # A receipt names the rules of everybody else: what those listen to goes on, and ends by the rules of its user.
    if event.type not in snapshot.rules.heard and event.type not in everybodys.rules.heard:
        return NOT_A_TRIGGER
    freshness = snapshot.rules.freshness.get(event.type) or snapshot.rules.freshness_of(event.type)
    deadline = deadline_of(event, freshness, now)
    validated = ValidatedEvent(position=record.position, deadline=deadline, read_at=record.read_at, event=event)
    if is_late(validated, now):
        return _ended(Reason.EXPIRED, _lateness(deadline, now), event, record, snapshot)
    if not event.push.consent:
        return _ended(Reason.NO_CONSENT, {}, event, record, snapshot)
    return Forward(without_coordinates(validated, _merchant(validated, snapshot)))


async def query_coupons(
    validated: ValidatedEvent,
    snapshot: Snapshot,
    sends: Sequence[PushSend],
    source: CouponSource,
    clock: Clock,
    consent: Consent = _AS_THE_EVENT_SAID,
) -> Forward[Candidate] | Decided:
    """Ask what the user could save, unless it is certain already that no push can come of it.

    `sends` are what the Table remembers of the user: enough to skip the ask, never a permission. Whether the user has
    opted out is waited for, at most until the deadline. A departure passes unasked.
    """
    event = validated.event
    if snapshot.rules.is_departure(event.type):
        at_the_store = without_coordinates(validated, _merchant(validated, snapshot))
        return Forward(Candidate(validated=at_the_store, coupons=(), looked_at=clock.now()))
    against = await _waited_for(consent, validated, clock)
    validated = without_coordinates(validated, _merchant(validated, snapshot))  # those of older releases have them
    context = _context_of(validated, snapshot, clock.now())
    unasked = _decided_unasked(validated, snapshot, sends, context, against)
    if unasked is not None:
        return unasked
    try:
        answer = await source.coupons(event.user_id, event.merchant_id or "", validated.deadline)
    except RefusedError as error:
        details: dict[str, object] = {"answer": str(error), "status": error.status}
        return Decided(Reason.COUPON_API_REFUSED, details | details_of(error.failed_asks), versions_of(snapshot))
    except UnavailableError as error:
        too_late = isinstance(error, DeadlineError) or is_late(validated, clock.now())
        reason = Reason.EXPIRED if too_late else Reason.COUPON_API_FAILED
        return Decided(reason, {"answer": str(error), **details_of(error.failed_asks)}, versions_of(snapshot))
    return _candidate(validated, answer, replace(context, now=clock.now()), snapshot)


async def _waited_for(consent: Consent, validated: ValidatedEvent, clock: Clock) -> OptedOut | NotKnown | None:
    user_id = validated.event.user_id
    while isinstance(against := consent.against(user_id), NotKnown) and not is_late(validated, clock.now()):
        await consent.wait_until_known(user_id, validated.deadline)
    return against


def departure(candidate: Candidate, snapshot: Snapshot, now: datetime) -> Departure | None:
    """What goes on in place of an alert where the event only ends what is gathered; None for every other one."""
    validated = candidate.validated
    if is_late(validated, now) or not snapshot.rules.is_departure(validated.event.type):
        return None
    return departure_of(candidate, snapshot)


def evaluate_rules(candidate: Candidate, snapshot: Snapshot, now: datetime) -> Forward[Alert] | Decided:
    """Apply the rules in full and make the alert that the winning one wants."""
    validated = candidate.validated
    if is_late(validated, now):
        return Decided(Reason.EXPIRED, _lateness(validated.deadline, now), versions_of(snapshot))
    context = context_of(candidate, snapshot, now)
    result = evaluate(snapshot.rules, context, candidate.coupons)
    if isinstance(result, NoMatch) or context.merchant is None:
        return refused(result, context, snapshot, passed_over=candidate.passed_over, failed_asks=candidate.failed_asks)
    return Forward(alert_of(candidate, result, context.merchant, snapshot))


def _invalid(problem: Problem, record: SourceRecord) -> Decided:
    return Decided(
        Reason.INVALID,
        {"problem": problem.problem, "path": problem.path},
        keep_bytes=problem.unreadable,
        subject=Subject(event_id=problem.event_id, user_id=problem.user_id, read_at=record.read_at),
    )


def _dated_ahead(event: SavingEvent, record: SourceRecord, now: datetime, max_ahead: timedelta) -> Decided:
    problem = f"more than {max_ahead.total_seconds():g} s ahead of our clock"
    ahead = (event.received_at - now).total_seconds()
    return Decided(
        Reason.INVALID,
        {"problem": problem, "path": "$.received_at", "ahead_seconds": round(ahead, 3)},
        subject=subject_of_event(event, record.read_at),
        dated_ahead=True,
    )


def _ended(
    reason: Reason, details: dict[str, object], event: SavingEvent, record: SourceRecord, snapshot: Snapshot
) -> Decided:
    """The rules in use say what a trigger is and how long it is fresh; nobody has looked at a merchant yet."""
    versions = Versions(rules=snapshot.rules.version, canary=snapshot.canary)
    return Decided(reason, details, versions, subject=subject_of_event(event, record.read_at))


def _decided_unasked(
    validated: ValidatedEvent,
    snapshot: Snapshot,
    sends: Sequence[PushSend],
    context: EvaluationContext,
    against: OptedOut | NotKnown | None,
) -> Decided | None:
    now = context.now
    consent: dict[str, object] = {} if against is None else {"consent": against.why}
    if is_late(validated, now):
        details = _lateness(validated.deadline, now) | (consent if isinstance(against, NotKnown) else {})
        return Decided(Reason.EXPIRED, details | {"asked": False}, versions_of(snapshot))
    if against is not None:
        return Decided(Reason.NO_CONSENT, consent | {"asked": False}, versions_of(snapshot))
    if blocked := _blocked(validated, snapshot, sends, now):
        told = {"cap": str(blocked.cap), "until": rfc3339(blocked.until), "asked": False}
        details = told | counted_as_control(sends)
        version = snapshot.rules.version
        return Decided(Reason.CAPPED, details, Versions(rules=version, caps=version, canary=snapshot.canary))
    result = refused_without_coupons(snapshot.rules, context)
    return refused(result, context, snapshot, asked=False) if result else None


def _blocked(validated: ValidatedEvent, snapshot: Snapshot, sends: Sequence[PushSend], now: datetime) -> Blocked | None:
    """A send of this event, here or at another position, does not cap it: dispatch answers those."""
    others = [send for send in sends if send.event_id != validated.event.event_id]
    return blocking_cap(snapshot.rules.caps, others, validated.event.merchant_id or "", now)


def _candidate(
    validated: ValidatedEvent, answer: CouponAnswer, context: EvaluationContext, snapshot: Snapshot
) -> Forward[Candidate] | Decided:
    kept = tuple(coupon for coupon in answer.coupons if usable(coupon, validated.event.store_id, context.now))
    passed_over = NONE_PASSED_OVER.and_also(answer.passed_over)
    if not kept:
        offered = len(answer.coupons) + len(answer.passed_over)
        details = {"offered": offered, **passed_over.details(), **details_of(answer.failed_asks)}
        return Decided(Reason.NO_COUPON, details, versions_of(snapshot))
    return Forward(
        Candidate(
            validated=validated,
            coupons=kept,
            looked_at=context.now,
            distance_m=context.distance_m,
            merchants_version=snapshot.merchants.version,
            passed_over=passed_over,
            failed_asks=answer.failed_asks,
        )
    )


def _context_of(validated: ValidatedEvent, snapshot: Snapshot, now: datetime) -> EvaluationContext:
    merchant = _merchant(validated, snapshot)
    known = without_coordinates(validated, merchant)
    return EvaluationContext(
        known.event, merchant, now, known.distance_m, known.accuracy_m, link_schemes=snapshot.link_schemes
    )


def context_of(candidate: Candidate, snapshot: Snapshot, now: datetime) -> EvaluationContext:
    """What the rules see of a candidate: as of the moment it was made, and as far from the store as it was then."""
    context = _context_of(candidate.validated, snapshot, candidate.looked_at or now)
    return context if candidate.looked_at is None else replace(context, distance_m=candidate.distance_m)


def _merchant(validated: ValidatedEvent, snapshot: Snapshot) -> Merchant | None:
    return snapshot.merchants.by_id.get(validated.event.merchant_id or "")


def _lateness(deadline: datetime, now: datetime) -> dict[str, object]:
    return {"late_seconds": round((now - deadline).total_seconds(), 3)}
