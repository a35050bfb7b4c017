"""Valid bytes made odd, in the ways in which what others write is odd."""

import re
from collections.abc import Callable
from random import Random

MOST_DEEP = 3_000  # deeper than any recursion in C or Python that a reader could have
MOST_TIMES = 200
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*|true|false|null', re.DOTALL)
_MEMBER = re.compile(rb'"(?:[^"\\]|\\.)*"\s*:\s*(?:"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*|true|false|null)', re.DOTALL)

# What may stand in place of any value.
ODD = (
    b"NaN",
    b"-Infinity",
    b"1e400",
    b"-0.0",
    b"5e-324",
    b"9" * 20,
    b"9" * 5_000,
    b"0." + b"1" * 2_000,
    b"9223372036854775807",
    b"9223372036854775808",
    b"-1",
    b"null",
    b"true",
    b"[]",
    b"{}",
    b'""',
    b'"\\ud800"',
    b'"\xed\xa0\x80"',
    b'"\xff"',
    b'"\\u0000"',
    b'"\\u202e\\u001b[2J"',
    b'"' + b"x" * 20_000 + b'"',
    b'"0001-01-01T00:00:00+23:59"',
    b'"9999-12-31T23:59:59.999999-23:59"',
    b'"2026-11-23T10:15:03"',
    b'" - at `$.x`"',
    b'"../../etc/passwd"',
    b"[" * MOST_DEEP,
    b'{"a":' * MOST_DEEP,
    b"[" * 40 + b"]" * 40,
)
BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\xff\xfe\x00\x00")


def flip(raw: bytes, random: Random) -> bytes:
    """One bit."""
    at = random.randrange(len(raw))
    return raw[:at] + bytes([raw[at] ^ 1 << random.randrange(8)]) + raw[at + 1 :]


def cut(raw: bytes, random: Random) -> bytes:
    """Take out a part; often the end."""
    begin, end = _part(raw, random)
    return raw[:begin] + random.choice((raw[end:], b""))


def repeat(raw: bytes, random: Random) -> bytes:
    begin, end = _part(raw, random)
    return raw[:end] + raw[begin:end] * random.randrange(1, MOST_TIMES) + raw[end:]


def nest(raw: bytes, random: Random) -> bytes:
    """A part, in brackets within brackets."""
    begin, end = _token(raw, random)
    deep = random.choice((1, 2, 40, MOST_DEEP))
    opening, closing = random.choice(((b"[", b"]"), (b'{"a":', b"}")))
    return raw[:begin] + opening * deep + raw[begin:end] + closing * deep + raw[end:]


def replace(raw: bytes, random: Random) -> bytes:
    """Another value, or name, in place of one."""
    begin, end = _token(raw, random)
    return raw[:begin] + random.choice(ODD) + raw[end:]


def move(raw: bytes, random: Random) -> bytes:
    """A value, or name, of another place."""
    begin, end = _token(raw, random)
    other_begin, other_end = _token(raw, random)
    return raw[:begin] + raw[other_begin:other_end] + raw[end:]


def twice(raw: bytes, random: Random) -> bytes:
    """A name with its value again."""
    members = [found.span() for found in _MEMBER.finditer(raw)]
    begin, end = random.choice(members) if members else _part(raw, random)
    return raw[:end] + (b"," + raw[begin:end]) * random.choice((1, MOST_TIMES)) + raw[end:]


def insert(raw: bytes, random: Random) -> bytes:
    """Bytes that are no UTF-8, marks, ends of lines, or anything."""
    at = random.randrange(len(raw) + 1)
    signs = random.choice((b"\xff", b"\xed\xa0\x80", b"\x00", b"\n", b"\r\n", b"\\", b'"', random.randbytes(3)))
    return raw[:at] + signs + raw[at:]


def mark(raw: bytes, random: Random) -> bytes:
    return random.choice(BYTE_ORDER_MARKS) + raw


def recode(raw: bytes, random: Random) -> bytes:
    return raw.decode(errors="replace").encode(random.choice(("utf-16", "utf-16-le", "utf-32", "utf-8-sig")))


Mutation = Callable[[bytes, Random], bytes]
MUTATIONS: tuple[Mutation, ...] = (flip, cut, repeat, nest, replace, move, twice, insert, mark, recode)


def mutated(raw: bytes, random: Random, most: int = 4) -> bytes:
    """After one to `most` mutations."""
    for _ in range(random.randint(1, most)):
        raw = random.choice(MUTATIONS)(raw or b" ", random)
    return raw


def _part(raw: bytes, random: Random) -> tuple[int, int]:
    begin = random.randrange(len(raw))
    return begin, random.randint(begin, min(len(raw), begin + 200))


def _token(raw: bytes, random: Random) -> tuple[int, int]:
    """Where a value or a name stands, quotes included; any part where there is none."""
    tokens = [found.span() for found in _TOKEN.finditer(raw)]
    return random.choice(tokens) if tokens else _part(raw, random)
