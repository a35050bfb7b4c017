"""The event as the tracking API puts it on Kafka, and what makes one invalid."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from saving_alerts.domain.decisions import Subject
from saving_alerts.domain.decoding import Decoder, Instant, Unreadable
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.domain.user_ids import PATHS, user_id_problem

# The limits of docs/contracts.md.
MAX_EVENT_BYTES = 64 * 1024  # bounds what one event costs to decode and to pass on
MAX_AHEAD = timedelta(minutes=5)  # `occurred_at` after `received_at`
MAX_BEHIND = timedelta(days=7)  # `occurred_at` before `received_at`
MAX_IDENTIFIER_CHARACTERS = 128  # bounds the keys in Kafka and Redis
# The years of a plausible `received_at`: outside them a clock is broken, and date arithmetic may overflow.
PLAUSIBLE_YEARS = range(2000, 2101)
# The decoder's text can quote what was sent: it bounds the decision that holds it.
MAX_PROBLEM_CHARACTERS = 200
# How far `received_at` may be ahead of our own clock, where a setting does not say otherwise: two machines that keep
# their time by NTP differ by less than a second.
MAX_AHEAD_OF_OUR_CLOCK = timedelta(minutes=2)

MAX_TIME_ZONE_CHARACTERS = 64

Identifier = Annotated[str, Meta(min_length=1, max_length=MAX_IDENTIFIER_CHARACTERS)]


class EventType(StrEnum):
    GEOFENCE_ENTERED = "geofence_entered"
    GEOFENCE_DWELLED = "geofence_dwelled"
    GEOFENCE_EXITED = "geofence_exited"
    APP_OPENED = "app_opened"
    APP_BACKGROUNDED = "app_backgrounded"
    BROCHURE_VIEWED = "brochure_viewed"
    OFFER_VIEWED = "offer_viewed"
    MERCHANT_FAVOURITED = "merchant_favourited"
    COUPON_SAVED = "coupon_saved"
    COUPON_REDEEMED = "coupon_redeemed"
    PUSH_OPENED = "push_opened"


GEOFENCE_TYPES = frozenset({EventType.GEOFENCE_ENTERED, EventType.GEOFENCE_DWELLED, EventType.GEOFENCE_EXITED})
# The shopper is at the store, until an exit says otherwise.
ARRIVALS = frozenset({EventType.GEOFENCE_ENTERED, EventType.GEOFENCE_DWELLED})
# These happen in the app, not at a merchant: no rule can listen to them.
TYPES_WITHOUT_MERCHANT = frozenset({EventType.APP_OPENED, EventType.APP_BACKGROUNDED, EventType.PUSH_OPENED})


class App(msgspec.Struct, frozen=True, gc=False):
    version: Identifier
    os: Identifier


class Location(msgspec.Struct, frozen=True, gc=False):
    """Where the phone was, in degrees; `accuracy_m` is the radius of uncertainty in metres.

    An event whose accuracy is below 0 has no location: `read_event` takes it out, whatever else stands in it.
    """

    latitude: Annotated[float, Meta(ge=-90, le=90)]
    longitude: Annotated[float, Meta(ge=-180, le=180)]
    accuracy_m: Annotated[float, Meta(ge=0)]


class PushConsent(msgspec.Struct, frozen=True, gc=False):
    consent: bool


class SavingEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One event (docs/contracts.md). Unknown fields are ignored: upstream adds a field before we read it.

    `dwell_seconds`: of a `geofence_dwelled`, how long the phone had been there.
    """

    event_id: Identifier
    schema: Annotated[int, Meta(ge=1, le=1)]
    type: EventType
    user_id: Identifier
    merchant_id: Identifier | None = None
    store_id: Identifier | None = None
    occurred_at: Instant
    received_at: Instant
    timezone: Annotated[str, Meta(min_length=1, max_length=MAX_TIME_ZONE_CHARACTERS)]
    locale: Annotated[str, Meta(min_length=2, max_length=35)]
    app: App
    location: Location | None = None
    push: PushConsent
    dwell_seconds: Annotated[float, Meta(ge=0)] | None = None


class SourceRecord(msgspec.Struct, frozen=True, gc=False):
    """One record of the source topic, not yet decoded. `value` is None for a tombstone."""

    position: SourcePosition
    value: bytes | None
    read_at: datetime


class ValidatedEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A valid event that some rule listens to, with its source position. A push after `deadline` would be too late.

    In place of coordinates it has what the rules read of them, in metres, or None where that is not known: how far the
    phone was from the store, and how exactly that is known. `event.location` is set in records of older releases only.
    """

    position: SourcePosition
    deadline: Instant
    read_at: Instant
    event: SavingEvent
    distance_m: float | None = None
    accuracy_m: float | None = None


class Problem(msgspec.Struct, frozen=True):
    """Why an event is invalid: what is wrong, and the JSON path of it (`$` is the whole document).

    `unreadable`: no value, too many bytes, or not JSON. The ids are set where they could be read all the same.
    """

    problem: str
    path: str = "$"
    unreadable: bool = False
    event_id: str | None = None
    user_id: str | None = None


class _NoPosition(msgspec.Struct, frozen=True, gc=False):
    accuracy_m: Annotated[float, Meta(lt=0)]


class _EventWithoutPosition(SavingEvent, frozen=True, kw_only=True, gc=False):
    location: _NoPosition  # type: ignore[assignment]


class _EventId(msgspec.Struct):
    event_id: object = None


_events = Decoder(SavingEvent, MAX_EVENT_BYTES, any_year=True)
# iOS says by an accuracy below 0 that it does not know where the phone is; the coordinates are beyond any then.
_events_without_position = Decoder(_EventWithoutPosition, MAX_EVENT_BYTES, any_year=True)
_documents = Decoder(object, MAX_EVENT_BYTES)
_event_ids = Decoder(_EventId, MAX_EVENT_BYTES)


def read_event(raw: bytes | None) -> SavingEvent | Problem:
    """Decode and check the value of one record of the source. Never raises: every fault is a Problem with its path."""
    if not raw:
        return Problem("the record has no value", unreadable=True)
    if len(raw) > MAX_EVENT_BYTES:
        return Problem(f"{len(raw)} bytes, at most {MAX_EVENT_BYTES} are allowed", unreadable=True)
    event = _events.read(raw)
    if isinstance(event, Unreadable) and event.path.startswith("$.location"):
        event = _without_position(raw) or event
    if isinstance(event, Unreadable):
        return _problem_of(event, raw)
    contradiction = _contradiction(event)
    return event if contradiction is None else _with_ids(contradiction, event.event_id, event.user_id)


def _without_position(raw: bytes) -> SavingEvent | None:
    """The event if all that is wrong with it is that its location is none."""
    found = _events_without_position.read(raw)
    if isinstance(found, Unreadable):
        return None
    return SavingEvent(**(msgspec.structs.asdict(found) | {"location": None}))


def _contradiction(event: SavingEvent) -> Problem | None:
    """The first rule between fields that the event breaks; types alone cannot express them."""
    if event.received_at.year not in PLAUSIBLE_YEARS:
        return Problem(f"year {event.received_at.year} is out of range", "$.received_at")
    ahead = event.occurred_at - event.received_at
    if ahead > MAX_AHEAD:
        return Problem("more than 5 minutes after received_at", "$.occurred_at")
    if -ahead > MAX_BEHIND:
        return Problem("more than 7 days before received_at", "$.occurred_at")
    if event.merchant_id is None and event.type not in TYPES_WITHOUT_MERCHANT:
        return Problem(f"missing, {event.type} needs it", "$.merchant_id")
    if event.store_id is None and event.type in GEOFENCE_TYPES:
        return Problem(f"missing, {event.type} needs it", "$.store_id")
    return _no_id(event)


def _no_id(event: SavingEvent) -> Problem | None:
    if problem := user_id_problem(event.user_id):
        return Problem(problem, "$.user_id")
    if event.merchant_id in PATHS:
        return Problem(f"{event.merchant_id} cannot be a part of an address", "$.merchant_id")
    return None


def _problem_of(found: Unreadable, raw: bytes) -> Problem:
    ids = _ids(raw)
    if ids is None:
        return Problem(f"not JSON: {found}", unreadable=True)
    return _with_ids(_problem_in(found), *ids)


def _problem_in(found: Unreadable) -> Problem:
    missing = found.problem.removeprefix("Object missing required field `")
    if missing != found.problem:
        return Problem("missing", f"{found.path}.{missing.removesuffix('`')}")
    return Problem(found.problem[:MAX_PROBLEM_CHARACTERS], found.path)


def _ids(raw: bytes) -> tuple[object, object] | None:
    """Event and user of an invalid event, of any type: `_identifier` checks them. None for bytes that are not JSON."""
    document = _documents.read(raw)
    if isinstance(document, Unreadable):
        return None
    return (document.get("event_id"), document.get("user_id")) if isinstance(document, dict) else (None, None)


def event_id_in(raw: bytes | None) -> str | None:
    """Which event a record of the source holds; None where nobody could make that out. Never raises."""
    found = _event_ids.read(raw or b"")
    return None if isinstance(found, Unreadable) else _identifier(found.event_id)


def _with_ids(problem: Problem, event_id: object, user_id: object) -> Problem:
    return msgspec.structs.replace(problem, event_id=_identifier(event_id), user_id=_identifier(user_id))


def _identifier(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= MAX_IDENTIFIER_CHARACTERS else None


def subject_of_event(event: SavingEvent, read_at: datetime | None = None) -> Subject:
    """The subject of the decision that ends this event."""
    return Subject(
        event_id=event.event_id,
        user_id=event.user_id,
        merchant_id=event.merchant_id,
        event_type=event.type,
        occurred_at=event.occurred_at,
        read_at=read_at,
        timezone=event.timezone,
        locale=event.locale,
    )


def is_late(validated: ValidatedEvent, now: datetime) -> bool:
    """Whether a push about the event is too late: at the deadline it is."""
    return now >= validated.deadline
