"""Refuses a merchant directory that has lost too many merchants, until somebody accepts it.

It is compared with the directory that the workers of the deployment accepted last. That note is kept in Redis; while
Redis does not say, a worker goes by what it accepted last itself. docs/adr/0028-directories-that-shrink.md says why.
"""

from contextlib import suppress
from decimal import Decimal

from saving_alerts.ports.accepted_directory import AcceptedDirectories, AcceptedDirectory, Noted
from saving_alerts.ports.errors import UnavailableError

NOT_COMPARED = "it was not compared with the last accepted directory"


def too_many_gone(new: AcceptedDirectory, last: AcceptedDirectory, max_loss: float) -> str | None:
    """Numbers and versions in words if `new` has lost more than this share of the merchants of `last`, else None.

    A version that was accepted is never refused, whatever it lost.
    """
    # As people write the share: 0.29 * 100 is a little less than 29.
    allowed = Decimal(str(max_loss)) * last.merchants
    if new.version == last.version or last.merchants - new.merchants <= allowed:
        return None
    had = f"the last accepted directory (version {last.version}) had {last.merchants:,}"
    return f"{_merchants(new.merchants)}, {had}: more than {max_loss * 100:g} % are gone"


class ShrinkGuard:
    """One worker's. `look` comes before each look at S3; then `refusal`, `took` and `confirmed` go by what it found.

    In this order a worker that is late cannot put an older directory in the place of a newer one: whatever was noted
    since `look` stays. No method raises for what Redis does or holds.
    """

    def __init__(self, directories: AcceptedDirectories, max_loss: float) -> None:
        self._directories = directories
        self._max_loss = max_loss
        self._noted: Noted | None = None  # what `look` found; None if Redis did not say
        self._problem: str | None = None  # why nothing is noted
        self._own: AcceptedDirectory | None = None  # what this worker uses
        self._remark: str | None = None

    @property
    def remark(self) -> str | None:
        """That the directory in use was not compared, and why; None if it was."""
        return self._remark

    async def look(self) -> None:
        """Ask Redis what was accepted last. A Redis that has lost it is told what this worker uses."""
        try:
            self._noted = await self._directories.last()
            if self._noted.directory is None and self._own is not None:
                await self._directories.replace(self._noted, self._own)
                self._noted = await self._directories.last()
            self._problem = self._noted.problem
        except UnavailableError as error:
            self._noted, self._problem = None, str(error)

    def refusal(self, directory: AcceptedDirectory) -> str | None:
        """Why it must not be used, and what to do; None if it may be."""
        last = self._accepted or self._own
        gone = too_many_gone(directory, last, self._max_loss) if last else None
        return f"{gone}; if this is meant, run `saving-alerts merchants accept {directory.version}`" if gone else None

    def took(self, directory: AcceptedDirectory) -> None:
        """This worker uses it from now on."""
        was_compared = (self._accepted or self._own) is not None
        self._remark = None if was_compared else f"{NOT_COMPARED}: {self._problem}"
        self._own = directory

    async def confirmed(self, directory: AcceptedDirectory) -> None:
        """This worker uses it, and S3 has had nothing newer since `look`: note it as the last accepted one.

        One that was taken uncompared and would now be refused is not noted: workers that start must not take it.
        """
        if self._noted is None:
            return
        gone = self.refusal(directory)
        if self._accepted is not None and self._remark is not None:
            self._remark = f"{NOT_COMPARED} when it was taken, and would be refused now: {gone}" if gone else None
        if gone is None and (self._accepted is None or self._accepted.version != directory.version):
            with suppress(UnavailableError):  # the next look tries again
                await self._directories.replace(self._noted, directory)

    @property
    def _accepted(self) -> AcceptedDirectory | None:
        return self._noted.directory if self._noted else None


def _merchants(number: int) -> str:
    return f"{number:,} merchant" if number == 1 else f"{number:,} merchants"
