"""How other systems can fail, by what the caller does next. docs/errors.md draws the tree of all our exceptions."""

from collections.abc import Mapping


class PortError(Exception):
    """Another system failed. The text names the system and what it did.

    `failed_asks`: the requests to the Coupon API that had failed for this event before, if it is the Coupon API's.
    """

    failed_asks: Mapping[str, int] = {}


class UnavailableError(PortError):
    """No answer, or a temporary one, within the attempts and the time allowed: asking again later may help."""


class DeadlineError(UnavailableError):
    """No answer before the deadline: it is too late to ask again.

    The caller must not compare the deadline with its clock instead: a timer may end a moment before the clock shows it.
    """


class RefusedError(PortError):
    """An answer that no repetition would change. `status` is the HTTP status; None if the answer is unusable."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class MissingObjectError(UnavailableError):
    """The bucket does not have this object yet."""
