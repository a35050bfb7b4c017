"""A few lines for many: one of every shape, the shortest first."""

from collections.abc import Callable

import msgspec

from tests.recorded.lines import Line

MAX_BYTES = 4_000  # an oversize event is kept whole in its dead letter: too much for here
Group = Callable[[Line], object]


def representative(lines: list[Line], group: Group, most_per_group: int) -> list[Line]:
    """Of every group at most so many, no two of one shape. They stay in their order."""
    chosen: dict[object, dict[object, Line]] = {}
    for line in sorted(lines, key=lambda line: len(line.value_bytes or b"")):
        shapes = chosen.setdefault(group(line), {})
        if len(shapes) < most_per_group and len(line.value_bytes or b"") <= MAX_BYTES:
            shapes.setdefault(_shape_of(line), line)
    kept = {id(line) for shapes in chosen.values() for line in shapes.values()}
    return [line for line in lines if id(line) in kept]


def _shape_of(line: Line) -> object:
    value = line.value_bytes
    document = msgspec.json.decode(value) if value else None
    return frozenset(_shape(document, "$")), len(line.headers)


def _shape(document: object, path: str) -> set[str]:
    """Every field with the kind of its value. The items of a list count as one."""
    if isinstance(document, dict):
        return {path}.union(*(_shape(each, f"{path}.{name}") for name, each in document.items()))
    if isinstance(document, list):
        return {f"{path}[{min(len(document), 2)}]"}.union(*(_shape(each, f"{path}[]") for each in document))
    return {f"{path}:{_kind_of(document)}"}


def _kind_of(document: object) -> str:
    """An empty text is a shape of its own, and so are yes and no; numbers are all alike."""
    return str(document) if isinstance(document, bool) or document == "" else type(document).__name__


def same(*fields: str) -> Group:
    """Lines with the same values of these fields belong together."""

    def group(line: Line) -> object:
        document = msgspec.json.decode(line.value_bytes or b"{}")
        return tuple(document.get(field) for field in fields) if isinstance(document, dict) else None

    return group
