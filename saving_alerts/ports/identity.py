"""Who runs a command, as the platform that checks credentials says it, and not as people call themselves."""

from dataclasses import dataclass
from typing import Protocol

# What stands in an AWS user id; no slash, so that it is one part of a key.
ID_PATTERN = r"^[A-Za-z0-9_+=,.@:-]{1,200}$"


@dataclass(frozen=True, slots=True)
class Principal:
    """`id` is unique, for good, and never reused: AWS calls it `aws:userid`. `name` is for people: the ARN."""

    id: str
    name: str


class Identity(Protocol):
    """Every call can raise UnavailableError and RefusedError."""

    async def caller(self) -> Principal:
        """Whose credentials these are."""
