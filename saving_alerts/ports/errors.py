"""How the outside world can fail, split by what the caller does next.

PortError
├── UnavailableError        nobody answered, or "later": asking again may help
│   ├── DeadlineError       the deadline came first: asking again is too late
│   └── MissingObjectError  no such object in the bucket yet: it may appear
└── RefusedError            a clear, permanent no: asking again is pointless

An attempt to push never raises: it may have arrived, so each of its ends is a value that the caller must look at.
"""


class PortError(Exception):
    """The outside world failed. The text names the dependency and what it did."""


class UnavailableError(PortError):
    """No answer, or a temporary one, within the attempts and the time allowed."""


class DeadlineError(UnavailableError):
    """No answer before the deadline. It is said here, because a timer may end a moment before the clock shows it."""


class RefusedError(PortError):
    """A permanent no. `status` is the HTTP status, None where the answer itself was unusable."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class MissingObjectError(UnavailableError):
    """There is no such object yet; it may appear."""
