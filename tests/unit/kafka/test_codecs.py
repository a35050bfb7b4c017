"""What one worker writes another one reads; what nobody can read is told apart and still belongs to somebody."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.alerts import Alert, Departure
from saving_alerts.domain.coupons import Candidate, Channel, Coupon, Discount, DiscountKind
from saving_alerts.domain.decisions import Decision, Receipt, Stage, Versions
from saving_alerts.domain.events import App, EventType, Location, PushConsent, SavingEvent, ValidatedEvent
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.codecs import (
    MAX_DEAD_LETTER_BYTES,
    SCHEMA,
    Codec,
    DeadLetterRecord,
    Envelope,
    Headers,
    UnreadableError,
    alert_codec,
    candidate_codec,
    cut,
    decode_ledger,
    dispatch_codec,
    encode,
    validated_codec,
)

NOW = datetime(2026, 11, 23, 10, 15, 3, 4_000, tzinfo=UTC)
POSITION = SourcePosition("saving-events", 3, 41)
ENVELOPE = Envelope(POSITION, "e-1", NOW)
HEADERS = ENVELOPE.headers()

EVENT = SavingEvent(
    event_id="e-1",
    schema=1,
    type=EventType.GEOFENCE_ENTERED,
    user_id="u-1",
    merchant_id="m-1",
    store_id="s-1",
    occurred_at=NOW,
    received_at=NOW,
    timezone="Europe/Berlin",
    locale="de-DE",
    app=App("9.4.1", "ios"),
    location=Location(52.52, 13.405, 35),
    push=PushConsent(consent=True),
)
VALIDATED = ValidatedEvent(position=POSITION, deadline=NOW, read_at=NOW, event=EVENT)
COUPON = Coupon(
    coupon_id="c-1",
    merchant_id="m-1",
    title={"de": "Zehn Prozent"},
    discount=Discount(DiscountKind.PERCENT, 10),
    valid_from=NOW,
    valid_until=NOW + timedelta(days=1),
    channel=Channel.BOTH,
    store_ids=("s-1",),
    deep_link="app://c-1",
)
CANDIDATE = Candidate(validated=VALIDATED, coupons=(COUPON,))
DEPARTURE = Departure(
    kind="departure",
    position=POSITION,
    event_id="e-1",
    user_id="u-1",
    merchant_id="m-1",
    event_type=EventType.GEOFENCE_EXITED,
    occurred_at=NOW,
    received_at=NOW,
    read_at=NOW,
    deadline=NOW,
    locale="de-DE",
    rules_version="r-1",
)
ALERT = Alert(
    position=POSITION,
    event_id="e-1",
    user_id="u-1",
    merchant_id="m-1",
    event_type="geofence_entered",
    occurred_at=NOW,
    received_at=NOW,
    read_at=NOW,
    deadline=NOW,
    locale="de-DE",
    coupon_id="c-1",
    title="Sparen ü 🛒",
    body='"Nur heute"',
    deep_link="app://c-1",
    rule_id="r-1",
    rules_version="0123456789ab",
    merchants_version="ba9876543210",
)
DECISION = Decision(
    decision_id="d-1",
    position=POSITION,
    stage=Stage.EVALUATE_RULES,
    reason=Reason.RULE_REFUSED,
    decided_at=NOW,
    worker="w-1",
    details={"refusals": [{"rule_id": "r-1", "clause": "merchants"}]},
    versions=Versions(rules="0123456789ab"),
)
RECEIPT = Receipt(topic="saving-events", partition=3, ranges=((1, 7), (9, 9)), decided_at=NOW, worker="w-1")

CODECS: dict[str, tuple[Codec[Any], object]] = {
    "validated": (validated_codec, VALIDATED),
    "candidate": (candidate_codec, CANDIDATE),
    "alert": (alert_codec, ALERT),
    "alert at dispatch": (dispatch_codec, ALERT),
    "departure": (dispatch_codec, DEPARTURE),
}


@pytest.mark.parametrize(("codec", "value"), CODECS.values(), ids=CODECS)
def test_a_value_comes_back_as_it_was(codec: Codec[Any], value: object) -> None:
    assert codec.decode(encode(value), HEADERS) == value


@pytest.mark.parametrize(("codec", "value"), CODECS.values(), ids=CODECS)
def test_fields_that_a_newer_release_adds_are_ignored(codec: Codec[Any], value: object) -> None:
    newer = encode(msgspec.to_builtins(value) | {"added_later": [1]})

    assert codec.decode(newer, HEADERS) == value


@pytest.mark.parametrize(
    "body",
    [None, b"", b"{", b"nonsense", b"[]", b"{}", b"\xff", b'{"position": "\xff"}', b"[" * 100_000],
    ids=["none", "empty", "cut", "text", "a list", "no fields", "bytes", "not UTF-8", "endless brackets"],
)
@pytest.mark.parametrize("codec", [codec for codec, _ in CODECS.values()], ids=CODECS)
def test_a_body_that_is_none_of_ours_is_unreadable(codec: Codec[Any], body: bytes | None) -> None:
    with pytest.raises(UnreadableError, match=r"."):
        codec.decode(body, HEADERS)


@given(body=st.binary(max_size=200))
def test_no_body_raises_anything_else(body: bytes) -> None:
    with pytest.raises(UnreadableError):
        alert_codec.decode(body, HEADERS)


def test_a_departure_is_no_alert_for_a_release_that_knows_none() -> None:
    """It has nothing to push, so it becomes a dead letter there."""
    with pytest.raises(UnreadableError, match="coupon_id"):
        alert_codec.decode(encode(DEPARTURE), HEADERS)


def test_half_an_alert_is_no_departure() -> None:
    half = {name: value for name, value in msgspec.json.decode(encode(ALERT)).items() if name != "title"}

    with pytest.raises(UnreadableError, match="title"):
        dispatch_codec.decode(encode(half), HEADERS)


def test_an_alert_of_rules_that_do_not_gather_has_the_bytes_that_it_had_before() -> None:
    assert "stakes" not in msgspec.json.decode(encode(ALERT))


def test_an_envelope_comes_back_as_it_was() -> None:
    assert Envelope.read(HEADERS) == ENVELOPE


identifiers = st.text(st.characters(codec="utf-8"), min_size=1, max_size=128)


@given(
    topic=st.from_regex(r"[a-zA-Z0-9._-]{1,249}", fullmatch=True),
    offset=st.integers(0, 2**63 - 1),
    event_id=identifiers,
    deadline=st.datetimes(timezones=st.just(UTC) | st.just(timezone(timedelta(hours=-3, minutes=-30)))),
)
def test_every_envelope_comes_back_as_it_was(topic: str, offset: int, event_id: str, deadline: datetime) -> None:
    envelope = Envelope(SourcePosition(topic, 0, offset), event_id, deadline)

    assert Envelope.read(envelope.headers()) == envelope


def with_header(name: str, value: bytes | None) -> Headers:
    return [(found, value if found == name else old) for found, old in HEADERS]


BAD_HEADERS: dict[str, tuple[Headers, str]] = {
    "none at all": ((), "'schema' is missing"),
    **{
        f"no {name}": ([header for header in HEADERS if header[0] != name], f"'{name}' is missing")
        for name, _ in HEADERS
    },
    **{f"{name} without a value": (with_header(name, None), f"'{name}' is missing") for name, _ in HEADERS},
    "a position that is none": (with_header("position", b"saving-events"), "not enough values"),
    "a position without numbers": (with_header("position", b"a/b/c"), "invalid literal"),
    "an id that is not UTF-8": (with_header("event_id", b"\xff"), "utf-8"),
    "a deadline that is none": (with_header("deadline", b"soon"), "Invalid isoformat"),
    "a deadline without a zone": (with_header("deadline", b"2026-11-23T10:15:03"), "has no zone"),
    "a schema that is none": (with_header("schema", b"one"), "invalid literal"),
}


@pytest.mark.parametrize(("headers", "what"), BAD_HEADERS.values(), ids=BAD_HEADERS)
def test_headers_that_are_not_ours_are_unreadable(headers: Headers, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        Envelope.read(headers)

    with pytest.raises(UnreadableError, match=what):
        alert_codec.decode(encode(ALERT), headers)


@pytest.mark.parametrize("value", [None, b"", b"\xff\x00"], ids=["no value", "empty", "bytes"])
def test_headers_of_others_are_not_looked_at(value: bytes | None) -> None:
    headers = [("traceparent", value), *HEADERS, ("x-trace", value)]

    assert alert_codec.decode(encode(ALERT), headers) == ALERT


@pytest.mark.parametrize("schema", [0, SCHEMA + 1])
def test_a_schema_that_this_release_does_not_know_is_unreadable(schema: int) -> None:
    with pytest.raises(UnreadableError, match=f"schema {schema}, readable are"):
        alert_codec.decode(encode(ALERT), Envelope(POSITION, "e-1", NOW, schema).headers())


@pytest.mark.parametrize("record", [DECISION, RECEIPT], ids=["a decision", "a receipt"])
def test_the_ledger_gives_back_what_was_written(record: Decision | Receipt) -> None:
    assert decode_ledger(encode(record)) == record


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_can_be_written_and_read(reason: Reason) -> None:
    decision = msgspec.structs.replace(DECISION, reason=reason)

    assert decode_ledger(encode(decision)) == decision


def renamed(record: object, **fields: object) -> bytes:
    return encode(msgspec.to_builtins(record) | fields)


UNREADABLE_LEDGER: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "text": lambda: b"nonsense",
    "not UTF-8": lambda: encode(DECISION).replace(b"w-1", b"w-\xff"),
    "no UTF-8 as a key": lambda: b'{"\xff": 1}',
    "endless brackets": lambda: b"[" * 100_000,
    "deep in details": lambda: encode(DECISION).replace(b'"merchants"', b"[" * 100_000),
    "a reason of another release": lambda: renamed(DECISION, reason="bored"),
    "ranges that are none": lambda: renamed(RECEIPT, ranges=[[1]]),
    "a range that ends before it begins": lambda: renamed(RECEIPT, ranges=[[1, 7], [9, 8]]),
    "a list": lambda: b"[]",
}


@pytest.mark.parametrize("make", UNREADABLE_LEDGER.values(), ids=UNREADABLE_LEDGER)
def test_a_ledger_record_that_is_none_of_ours_is_unreadable(make: Callable[[], bytes]) -> None:
    with pytest.raises(UnreadableError):
        decode_ledger(make())


@given(body=st.binary(max_size=200))
def test_no_ledger_record_raises_anything_else(body: bytes) -> None:
    with pytest.raises(UnreadableError):
        decode_ledger(body)


@pytest.mark.parametrize("size", [0, 1, MAX_DEAD_LETTER_BYTES, MAX_DEAD_LETTER_BYTES + 1])
def test_a_dead_letter_is_cut_with_the_size_and_hash_of_all_of_it(size: int) -> None:
    body = b"x" * size

    assert cut(body) == (body[:MAX_DEAD_LETTER_BYTES], size, hashlib.sha256(body).hexdigest())


def test_a_dead_letter_keeps_bytes_that_are_no_text() -> None:
    body, size, sha256 = cut(b"\xff\x00{")
    record = DeadLetterRecord(
        stage="validate",
        error="not JSON",
        topic="saving-events",
        partition=3,
        offset=41,
        position=None,
        key=None,
        body=body,
        body_bytes=size,
        sha256=sha256,
        worker="w-1",
        failed_at=NOW,
    )

    assert msgspec.json.decode(encode(record), type=DeadLetterRecord) == record
