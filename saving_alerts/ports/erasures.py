"""What a worker knows of the orders to erase users of its partitions."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ErasureReport:
    """`waiting`: orders that are not carried out yet, and why not the last of them. `refused`: which never will be."""

    waiting: int
    problem: str | None
    refused: tuple[str, ...]
