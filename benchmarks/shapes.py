"""What others might write to each reader of `tests/fuzzing`, in any size, and in the shapes that cost much."""

from collections.abc import Callable, Mapping

from benchmarks.hostile_files import KINDS
from tests.fuzzing import seeds
from tests.fuzzing.packing import END_OF_FIELD, END_OF_RECORD

KIB = 1024
Make = Callable[[int], bytes]
Shapes = Mapping[str, Make]

ENTRIES: Mapping[str, bytes] = {
    "zeros": b"0",
    "long numbers": b"9" * 60,
    "fractions": b"0." + b"1" * 60,
    "lists": b"[]",
    "lists in lists": b"[" * 20 + b"]" * 20,
    "objects": b'{"a":1}',
}
TEXTS: Mapping[str, bytes] = {
    "x": b"x",
    "escapes": rb"\u00e9",
    "half characters": rb"\ud83d",
    "brackets": b"[{",
    "no UTF-8": b"\xff",
}


def repeated(
    size: int, entry: Callable[[int], bytes], before: bytes = b"", after: bytes = b"", by: bytes = b","
) -> bytes:
    """As many entries as fit; the first one always does."""
    parts, left = [entry(0)], size - len(before) - len(after) - len(entry(0))
    while (left := left - len(by) - len(part := entry(len(parts)))) >= 0:
        parts.append(part)
    return before + by.join(parts) + after


def documents(seed: bytes, name: bytes) -> Shapes:
    """A good document whose text `name` is another one, or that has more fields; and what is no document."""
    head = seed.strip().removesuffix(b"}") + b","
    named, unknown = head + b'"' + name + b'":"', head + b'"z":"'
    return {
        **{f"a long text of {what}": _of_text(named, text, b'"}') for what, text in TEXTS.items()},
        **{f"a text of {what} that nobody reads": _of_text(unknown, text, b'"}') for what, text in TEXTS.items()},
        **{f"a list of {what}": _of_entries(head + b'"z":[', entry, b"]}") for what, entry in ENTRIES.items()},
        "many fields": lambda size: repeated(size, lambda n: b'"f%d":0' % n, head, b"}"),
        "one key again and again": _of_entries(head, b'"%b":"x"' % name, b"}"),
        "every key twice": lambda size: repeated(size, lambda n: b'"%d":1' % (n // 2), head, b"}"),
        "brackets": lambda size: b"[" * size,
        "objects in objects": lambda size: b'{"a":' * (size // 5),
        "spaces": lambda size: b" " * (size - len(seed)) + seed,
        "commas": lambda size: b"," * size,
    }


def filled_with(before: bytes, after: bytes) -> Shapes:
    """A list or object of a good document, with many entries."""
    return {f"its list, with {what}": _of_entries(before, entry, after) for what, entry in ENTRIES.items()}


def _of_text(before: bytes, text: bytes, after: bytes) -> Make:
    return lambda size: before + text * ((size - len(before) - len(after)) // len(text)) + after


def _of_entries(before: bytes, entry: bytes, after: bytes, by: bytes = b",") -> Make:
    return lambda size: repeated(size, lambda _: entry, before, after, by)


def _between(before: bytes, make: Make, after: bytes = b"") -> Make:
    return lambda size: before + make(size - len(before) - len(after)) + after


def _each(shapes: Shapes, before: bytes, after: bytes = b"") -> Shapes:
    """Each shape within what stands around it."""
    return {name: _between(before, make, after) for name, make in shapes.items()}


_BODY, _, _HEADERS = seeds.RECORDS[1].partition(END_OF_RECORD)
_KEY, _, _CANDIDATE = _BODY.partition(END_OF_FIELD)
_COUPON = _CANDIDATE[_CANDIDATE.index(b'{"coupon_id"') : _CANDIDATE.index(b',{"coupon_id"')]
_SWITCH = seeds.KILL_SWITCHES[0].partition(END_OF_FIELD)[2].partition(END_OF_RECORD)[0]
_ROW = seeds.HEARTBEATS[0].partition(END_OF_FIELD)[2].partition(END_OF_RECORD)[0]
_LINE, _DECISION = seeds.MERCHANTS[0].split(b"\n")[0], seeds.LEDGER[0].split(END_OF_RECORD)[0]
_RECEIPT_HEAD, _, _REST = seeds.LEDGER[1].partition(b"[[1,7],[9,9]]")


def _keyed(number: int, value: bytes, key: bytes = b"rule:r-%d") -> bytes:
    return key % number + END_OF_FIELD + value


EVENT_SHAPES: Shapes = documents(seeds.EVENTS[0], b"type")

RECORD_SHAPES: Shapes = {
    **_each(documents(_CANDIDATE, b"merchants_version"), _KEY + END_OF_FIELD, END_OF_RECORD + _HEADERS),
    "many coupons": _between(
        _KEY + END_OF_FIELD,
        _of_entries(_CANDIDATE[: _CANDIDATE.index(b'{"coupon_id"')], _COUPON, b'],"looked_at":null}'),
        END_OF_RECORD + _HEADERS,
    ),
    "many headers": lambda size: repeated(
        size, lambda n: _keyed(n, b"x", b"h%d"), seeds.RECORDS[1] + END_OF_RECORD, by=END_OF_RECORD
    ),
    "one header again and again": _of_entries(
        _BODY + END_OF_RECORD, b"schema" + END_OF_FIELD + b"1", END_OF_RECORD + _HEADERS, END_OF_RECORD
    ),
    **{
        f"a long header {name}": _between(
            seeds.RECORDS[1] + END_OF_RECORD + name.encode() + END_OF_FIELD, _of_text(b"", text, b"")
        )
        for name in ("schema", "position", "event_id", "deadline")
        for text in (b"1",)
    },
    "a position of slashes": _between(
        seeds.RECORDS[1] + END_OF_RECORD + b"position" + END_OF_FIELD, _of_text(b"", b"/", b"")
    ),
    "a long key": lambda size: b"u" * (size - len(seeds.RECORDS[1])) + seeds.RECORDS[1],
}

MERCHANT_SHAPES: Shapes = {
    "many merchants": lambda size: repeated(
        size, lambda n: _LINE.replace(b'"m-1"', b'"m-%d"' % n), after=b"\n", by=b"\n"
    ),
    "one merchant again and again": _of_entries(b"", _LINE, b"\n", b"\n"),
    "many bad lines": _of_entries(_LINE + b"\n", b'{"merchant_id":7}', b"\n", b"\n"),
    "lines that are no JSON": _of_entries(_LINE + b"\n", b"x", b"\n", b"\n"),
    "blank lines": lambda size: _LINE + b"\n" * (size - len(_LINE)),
    "one line without an end": _of_text(b"", b"x", b""),
    "long lines": _of_entries(_LINE + b"\n", b"[" * 60_000, b"\n", b"\n"),
}

MERCHANT_LINE_SHAPES: Shapes = {
    **_each(documents(_LINE, b"merchant_id"), b"", b"\n"),
    "many stores, and a wrong one": _of_entries(
        b'{"merchant_id":"m-1","names":{},"stores":[', b'{"store_id":"s","latitude":1,"longitude":1}', b",7]}\n"
    ),
    "many names, and a wrong one": lambda size: repeated(
        size, lambda n: b'"l%d":"x"' % n, b'{"merchant_id":"m-1","names":{', b',"z":7}}\n'
    ),
    "many hosts, and a wrong one": _between(
        b'{"merchant_id":"m-1","deep_link_hosts":[', _of_entries(b"", b'"h"', b""), b",7]}\n"
    ),
}

SWITCH_SHAPES: Shapes = {
    "many switches": lambda size: repeated(
        size,
        lambda n: _keyed(n, _SWITCH.replace(b'"merchant","id":"m-1"', b'"rule","id":"r-%d"' % n)),
        by=END_OF_RECORD,
    ),
    "many that cannot be read": lambda size: repeated(size, lambda n: _keyed(n, b"?"), by=END_OF_RECORD),
    "one again and again": _of_entries(b"", b"rule:r-1" + END_OF_FIELD + b"?", b"", END_OF_RECORD),
    "on and off": _of_entries(b"", b"all" + END_OF_FIELD + b"?" + END_OF_RECORD + b"all", b"", END_OF_RECORD),
    "keys that are no text": lambda size: repeated(size, lambda n: _keyed(n, b"?", b"\xff%d"), by=END_OF_RECORD),
    "a long key": lambda size: b"k" * (size - 2) + END_OF_FIELD + b"?",
}

ROW_SHAPES: Shapes = {
    **_each(documents(_ROW, b"page"), b"i-1" + END_OF_FIELD),
    "many partitions": _of_entries(b"i-1" + END_OF_FIELD + _ROW.replace(b"[0,1,2]", b"[")[:-1] + b",", b"1", b"]}"),
}

ROWS_SHAPES: Shapes = {
    "many workers": lambda size: repeated(size, lambda n: _keyed(n, _ROW, b"i-%d"), by=END_OF_RECORD),
    "many that cannot be read": lambda size: repeated(size, lambda n: _keyed(n, b"?", b"i-%d"), by=END_OF_RECORD),
}

HELD_BY_SHAPES: Shapes = {
    **filled_with(b"[", b"]"),
    "many holds": _of_entries(b"[", seeds.HELD_BY[1][1:-1], b"]"),
    "a long error": _of_text(b'[{"by":"x","seconds":1,"since":"2026-11-23T10:15:00Z","error":"', b"x", b'"}]'),
}

HISTORY_SHAPES: Shapes = {
    **documents(seeds.HISTORIES[0], b"incarnation"),
    "many buckets": lambda size: repeated(size, lambda n: b"[%d,{}]" % n, b'{"incarnation":"i","fine":[', b"]}"),
    "many counts": lambda size: repeated(size, lambda n: b'"c%d":1' % n, b'{"incarnation":"i","fine":[[7,{', b"}]]}"),
}

MEMO_SHAPES: Shapes = {
    **documents(seeds.COMMIT_METADATA[0], b"in_hand"),
    **filled_with(b'{"skip":[', b"]}"),
}

DEAD_LETTER_SHAPES: Shapes = {
    **documents(seeds.DEAD_LETTERS[0], b"error"),
    "a long body": _of_text(seeds.DEAD_LETTERS[0].removesuffix(b"}") + b',"body":"', b"AAAA", b'"}'),
    "many headers": _of_entries(seeds.DEAD_LETTERS[0].removesuffix(b"}") + b',"headers":[', b'["h","AAAA"]', b"]}"),
    "lines of a traceback": _of_text(seeds.DEAD_LETTERS[0].removesuffix(b"}") + b',"error":"', rb"\n", b'"}'),
}

LEDGER_SHAPES: Shapes = {
    **documents(_DECISION, b"worker"),
    **filled_with(_DECISION.removesuffix(b"}") + b',"details":{"x":[', b"]}}"),
    "many decisions": _of_entries(b"", _DECISION, b"", END_OF_RECORD),
    "many ranges": lambda size: repeated(
        size, lambda n: b"[%d,%d]" % (2 * n, 2 * n), _RECEIPT_HEAD + b"[", b"]" + _REST
    ),
    "ranges of everything": _of_entries(_RECEIPT_HEAD + b"[", b"[0,9223372036854775807]", b"]" + _REST),
    "many receipts": _of_entries(b"", seeds.LEDGER[1], b"", END_OF_RECORD),
}

# By the reader: the size of the small input, 64 times which its limit still lets pass, and the shapes.
SHAPES: tuple[tuple[str, int, Shapes], ...] = (
    ("events", KIB, EVENT_SHAPES),
    ("records", 64 * KIB, RECORD_SHAPES),
    ("rules", 32 * KIB, KINDS),
    ("merchants", KIB - 16, MERCHANT_LINE_SHAPES),
    ("merchants", 256 * KIB, MERCHANT_SHAPES),
    ("kill-switches", 256, _each(documents(_SWITCH, b"reason"), b"merchant:m-1" + END_OF_FIELD)),
    ("kill-switches", 8 * KIB, SWITCH_SHAPES),
    ("heartbeats", KIB, ROW_SHAPES),
    ("heartbeats", 8 * KIB, ROWS_SHAPES),
    ("held-by", 128, HELD_BY_SHAPES),
    ("histories", 4 * KIB, HISTORY_SHAPES),
    ("commit-metadata", KIB, MEMO_SHAPES),
    ("dead-letters", 64 * KIB, DEAD_LETTER_SHAPES),
    ("ledger", 16 * KIB, LEDGER_SHAPES),
)
