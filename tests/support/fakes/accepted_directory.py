"""The AcceptedDirectories port in memory. The contract tests run on it and on Redis."""

import msgspec

from saving_alerts.ports.accepted_directory import AcceptedDirectory, Noted
from saving_alerts.ports.errors import UnavailableError


class FakeAcceptedDirectories:
    """Holds `noted`; None is a Redis that has lost it. Set `down` and every call raises UnavailableError."""

    def __init__(self, noted: AcceptedDirectory | None = None) -> None:
        self.noted = noted
        self.down = False

    async def last(self) -> Noted:
        self._answer_or_fail()
        return Noted(self.noted, self._raw, None if self.noted else "no directory was accepted before")

    async def replace(self, noted: Noted, directory: AcceptedDirectory) -> bool:
        self._answer_or_fail()
        if self.noted != directory and self._raw != noted.raw:
            return False
        self.noted = directory
        return True

    async def accept(self, directory: AcceptedDirectory) -> None:
        self._answer_or_fail()
        self.noted = directory

    @property
    def _raw(self) -> bytes:
        return msgspec.json.encode(self.noted) if self.noted else b""

    def _answer_or_fail(self) -> None:
        if self.down:
            raise UnavailableError("Redis cannot be reached: this fake is down")
