"""The merchant directory: what is refused whole, what is left out and said, and that no bytes raise anything."""

import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.merchants import MAX_HOSTS, MAX_NAME_CHARACTERS, MAX_NAMES, Merchant
from saving_alerts.ports.object_store import MAX_LINE_BYTES
from saving_alerts.reference_data.merchant_line import read_line
from saving_alerts.reference_data.merchants_file import (
    MAX_BAD_LINES,
    MAX_LINES,
    MAX_MERCHANTS_BYTES,
    MerchantsFileReader,
    MerchantsLimits,
)
from saving_alerts.settings import Settings

STORE = {"store_id": "s-1", "latitude": 52.5, "longitude": 13.4}
MERCHANT = {"merchant_id": "m-1", "names": {"en": "Shop"}, "stores": [STORE], "deep_link_hosts": ["shop.example"]}
LINE_CHARACTERS = 400  # what is said of a line is one line


def line(**fields: object) -> bytes:
    return json.dumps(MERCHANT | fields).encode() + b"\n"


def numbered(count: int) -> list[bytes]:
    return [line(merchant_id=f"m-{number}") for number in range(count)]


def read(lines: list[bytes], limits: MerchantsLimits | None = None) -> MerchantsFileReader:
    reader = MerchantsFileReader(limits or MerchantsLimits())
    for each in lines:
        reader.take(each)
    return reader


def test_a_byte_order_mark_is_refused_and_takes_no_merchant_with_it() -> None:
    reader = read([b"\xef\xbb\xbf" + line(), *numbered(3)])

    assert reader.refusal == "line 1, column 1: an invisible byte order mark (BOM): save it as UTF-8 without BOM"
    assert reader.is_refused_already


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_other_encodings_are_refused_by_name(encoding: str) -> None:
    first_line = line().decode().encode(encoding).partition(b"\n")[0] + b"\n"

    assert read([first_line]).refusal == "line 1: saved as UTF-16 or UTF-32: save it as UTF-8"


@pytest.mark.parametrize("kept", [1, 10, 100], ids=lambda kept: f"{kept} bytes")
def test_a_last_line_without_its_end_is_a_file_that_was_cut(kept: int) -> None:
    reader = read([*numbered(103), line()[:kept]])

    assert str(reader.refusal).startswith("line 104: the last line has no line break at its end, so the file may have")


def test_a_whole_merchant_without_a_line_break_may_be_cut_as_well() -> None:
    assert "line 1: the last line has no line break" in str(read([line()[:-1]]).refusal)


def test_a_line_too_long_is_left_out_with_the_limit() -> None:
    reader = read([*numbered(1), (line(names={"en": "x" * MAX_LINE_BYTES}))[: MAX_LINE_BYTES + 1], *numbered(1)])

    assert reader.refusal is None
    assert str(reader.left_out).startswith(
        f"2 lines were left out: line 2: longer than {MAX_LINE_BYTES} bytes; line 3: "
    )


def test_more_lines_than_allowed_are_refused() -> None:
    reader = read(numbered(4), MerchantsLimits(max_lines=3))

    assert (reader.refusal, reader.is_refused_already) == ("more than 3 lines", True)


def test_blank_lines_count_as_lines() -> None:
    assert read([b"\n"] * 4, MerchantsLimits(max_lines=3)).refusal == "more than 3 lines"


def stores(**fields: object) -> list[object]:
    return [STORE, STORE | fields]


WRONG = {
    "north of the pole": (
        line(stores=stores(latitude=91)),
        "$.stores[1].latitude: 91 is not what belongs here: degrees",
    ),
    "south of the pole": (line(stores=stores(latitude=-90.001)), "$.stores[1].latitude: -90.001 is not what belongs"),
    "beyond the date line": (line(stores=stores(longitude=181)), "$.stores[1].longitude: 181 is not what belongs here"),
    "no number": (line(stores=stores(latitude=float("nan"))), "not JSON: "),
    "no end": (line().replace(b"52.5", b"1e400"), "$.stores[0].latitude: Infinity is not what belongs here: degrees"),
    "400 digits": (
        line().replace(b"52.5", b"9" * 400),
        "$.stores[0].latitude: 999999999999999999999999999999999999999",
    ),
    "5,000 digits": (line().replace(b"52.5", b"9" * 5_000), "$.stores[0].latitude: what stands there is not what"),
    "a place in quotes": (
        line(stores=stores(latitude="52.5")),
        '$.stores[1].latitude: "52.5" is not what belongs here',
    ),
    "no place": (line(stores=[{"store_id": "s-1"}]), "$.stores[0].latitude: missing; write degrees from -90 to 90"),
    "no store": (line(stores=[5]), '$.stores[0]: 5 is not what belongs here: a store, like {"store_id"'),
    "no names": (
        b'{"merchant_id": "m-1"}\n',
        '$.names: missing; write a name for each of at most 100 locales, like {"d',
    ),
    "a number as a name": (line(names={"en": 5}), "$.names[...]: one of them is not what belongs here: a text of at m"),
    "a name as long as a book": (
        line(names={"en": "x" * (MAX_NAME_CHARACTERS + 1)}),
        "$.names[...]: one of them is not",
    ),
    "a locale as long": (line(names={"x" * 200: "Shop"}), "$.names: one of them is not what belongs here: a locale of"),
    "too many names": (line(names={f"l{n}": "" for n in range(MAX_NAMES + 1)}), '$.names: {"l0": "", "l1": "", "l2"'),
    "too many hosts": (line(deep_link_hosts=["a"] * (MAX_HOSTS + 1)), '$.deep_link_hosts: ["a", "a", "a", "a"'),
    "no host": (line(deep_link_hosts=[""]), '$.deep_link_hosts[0]: "" is not what belongs here: a host of 1 to 253'),
    "hours of another notation": (
        line(stores=stores(opening={"hours": "9 to 5"})),
        '$.stores[1].opening.hours: "9 to 5" is not what belongs here: hours of at most 400 characters, like "Mo-Fr',
    ),
    "hours without length": (
        line(opening={"hours": "Mo 09:00-09:00"}),
        '$.opening.hours: "Mo 09:00-09:00" is not what',
    ),
    "hours that are a number": (line(opening={"hours": 5}), "$.opening.hours: 5 is not what belongs here: hours of at"),
    "hours as long as a book": (line(opening={"hours": "Mo off;" * 99}), '$.opening.hours: "Mo off;Mo off;'),
    "a zone of Mars": (
        line(opening={"timezone": "Mars/Base"}),
        '$.opening.timezone: "Mars/Base" is not what belongs he',
    ),
    "the zone of a machine": (line(opening={"timezone": "localtime"}), '$.opening.timezone: "localtime" is not what'),
    "a day of another country": (
        line(stores=stores(opening={"closed_days": ["2026-12-25", "26.12.2026"]})),
        '$.stores[1].opening.closed_days[1]: "26.12.2026" is not what belongs here: a date from the year 2000 on',
    ),
    "a day that does not exist": (
        line(opening={"closed_days": ["2026-02-30"]}),
        '$.opening.closed_days[0]: "2026-02-30" is not what belongs here: a date',
    ),
    "too many closed days": (line(opening={"closed_days": ["2026-12-25"] * 367}), "$.opening.closed_days: ["),
    "no closed days": (
        line(opening={"closed_days": None}),
        "$.opening.closed_days: null is not what belongs here: a l",
    ),
    "hours as a text": (line(opening="24/7"), '$.opening: "24/7" is not what belongs here: an object in { }, like'),
    "an empty id": (line(merchant_id=""), '$.merchant_id: "" is not what belongs here: a text of 1 to 128 characters'),
    "a list": (b"[]\n", "$: [] is not what belongs here: an object in { }, like"),
    "no JSON": (b"nonsense\n", "column 1: this is not JSON (Expecting value) near 'nonsense"),
    "a comma too many": (line()[:-2] + b",}\n", "column 155: a comma before a closing bracket: remove it"),
    "single quotes": (b"{'merchant_id': 'm-1'}\n", "column 2: text stands in double quotes"),
    "half a line": (line()[:40] + b"\n", "column 40: a text whose closing quote is missing"),
    "half an object": (b'{"merchant_id": "m-1",\n', "column 23: the line ends too early: a bracket or a quote is not"),
    "no UTF-8": (line().replace(b"Shop", b"\xff"), "column 41: a sign that is not UTF-8"),
    "signs that move the cursor": (line(merchant_id=["\x1b[2J"]), '$.merchant_id: ["\\u001b[2J"] is not what belongs'),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_line_is_named_with_what_stands_there_and_what_belongs_there(name: str) -> None:
    raw, words = WRONG[name]

    problem = read_line(raw)

    assert isinstance(problem, str)
    assert problem[: len(words)] == words
    assert problem.isprintable()
    assert len(problem) < LINE_CHARACTERS


def test_a_store_at_the_edge_of_the_globe_is_one() -> None:
    places = [STORE | {"latitude": lat, "longitude": lon} for lat, lon in [(90, 180), (-90, -180), (0, -0.0)]]

    assert isinstance(read_line(line(stores=places)), Merchant)


def test_what_was_left_out_is_said_with_number_and_place() -> None:
    reader = read([*numbered(2), b"x\n", line(merchant_id="m-1")])

    assert reader.left_out == (
        "2 lines were left out: line 3: column 1: this is not JSON (Expecting value) near 'x'; "
        "line 4: m-1 again, the last one counts"
    )
    assert read(numbered(2)).left_out is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)


@given(lines=st.lists(st.binary(max_size=60), max_size=8))
def test_no_bytes_raise_anything(lines: list[bytes]) -> None:
    reader = read([each.replace(b"\n", b"") + b"\n" for each in lines])

    assert reader.refusal or reader.merchants().by_id
    assert reader.summary().isprintable()


@given(field=st.sampled_from([*MERCHANT, "other"]), value=JSON)
def test_any_value_in_any_field_is_a_merchant_or_a_place(field: str, value: object) -> None:
    found = read_line(line(**{field: value}))

    assert isinstance(found, Merchant) or (found.startswith(("$", "column", "not JSON")) and found.isprintable())


@given(field=st.sampled_from([*STORE, "other"]), value=JSON)
def test_any_value_in_any_field_of_a_store_is_a_merchant_or_a_place(field: str, value: object) -> None:
    found = read_line(line(stores=stores(**{field: value})))

    assert isinstance(found, Merchant) or (found.startswith(("$", "column", "not JSON")) and found.isprintable())


def test_bad_lines_take_no_memory() -> None:
    reader = MerchantsFileReader(MerchantsLimits())
    bad = b"x" * MAX_LINE_BYTES + b"\n"
    tracemalloc.start()
    for _ in range(200):
        reader.take(bad)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak_bytes < 10 * MAX_LINE_BYTES


def test_check_and_workers_have_one_set_of_limits() -> None:
    fields = Settings.model_fields

    assert fields["max_bad_merchant_lines"].default == MAX_BAD_LINES
    assert fields["max_merchant_lines"].default == MAX_LINES
    assert fields["max_merchants_bytes"].default == MAX_MERCHANTS_BYTES


def hours(number: int) -> dict[str, object]:
    return {"timezone": "Europe/Berlin", "hours": f"Mo-Fr {number % 24:02}:{number % 60:02}-23:59"}


def test_openings_that_are_equal_are_kept_once() -> None:
    lines = [line(merchant_id=f"m-{n}", stores=stores(opening=hours(n % 3)), opening=hours(n % 3)) for n in range(30)]

    found = read(lines).merchants().by_id.values()

    assert (
        len({id(each.opening) for each in found} | {id(store.opening) for each in found for store in each.stores}) == 4
    )


def test_a_line_of_an_older_directory_is_read_as_it_was() -> None:
    merchant = read_line(line())

    assert isinstance(merchant, Merchant)
    assert (merchant.opening, merchant.stores[0].opening) == (None, None)
