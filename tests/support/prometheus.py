"""Reads a page of metrics as strictly as Prometheus does: one wrong line, and the whole page is refused."""

import re

Labels = tuple[tuple[str, str], ...]

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|Inf|NaN)"
_SAMPLE = re.compile(rf"({_NAME})(?:\{{({_LABEL}(?:,{_LABEL})*)\}})? ({_NUMBER})")
_HEAD = re.compile(rf"# (?:HELP ({_NAME}) .*|TYPE ({_NAME}) (counter|gauge|histogram|info))")
_ONE_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"')
PARTS = ("_bucket", "_sum", "_count")


def read_page(text: str) -> dict[tuple[str, Labels], float]:
    """The samples by name and labels. Raises ValueError for a line that is none or stands there twice."""
    assert text.endswith("\n")
    samples: dict[tuple[str, Labels], float] = {}
    typed: set[str] = set()
    for line in text.removesuffix("\n").split("\n"):
        if head := _HEAD.fullmatch(line):
            typed.add(head[1] or head[2])
            continue
        name, labels, value = _sample(line)
        if (name, labels) in samples or not typed & {name, *map(name.removesuffix, PARTS)}:
            raise ValueError(f"twice, or without its type: {line!r}")
        samples[name, labels] = value
    return samples


def _sample(line: str) -> tuple[str, Labels, float]:
    found = _SAMPLE.fullmatch(line)
    if found is None:
        raise ValueError(f"no sample: {line!r}")
    labels = tuple((label[1], label[2]) for label in _ONE_LABEL.finditer(found[2] or ""))
    if len(dict(labels)) != len(labels):
        raise ValueError(f"a label stands there twice: {line!r}")
    return found[1], labels, float(found[3])
