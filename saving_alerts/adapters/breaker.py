"""A circuit breaker as a pure state machine.

    closed ──failures in a row──▶ open ──the pause is over──▶ probing ──answered──▶ closed
                                   ▲──────────── failed ─────────┘

It is our own because purgatory reads the system's clock, counts a cancelled call as a failure (or as a success, which
closes it), and lets all waiting calls be the probe at once: docs/adr/0003-own-breaker.md.
"""

from datetime import datetime, timedelta
from enum import Enum, auto

NO_WAIT = timedelta(0)


class State(Enum):
    CLOSED = auto()
    OPEN = auto()
    PROBING = auto()


class Breaker:
    """Counts the failures in a row of one API and decides whether a request may start.

    Every request belongs to the epoch in which it started; a change of state begins a new one. The outcome of a request
    of an earlier epoch is ignored: it shows how the API was before the change.
    """

    def __init__(self, failures: int, pause: timedelta) -> None:
        self._failures_allowed = failures
        self._pause = pause
        self._state = State.CLOSED
        self._failed_in_a_row = 0
        self._opened_at: datetime | None = None
        self.epoch = 0

    @property
    def is_open(self) -> bool:
        """Whether requests are held back. That includes the time in which the probe is under way."""
        return self._state is not State.CLOSED

    def wait(self, now: datetime) -> timedelta | None:
        """How long no request is admitted, zero if one is now; None: until the probe that is under way has ended."""
        if self._state is State.PROBING:
            return None
        if self._opened_at is None:
            return NO_WAIT
        passed = now - self._opened_at
        # If the clock was set back `passed` is negative: then the pause is over, else it could last for hours.
        return self._pause - passed if NO_WAIT <= passed < self._pause else NO_WAIT

    def admit(self, now: datetime) -> int | None:
        """The epoch of a request that starts now, or None when it may not. While open, that request is the probe."""
        if self.wait(now) != NO_WAIT:
            return None
        if self._state is State.OPEN:
            self._enter(State.PROBING)
        return self.epoch

    def answered(self, epoch: int) -> None:
        """The request got an answer, whatever its status."""
        if epoch == self.epoch and self._state is not State.OPEN:
            self._failed_in_a_row = 0
            if self._state is State.PROBING:
                self._opened_at = None
                self._enter(State.CLOSED)

    def failed(self, epoch: int, now: datetime) -> None:
        """The request got no answer, or one with a status that counts as a failure of the API."""
        if epoch == self.epoch and self._state is not State.OPEN:
            self._failed_in_a_row += 1
            if self._state is State.PROBING or self._failed_in_a_row >= self._failures_allowed:
                self._opened_at = now
                self._enter(State.OPEN)

    def abandoned(self, epoch: int) -> None:
        """The request ended without an outcome, say cancelled. If it was the probe, the next request may be it."""
        if epoch == self.epoch and self._state is State.PROBING:
            self._enter(State.OPEN)

    def _enter(self, state: State) -> None:
        self._state = state
        self.epoch += 1
