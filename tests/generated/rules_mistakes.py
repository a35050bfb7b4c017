"""The page of typical mistakes and doubtful rules, with what `rules check` says to each."""

import json
from collections.abc import Iterator
from typing import Any

from tests.support.broken_rules import GOOD, TEXT, mistakes_in
from tests.support.doubtful_rules import DOUBTFUL, MERCHANTS, PLAIN, TODAY, TYPICAL, doubts_in

INTRODUCTION = """# What rules check says

`make generated` writes this page, with the sentences of `saving-alerts rules check`. [The guide](rules.md) says how
rules are written.

## Typical mistakes

A file with one of them is refused whole: nobody can publish it, and workers keep the last good one.
"""
OF_DOUBTS = f"""
## Doubtful rules

These files are good, and workers take them. `rules check --merchants merchants.jsonl` says all the same what is
hardly meant; here on {TODAY}, with a directory of {len(MERCHANTS)} merchants. With `--simulated result.json` it also
names each rule that won none of the recorded events.
"""
NO_NAME = "(rule "  # with which a message ends: the ids here say nothing


def files() -> Iterator[tuple[str, str]]:
    mistakes = ((name, _in_place_of(GOOD["rules"][0], raw), mistakes_in(raw)) for name, (raw, _) in TYPICAL.items())
    found = ((name, _in_place_of(PLAIN, raw), doubts_in(raw)) for name, (raw, _) in DOUBTFUL.items())
    lines = (INTRODUCTION, *_table(mistakes), OF_DOUBTS, *_table(found))
    yield "docs/rules-mistakes.md", "".join(f"{line}\n" for line in lines)


def _table(rows: Iterator[tuple[str, str, list[str]]]) -> Iterator[str]:
    yield "| what it is | written | what `rules check` says |"
    yield "| --- | --- | --- |"
    for name, written, said in rows:
        yield f"| {_escaped(name)} | {written} | {_code(said[0].partition(NO_NAME)[0].strip())} |"


def _in_place_of(plain: dict[str, Any], raw: bytes) -> str:
    """What of a file differs from the plain one: of each rule its fields, or the line that is no JSON."""
    try:
        rules = json.loads(raw)["rules"]
    except ValueError:
        was = set(TEXT.splitlines())
        return _code(*(line.strip() for line in raw.decode().splitlines() if line not in was))
    return _code(*(json.dumps(_changes(plain, each), ensure_ascii=False)[1:-1] for each in rules))


def _changes(plain: dict[str, Any], rule: dict[str, Any]) -> dict[str, Any]:
    changed = {name: value for name, value in rule.items() if name != "id" and plain.get(name) != value}
    texts = changed.pop("message", {}).get("texts", {})
    return changed | {name: text for each in texts.values() for name, text in each.items()}


def _code(*written: str) -> str:
    return "<br>then ".join(f"`{_escaped(each)}`" for each in written)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("`", "'")
