"""The trace that an event belongs to, as W3C Trace Context names it: `traceparent`.

It comes as a header of the event and goes on as a header of the records between the stages. Whoever asks an API for the
event finds it here, because each event that waits for others has a task of its own.
"""

import re
from collections.abc import Iterable
from contextvars import ContextVar

TRACEPARENT = "traceparent"
# Version, trace, parent and flags; a trace or parent of zeros is none, and ff is no version.
_FORM = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

_current: ContextVar[str | None] = ContextVar(TRACEPARENT, default=None)


def traceparent_in(headers: Iterable[tuple[str, bytes | None]]) -> str | None:
    """That of a record; None without one, or for what is none: others write these headers."""
    for name, value in headers:
        if name == TRACEPARENT and value is not None and _FORM.fullmatch(value):
            return value.decode()
    return None


def traceparent_now() -> str | None:
    """That of the event which this task works on."""
    return _current.get()


class tracing:  # noqa: N801 - it is called as a function is
    """What runs inside works on an event of this trace."""

    __slots__ = ("_before", "_traceparent")

    def __init__(self, traceparent: str | None) -> None:
        self._traceparent = traceparent

    def __enter__(self) -> None:
        self._before = _current.set(self._traceparent)

    def __exit__(self, *_: object) -> None:
        _current.reset(self._before)
