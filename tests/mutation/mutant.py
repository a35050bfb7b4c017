"""What a mutant is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Edit:
    """`old`, which occurs exactly once in `file`, is replaced by `new`."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """`tests` are what pytest is given: one of them has to fail."""

    name: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]
