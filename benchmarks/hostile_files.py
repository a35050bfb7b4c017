"""How long the check of a hostile file takes, by its size: 64 times the input may take at most 100 times the time.

python -m benchmarks.hostile_files
"""

import json
import re
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from statistics import median

import click
from rich.console import Console
from rich.table import Table

from saving_alerts.domain.rules.expressions import compile_when
from saving_alerts.domain.rules_file.compiler import MAX_RULES_BYTES, read_rules
from saving_alerts.domain.rules_file.mistakes import RulesRefusedError

SIZES = (MAX_RULES_BYTES // 64, MAX_RULES_BYTES // 8, MAX_RULES_BYTES)
MOST_TIMES_THE_TIME = 100  # for 64 times the size: a squared cost would be 4,096
ROUNDS = 3
LONG_SECONDS = 1.0  # such a check needs no repetition to be known
SHORTEST_SECONDS = 0.002  # below it the clock and the start of a check say more than the size
MESSAGE = {"fallback": "en", "texts": {"en": {"title": "Hello", "body": "$coupon"}}}
RULE = {"id": "r", "event_types": ["geofence_entered"], "message": MESSAGE}
CAPS = [{"per": "user", "pushes": 1, "hours": 24}]


@click.command(help=__doc__)
def main() -> None:
    """Measure every kind in every size, and end with 1 if one grows too fast."""
    table = Table("file", *(f"{size // 1024} KiB, s" for size in SIZES), "times")
    worst = 0.0
    for name, make in KINDS.items():
        seconds = [measured(make(size)) for size in SIZES]
        times = seconds[-1] / max(seconds[0], SHORTEST_SECONDS)
        worst = max(worst, times)
        table.add_row(name, *(f"{each:.3f}" for each in seconds), f"{times:.0f}")
    Console().print(table)
    sys.exit(worst > MOST_TIMES_THE_TIME)


def measured(raw: bytes) -> float:
    """The processor's seconds; of a short check the median of some."""
    first = _once(raw)
    return first if first > LONG_SECONDS else median([first, *(_once(raw) for _ in range(ROUNDS - 1))])


def _once(raw: bytes) -> float:
    re.purge()  # a worker reads a file once, so it compiles its patterns anew
    compile_when.cache_clear()
    began = time.process_time()
    with suppress(RulesRefusedError):
        read_rules(raw)
    return time.process_time() - began


def filled(size: int, entry: Callable[[int], str], before: str, after: str) -> bytes:
    """As many entries as fit."""
    parts, left = list[str](), size - len(before) - len(after)
    while left > 0:
        parts.append(entry(len(parts)))
        left -= len(parts[-1]) + 1
    return (before + ",".join(parts[:-1]) + after).encode()


def in_rule(size: int, entry: Callable[[int], str], before: str, after: str = "]") -> bytes:
    """A rule with a field that is filled with entries."""
    rule = json.dumps(RULE).removesuffix("}")
    return filled(size, entry, f'{{"caps": {json.dumps(CAPS)}, "rules": [{rule}, {before}', f"{after}}}]}}")


def rules_of(size: int, make: Callable[[int], dict[str, object]]) -> bytes:
    """As many rules as fit, at most 1,000: each is as large as it takes to fill the size with them."""
    return filled(
        size, lambda number: json.dumps(RULE | make(number)), f'{{"caps": {json.dumps(CAPS)}, "rules": [', "]}"
    )


def crowded_globs(number: int) -> dict[str, object]:
    """Every merchant that is allowed is denied, by the last of many patterns."""
    deny = [f"?{number}{each}*" for each in range(150)]
    return {"id": f"r-{number}", "merchants": {"allow": [f"m-{each}" for each in range(150)], "deny": [*deny, "?-*"]}}


def long_when(number: int) -> dict[str, object]:
    return {
        "id": f"r-{number}",
        "when": f"event.app.os != '{number}'" + " && event.locale != 'x'" * 20,
        "x": "x" * 1_500,
    }


KINDS: dict[str, Callable[[int], bytes]] = {
    "one key again and again": lambda size: filled(size, lambda _: '"k": 1', "{", "}"),
    "every key twice": lambda size: filled(size, lambda n: f'"{n // 2}": 1', "{", "}"),
    "objects with a key twice": lambda size: filled(size, lambda _: '{"k": 1, "k": 2}', '{"rules": [', "]}"),
    "brackets": lambda size: b"[" * size,
    "objects in objects": lambda size: b'{"a":' * (size // 5),
    "lists in 30 lists": lambda size: filled(size, lambda _: "[" * 30 + "]" * 30, "[", "]"),
    "a long list of caps": lambda size: filled(size, lambda n: json.dumps(CAPS[0] | {"pushes": n}), '{"caps": [', "]}"),
    "days that are none": lambda size: in_rule(size, lambda _: '"x"', '"weekdays": ['),
    "one long text": lambda size: b'{"caps": "' + b"x" * (size - 12) + b'"}',
    "one text of half characters": lambda size: b'{"caps": "' + rb"\ud83d" * (size // 6 - 2) + b'"}',
    "digits": lambda size: filled(size, lambda _: "9" * 4_299, "[", "]"),
    "a long number with a point": lambda size: b'{"caps": 0.' + b"1" * (size - 13) + b"}",
    "a long glob": lambda size: in_rule(
        size, lambda _: json.dumps("a*" * (size // 4)), '"merchants": {"allow": [', "]}"
    ),
    "denied by the last pattern": lambda size: rules_of(size, crowded_globs),
    "a when in every rule": lambda size: rules_of(size, long_when),
    "fields that do not exist": lambda size: rules_of(
        size, lambda n: {"id": f"r-{n}"} | {f"f{each}": 0 for each in range(300)}
    ),
    "good rules with patterns": lambda size: rules_of(
        size,
        lambda n: {"id": f"r-{n}", "merchants": {"allow": [f"*{n}a?{each}*[xyz]*" + "q*" * 40 for each in range(25)]}},
    ),
    "commas": lambda size: b"," * size,
    "spaces, and half a document": lambda size: b" " * (size - 1) + b"{",
    "line ends, and a mistake": lambda size: b"\n" * (size - 1) + b"x",
}

if __name__ == "__main__":
    main()
