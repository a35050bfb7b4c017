"""The schemas of docs/contracts/ say what the codecs read and write."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from jsonschema import Draft202012Validator

from saving_alerts.adapters.coupon_answers import coupons_in
from saving_alerts.domain.alerts import Departure, Push, push_of
from saving_alerts.domain.consent import problem_of
from saving_alerts.domain.erasures import ErasureOrder, Tokens, read_order
from saving_alerts.domain.events import Problem, read_event
from saving_alerts.domain.kill_switches import KillSwitch, read_switch
from saving_alerts.domain.results.assignments import Assigned
from saving_alerts.domain.results.responses import Kind, Response
from saving_alerts.domain.results.result import JoinedBy, result_of
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.codecs import (
    UnreadableError,
    alert_codec,
    candidate_codec,
    decode_dead_letter,
    decode_ledger,
    decode_response,
    decode_result,
    dispatch_codec,
    encode,
    validated_codec,
)
from saving_alerts.kafka.push_send_rows import SendRow, read_row, user_and_row
from tests.generated.schemas import CONTRACTS, FOLDER
from tests.recorded.lines import Line

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "tests" / "recorded"
RELEASES = sorted(path.name for path in RECORDED.iterdir() if path.name[0].isdigit())
HEADERS = [("schema", b"1"), ("position", b"t/0/1"), ("event_id", b"e"), ("deadline", b"2026-11-23T10:00:00+00:00")]
# The recorded files and the contracts that their values follow.
KINDS = {
    "validated": "validated",
    "candidates": "candidate",
    "alerts": "alert",
    "decisions": "decision",
    "receipts": "receipt",
    "dead_letters": "dead-letter",
    "kill_switches": "kill-switch",
}

TOKENS = Tokens("a secret of the tests, of 32 letters")

Json = Any


class Example(NamedTuple):
    """A value that is on record or in a document."""

    contract: str
    value: Json
    source: str


def recorded() -> Iterator[Example]:
    for release in RELEASES:
        for file, contract in KINDS.items():
            for number, text in enumerate((RECORDED / release / f"{file}.jsonl").read_text().splitlines(), start=1):
                value = msgspec.json.decode(text, type=Line).value_bytes
                if value is not None and accepts(contract, value):
                    yield Example(contract, json.loads(value), f"{release}/{file}:{number}")


def shown() -> Iterator[Example]:
    """The examples of the guide, in their order."""
    texts = (ROOT / "docs" / "contracts.md").read_text().split("```json\n")[1:]
    names = ("event", "consent-change", "coupon", "push", "merchant")
    for name, text in zip(names, texts, strict=True):
        value = json.loads(text.partition("```")[0])
        yield Example(name, value[0] if name == "coupon" else value, f"docs/contracts.md {name}")


DEPARTURE = Departure(
    kind="departure",
    position=SourcePosition("saving-events", 3, 17),
    event_id="e-1",
    user_id="u-42",
    merchant_id="m-123",
    event_type="geofence_exited",
    occurred_at=datetime(2026, 11, 23, 10, tzinfo=UTC),
    received_at=datetime(2026, 11, 23, 10, tzinfo=UTC),
    read_at=datetime(2026, 11, 23, 10, tzinfo=UTC),
    deadline=datetime(2026, 11, 23, 10, 10, tzinfo=UTC),
    locale="de-DE",
    timezone="Europe/Berlin",
    store_id="s-77",
    rules_version="0123456789ab",
)


def made() -> Iterator[Example]:
    """What the guide shows no value of."""
    position = SourcePosition("saving-events", 3, 17)
    now = datetime(2026, 11, 23, 10, tzinfo=UTC)
    response = Response(
        position=position,
        kind=Kind.REDEEMED,
        user_id="u-42",
        happened_at=now,
        received_at=now,
        merchant_id="m-123",
        coupon_id="c-1",
        decision_id="c1f0a2b3d4e5f60718293a4b",
    )
    assigned = Assigned(
        decision_id="c1f0a2b3d4e5f60718293a4b",
        event_id="e-1",
        user_id="u-42",
        merchant_id="m-123",
        rule_id="at-the-store",
        rules_version="0123456789ab",
        assigned_at=now,
        coupon_id="c-1",
        variant="friendly",
        store_id="s-1",
    )
    values = {
        "response": response,
        "result": result_of(assigned, response, JoinedBy.ID),
        "erasure-order": ErasureOrder("u-42", now),
        "departure": DEPARTURE,
    }
    for contract, value in values.items():
        yield Example(contract, json.loads(encode(value)), f"made {contract}")


def accepts(contract: str, value: bytes) -> bool:
    """Whether the product reads it, with the function that it reads it with."""
    try:
        return READERS[contract](value)
    except UnreadableError:
        return False


def _is_switch(value: bytes) -> bool:
    try:
        key = msgspec.json.decode(value, type=KillSwitch).key
    except msgspec.MsgspecError:
        return False
    return isinstance(read_switch(key.encode(), value), KillSwitch)


def _is_push(value: bytes) -> bool:
    try:
        msgspec.json.decode(value, type=Push)
    except msgspec.MsgspecError:
        return False
    return True


def _is_order(value: bytes) -> bool:
    user_id = json.loads(value).get("user_id")
    key = TOKENS.of_user(user_id).encode() if isinstance(user_id, str) else None
    return isinstance(read_order(key, value, TOKENS), ErasureOrder)


READERS: dict[str, Callable[[bytes], bool]] = {
    "event": lambda value: not isinstance(read_event(value), Problem),
    "consent-change": lambda value: problem_of(value) is None,
    "validated": lambda value: validated_codec.decode(value, HEADERS) is not None,
    "candidate": lambda value: candidate_codec.decode(value, HEADERS) is not None,
    "alert": lambda value: alert_codec.decode(value, HEADERS) is not None,
    "departure": lambda value: dispatch_codec.decode(value, HEADERS) is not None,
    "decision": lambda value: decode_ledger(value) is not None,
    "receipt": lambda value: decode_ledger(value) is not None,
    "dead-letter": lambda value: decode_dead_letter(value) is not None,
    "kill-switch": _is_switch,
    "erasure-order": _is_order,
    "response": lambda value: decode_response(value) is not None,
    "result": lambda value: decode_result(value) is not None,
    "coupon": lambda value: bool(coupons_in(b"[" + value + b"]", "m-123").coupons),
    "push": _is_push,
    "merchant": bool,  # docs/merchants.md: a line with a mistake is left out, not refused
}
EXAMPLES = [*shown(), *recorded(), *made()]
CHANGED = [each for each in EXAMPLES if each.contract != "merchant"]


def validator(contract: str) -> Draft202012Validator:
    schema = json.loads((ROOT / FOLDER / f"{contract}.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


VALIDATORS = {name: validator(name) for name in CONTRACTS}


def test_every_contract_has_examples() -> None:
    assert {each.contract for each in EXAMPLES} == CONTRACTS.keys() - {"push-send"}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.source)
def test_what_is_on_record_and_in_the_guide_follows_its_schema(example: Example) -> None:
    assert [error.message for error in VALIDATORS[example.contract].iter_errors(example.value)] == []


@pytest.mark.parametrize("release", RELEASES)
def test_rows_of_the_table_follow_their_schema(release: str) -> None:
    """Those of 0.1.0 are lists; from 0.2.0 on each send has a row of its own."""
    for text in (RECORDED / release / "push_sends.jsonl").read_text().splitlines():
        line = msgspec.json.decode(text, type=Line)
        _, row = user_and_row(line.key_bytes or b"")
        assert row == b"" or VALIDATORS["push-send"].is_valid(json.loads(row))
    for end in (b"false]", b"true]", b"false,true]"):
        row = b'["saving-events",3,17,"e-1","m-1",1764151200000000,' + end
        found = read_row(row)
        assert isinstance(found, SendRow)
        assert user_and_row(found.key(b"u-1"))[1] == row
        assert VALIDATORS["push-send"].is_valid(json.loads(row))


def changes(example: Example) -> Iterator[tuple[str, Json]]:
    """The same without one of its fields, and with another type in its place, on every level."""
    for path in paths(example.value):
        for name, other in (("missing", None), ("another type", {"other": [1]}), ("null", None)):
            changed = deepcopy(example.value)
            *to_parent, last = path
            parent = changed
            for step in to_parent:
                parent = parent[step]
            if name == "missing":
                del parent[last]
            else:
                parent[last] = other
            yield f"{name}: {'.'.join(path)}", changed


def paths(value: Json, *before: str) -> Iterator[tuple[str, ...]]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield (*before, name)
            yield from paths(each, *before, name)


def one_of_each() -> Iterator[Example]:
    """The example with most fields of each kind."""
    for name in CONTRACTS.keys() - {"push-send", "merchant"}:
        found = [each for each in CHANGED if each.contract == name]
        yield max(found, key=lambda each: len(list(paths(each.value))))


@pytest.mark.parametrize("example", sorted(one_of_each()), ids=lambda example: example.contract)
def test_the_schema_and_the_code_refuse_the_same(example: Example) -> None:
    """But for what the schema cannot say: rules between fields, which docs/contracts.md has."""
    judged = {
        what: (VALIDATORS[example.contract].is_valid(changed), accepts(example.contract, json.dumps(changed).encode()))
        for what, changed in changes(example)
    }

    assert len(judged) > 5
    looser = BETWEEN_FIELDS.get(example.contract, set())
    assert {what for what, (by_schema, by_code) in judged.items() if by_schema != by_code} == looser


# What the schema lets pass and the code does not: it depends on another field.
BETWEEN_FIELDS: dict[str, set[str]] = {
    "event": {"missing: merchant_id", "null: merchant_id", "missing: store_id", "null: store_id"},
}


def test_the_body_that_is_sent_follows_its_schema() -> None:
    (alert,) = [each for each in EXAMPLES if each.contract == "alert"][:1]
    read = alert_codec.decode(json.dumps(alert.value).encode(), HEADERS)
    now = datetime(2026, 11, 23, 10, tzinfo=UTC)

    body = json.loads(msgspec.json.encode(push_of(read, now, read.deadline - read.read_at)))

    assert VALIDATORS["push"].is_valid(body)
