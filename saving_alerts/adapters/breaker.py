"""When to leave an API alone: a circuit breaker as a pure state machine.

    closed ──failures in a row──▶ open ──the pause is over──▶ probing ──answered──▶ closed
                                   ▲──────────── failed ─────────┘

Ours, because purgatory asks the system for the time, counts a cancelled call as a failure (or as a success, which
closes it), and lets everybody who waits be the probe at once.
"""

from datetime import datetime, timedelta
from enum import Enum, auto

NO_WAIT = timedelta(0)


class State(Enum):
    CLOSED = auto()
    OPEN = auto()
    PROBING = auto()


class Breaker:
    """Counts failures in a row of one API and says who may ask it.

    Every request belongs to the epoch in which it started; a change of state begins a new one. What is said about a
    request of an earlier epoch is ignored, so that old news neither closes nor opens anything.
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
        """Whether requests are held back: also while the probe is under way."""
        return self._state is not State.CLOSED

    def wait(self, now: datetime) -> timedelta | None:
        """How long nobody is admitted, zero for not at all; None until the probe under way is settled."""
        if self._state is State.PROBING:
            return None
        if self._opened_at is None:
            return NO_WAIT
        passed = now - self._opened_at
        # A clock that was set back must not keep it open for longer than the pause.
        return self._pause - passed if NO_WAIT <= passed < self._pause else NO_WAIT

    def admit(self, now: datetime) -> int | None:
        """The epoch of a request that starts now, or None when it may not. While open, that request is the probe."""
        if self.wait(now) != NO_WAIT:
            return None
        if self._state is State.OPEN:
            self._enter(State.PROBING)
        return self.epoch

    def answered(self, epoch: int) -> None:
        """The API is alive, whatever it said."""
        if epoch == self.epoch and self._state is not State.OPEN:
            self._failed_in_a_row = 0
            if self._state is State.PROBING:
                self._opened_at = None
                self._enter(State.CLOSED)

    def failed(self, epoch: int, now: datetime) -> None:
        """The API did not answer, or said itself that it is ill."""
        if epoch == self.epoch and self._state is not State.OPEN:
            self._failed_in_a_row += 1
            if self._state is State.PROBING or self._failed_in_a_row >= self._failures_allowed:
                self._opened_at = now
                self._enter(State.OPEN)

    def abandoned(self, epoch: int) -> None:
        """The request ended without saying anything about the API. If it was the probe, another may be it at once."""
        if epoch == self.epoch and self._state is State.PROBING:
            self._enter(State.OPEN)

    def _enter(self, state: State) -> None:
        self._state = state
        self.epoch += 1
