"""What every reader answers in the end."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Value:
    """It was read, and used as the product uses it."""

    value: object


@dataclass(frozen=True, slots=True)
class Refused:
    """It was refused, in words."""

    words: str


Outcome = Value | Refused
