"""What an HTTP request to one of the APIs can come to: an answer, perhaps without its body, or one of three errors."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

# The limits of docs/contracts.md: 0 would repeat a request at once, a wrong date could stop all requests for days.
MIN_RETRY_AFTER_SECONDS = 1
MAX_RETRY_AFTER_SECONDS = 600


class NotSentError(Exception):
    """There was no connection: no byte of the request has left. Its cause is the error of the connection."""


class NotConnectedInTimeError(NotSentError, TimeoutError):
    """As above: the time for connecting was over."""


class BrokenAnswerError(Exception):
    """The connection broke, or what came is no HTTP or goes beyond a limit. The request may have arrived."""


class OversizeError(Exception):
    """A body is longer than the limit. The rest of it was not read."""


BodyError = OversizeError | BrokenAnswerError | TimeoutError


@dataclass(slots=True)
class Answer:
    """The head of an answer was read whole. `body_error` says why `body` is empty although the answer has one."""

    status: int
    headers: list[tuple[bytes, bytes]]  # as they came
    body: bytes
    body_error: BodyError | None = None

    def retry_after(self, now: datetime) -> timedelta | None:
        """The pause that the API asks for, limited to 1 s to 10 min; None without a readable Retry-After."""
        text = next((value.decode("latin-1") for name, value in self.headers if name.lower() == b"retry-after"), "")
        try:
            seconds = float(int(text)) if text.isdecimal() else _seconds_until(text, now)
        except (ValueError, OverflowError):
            return None
        return timedelta(seconds=min(max(seconds, MIN_RETRY_AFTER_SECONDS), MAX_RETRY_AFTER_SECONDS))


def in_words_of_status(status: int | None) -> str:
    """`HTTP 500`; empty without an answer."""
    return "" if status is None else f"HTTP {status}"


def _seconds_until(date: str, now: datetime) -> float:
    moment = parsedate_to_datetime(date)
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds()
