"""Every way in which a record of the source can be no valid event, by name."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from demo.traffic.templates import Document, Template, instant
from saving_alerts.domain.events import MAX_EVENT_BYTES

Corruption = Callable[[Document, datetime], bytes | None]

NESTING = 30_000
REQUIRED = ("event_id", "schema", "type", "user_id", "occurred_at", "received_at", "timezone", "locale", "app", "push")
NEEDED_INSIDE = (("app", "version"), ("app", "os"), ("push", "consent"), ("location", "accuracy_m"))
NEEDED_BY_GEOFENCES = ("merchant_id", "store_id")
LOCATION = {"latitude": 52.52, "longitude": 13.405, "accuracy_m": 20}


@dataclass(frozen=True, slots=True)
class InvalidEvent:
    """A geofence event that is corrupted in one way when it is written."""

    template: Template
    corruption: str

    def value(self, now: datetime) -> bytes | None:
        document = {"location": LOCATION} | self.template.document(now)
        return CORRUPTIONS[self.corruption](document, now)


def _json(document: Document) -> bytes:
    return msgspec.json.encode(document)


def _text(document: Document) -> str:
    return _json(document).decode()


def _without(name: str) -> Corruption:
    return lambda document, _: _json({key: value for key, value in document.items() if key != name})


def _without_inner(outer: str, name: str) -> Corruption:
    def corrupt(document: Document, _: datetime) -> bytes:
        inner = document[outer]
        assert isinstance(inner, dict)
        return _json(document | {outer: {key: value for key, value in inner.items() if key != name}})

    return corrupt


def _with(**changes: object) -> Corruption:
    return lambda document, _: _json(document | changes)


def _occurred(after_now: timedelta) -> Corruption:
    return lambda document, now: _json(document | {"occurred_at": instant(now + after_now)})


def _received(after_now: timedelta) -> Corruption:
    return lambda document, now: _json(
        document | dict.fromkeys(("occurred_at", "received_at"), instant(now + after_now))
    )


def _naive(name: str) -> Corruption:
    return lambda document, now: _json(document | {name: now.replace(tzinfo=None).isoformat()})


UNREADABLE: dict[str, Corruption] = {
    "no_value": lambda *_: None,
    "empty_value": lambda *_: b"",
    "truncated": lambda document, _: _json(document)[:-20],
    "binary": lambda *_: bytes(range(256)),
    "utf_16": lambda document, _: _text(document).encode("utf-16"),
    "latin_1": lambda document, _: _text(document | {"user_id": "u-größe"}).encode("latin-1"),
    "byte_order_mark": lambda document, _: _text(document).encode("utf-8-sig"),
    "two_documents": lambda document, _: _json(document) * 2,
    "single_quotes": lambda document, _: _text(document).replace('"', "'").encode(),
    "deeply_nested": lambda *_: b"[" * NESTING + b"]" * NESTING,
    "oversize": lambda document, _: _json(document | {"padding": "x" * MAX_EVENT_BYTES}),
}
MISSING: dict[str, Corruption] = (
    {f"missing_{name}": _without(name) for name in REQUIRED + NEEDED_BY_GEOFENCES}
    | {f"missing_{outer}_{name}": _without_inner(outer, name) for outer, name in NEEDED_INSIDE}
    | {f"null_{name}": _with(**{name: None}) for name in NEEDED_BY_GEOFENCES}
)
WRONG: dict[str, Corruption] = {
    "a_list": lambda document, _: msgspec.json.encode([document]),
    "a_number": lambda *_: b"42",
    "null": lambda *_: b"null",
    "event_id_is_null": _with(event_id=None),
    "event_id_is_empty": _with(event_id=""),
    "user_id_is_a_number": _with(user_id=42),
    "user_id_is_too_long": _with(user_id="u" * 129),
    "schema_is_text": _with(schema="1"),
    "schema_is_unknown": _with(schema=2),
    "type_is_unknown": _with(type="geofence_teleported"),
    "timezone_is_a_number": _with(timezone=1),
    "timezone_is_empty": _with(timezone=""),
    "locale_is_a_list": _with(locale=["de", "DE"]),
    "app_is_text": _with(app="9.4.1"),
    "consent_is_text": _with(push={"consent": "yes"}),
    "latitude_is_impossible": _with(location=LOCATION | {"latitude": 91}),
    "accuracy_is_a_text": _with(location=LOCATION | {"accuracy_m": "-1"}),
    "occurred_at_is_a_number": _with(occurred_at=1_795_428_902),
    "occurred_at_is_no_date": _with(occurred_at="2026-02-30T10:15:02Z"),
    "occurred_at_has_no_zone": _naive("occurred_at"),
    "received_at_has_no_zone": _naive("received_at"),
    "occurred_in_the_future": _occurred(timedelta(minutes=6)),
    "occurred_long_ago": _occurred(-timedelta(days=7, minutes=1)),
    "received_in_the_future": _received(timedelta(days=30)),
    "received_in_1970": _with(occurred_at="1970-01-01T00:00:00Z", received_at="1970-01-01T00:00:00Z"),
}
CORRUPTIONS = UNREADABLE | MISSING | WRONG
