"""Whatever the bytes are, they are decoded or refused in words, and there is no other way in."""

import ast
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

import saving_alerts
from saving_alerts.domain.alerts import Alert
from saving_alerts.domain.decisions import Decision, Receipt
from saving_alerts.domain.decoding import (
    MAX_PATH_CHARACTERS,
    MAX_PROBLEM_CHARACTERS,
    Decoder,
    Instant,
    Unreadable,
    printable,
)
from saving_alerts.domain.kill_switches import KillSwitch
from saving_alerts.domain.push_sends import PushSend
from saving_alerts.kafka.codecs import DeadLetterRecord
from saving_alerts.ports.heartbeats import WorkerRow

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Thing(msgspec.Struct):
    """One of every sort of field."""

    name: str = ""
    at: Instant | None = None
    number: Annotated[int, Meta(ge=0, le=9)] = 0
    share: float = 0.0
    anything: dict[str, object] = {}


things = Decoder(Thing, 1_000_000, open_depth=8)

HOSTILE = {
    "no value": None,
    "empty": b"",
    "no JSON": b"\x00",
    "no UTF-8": b'{"name":"\xff"}',
    "half a surrogate": b'{"name":"\\ud800"}',
    "not a number": b'{"share":NaN}',
    "a number without end": b'{"share":1e999}',
    "thousands of digits": b'{"number":' + b"9" * 5000 + b"}",
    "out of range": b'{"number":-1}',
    "another type": b'{"name":7}',
    "a time without a zone": b'{"at":"2026-11-23T12:00:00"}',
    "a year before any zone": b'{"at":"0001-01-01T00:00:00+23:59"}',
    "a year behind any zone": b'{"at":"9999-12-31T23:59:59-23:59"}',
    "deeper than can be read": b'{"unknown":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "deeper than can be written": b'{"anything":{"x":' + b"[" * 400 + b"]" * 400 + b"}}",
    "too long": b'{"name":"' + b"x" * 1_000_000 + b'"}',
    "something behind": b"{} {}",
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE)
def test_what_is_wrong_is_refused_in_short_words(raw: bytes | None) -> None:
    found = things.read(raw)

    assert isinstance(found, Unreadable)
    assert str(found).isprintable()
    assert len(str(found)) <= MAX_PROBLEM_CHARACTERS + MAX_PATH_CHARACTERS + 10


@given(st.binary() | st.text())
def test_nothing_is_ever_raised(raw: bytes | str) -> None:
    assert isinstance(things.read(raw), Thing | Unreadable)


KINDS = [KillSwitch, WorkerRow, Decision, Receipt, Alert, DeadLetterRecord, PushSend, Thing]


@given(st.sampled_from(KINDS), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists), st.data())
def test_fields_of_any_value_raise_nothing(kind: type[msgspec.Struct], odd: object, data: st.DataObject) -> None:
    names = [field.encode_name for field in msgspec.structs.fields(kind)]
    document = {name: data.draw(st.just(odd) | st.text() | st.integers()) for name in names}

    assert isinstance(Decoder(kind).read(msgspec.json.encode(document, enc_hook=str)), kind | Unreadable)


def test_what_is_well_comes_back() -> None:
    thing = Thing("a", NOON, 3, 0.5, {"within": [[1]]})

    assert things.read(msgspec.json.encode(thing)) == thing


@pytest.mark.parametrize(
    ("brackets", "refused"), [pytest.param(6, False, id="as deep as allowed"), pytest.param(7, True, id="deeper")]
)
def test_depth_is_counted_outside_of_texts(brackets: int, *, refused: bool) -> None:
    text = b'"' + b"[{" * 50 + b'\\""'
    raw = b'{"anything":{"text":' + text + b',"x":' + b"[" * brackets + b"]" * brackets + b"}}"

    assert isinstance(things.read(raw), Unreadable) is refused


@pytest.mark.parametrize("text", [b"[{", rb"[\"", rb"[\\", b"[x", b"[\n"])
def test_looking_for_brackets_takes_no_memory(text: bytes) -> None:
    raw = b'{"anything":{"x":"' + text * 200_000 + b'"}}'

    tracemalloc.start()
    try:
        things.read(raw)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert most <= 4 * len(raw)


def test_a_place_is_told_even_where_the_sender_is_quoted() -> None:
    found = Decoder(Thing).read(b'{"number":7,"name":[" - at `$.elsewhere`"]}')

    assert isinstance(found, Unreadable)
    assert found.path == "$.name"


def test_a_kind_with_a_moment_that_may_lack_its_zone_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match="Instant"):
        Decoder(tuple[Naive, ...])


class Naive(msgspec.Struct):
    """A moment that msgspec would read without a zone."""

    at: datetime | None = None


def test_a_text_is_cut_and_shown_as_it_can_be_typed() -> None:
    assert printable("a\x1b[2J\udcff\u202eb") == "a\\x1b[2J\\udcff\\u202eb"
    assert printable("x" * 400, 10) == "xxxxxxxxx…"


SOURCE = Path(saving_alerts.__file__).parent
ASIDE = {"simulation/replay.py", "simulation/slots.py", "simulation/recorded_decisions.py", "ledger/results.py"}
# The rules file has a reader of its own, which says what is wrong by line and column. A replay and
# a count of results read what they have put aside themselves.
OTHER_READERS = {"domain/decoding.py", "domain/rules_file/json_reader.py", *ASIDE}


DECODERS = {
    *(f"msgspec.{kind}.{name}" for kind in ("json", "msgpack", "yaml", "toml") for name in ("decode", "Decoder")),
    *("msgspec.convert", "json.loads", "json.load", "pickle.loads", "pickle.load", "yaml.load", "yaml.safe_load"),
}


def decoders_in(path: Path) -> Iterator[str]:
    """Where a module decodes JSON, or anything else with msgspec, by itself."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Attribute) and (name := ast.unparse(node)) in DECODERS:
            yield f"{path.relative_to(SOURCE)}:{node.lineno}: {name}"
        if isinstance(node, ast.ImportFrom) and node.module in {"msgspec.json", "json", "pickle", "yaml"}:
            yield f"{path.relative_to(SOURCE)}:{node.lineno}: from {node.module}"


def test_nobody_decodes_elsewhere() -> None:
    modules = [path for path in SOURCE.rglob("*.py") if str(path.relative_to(SOURCE)) not in OTHER_READERS]

    assert [each for path in modules for each in decoders_in(path)] == []
    assert len(list(decoders_in(SOURCE / "domain/decoding.py"))) > 0
