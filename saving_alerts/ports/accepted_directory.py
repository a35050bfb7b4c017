"""The merchant directory that workers accepted last: what a new one is compared with."""

from dataclasses import dataclass
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from saving_alerts.domain.decoding import Count


class AcceptedDirectory(msgspec.Struct, frozen=True, kw_only=True):
    """Its version, and how many merchants it has."""

    version: Annotated[str, Meta(pattern="^[0-9a-f]{12}$", max_length=12)]
    merchants: Count


@dataclass(frozen=True, slots=True)
class Noted:
    """What was noted as accepted last.

    `directory` is None if nothing was, or if what stands there is no note; then `problem` says which. `raw` is for
    `replace` only.
    """

    directory: AcceptedDirectory | None
    raw: bytes
    problem: str | None = None


class AcceptedDirectories(Protocol):
    """One note for all workers of a deployment. Every call can raise UnavailableError."""

    async def last(self) -> Noted:
        """What stands there now."""

    async def replace(self, noted: Noted, directory: AcceptedDirectory) -> bool:
        """Note the directory if what `last` returned still stands there, or the directory itself. False: not noted."""

    async def accept(self, directory: AcceptedDirectory) -> None:
        """Note the directory, whatever stands there."""
