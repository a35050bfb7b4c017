"""Who may look: a token opens a session, which is a signed cookie. Guesses are limited; no server keeps a session.

Every worker with the same token knows the cookie of the others. Another token ends all sessions.
"""

import hashlib
import hmac
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable
from time import time

SESSION_SECONDS = 8 * 3600  # a shift
# Nobody mistypes a token more often in a minute; a guess at one of 16 characters needs far more.
GUESSES_OF_ADDRESS = 5
GUESSES_OF_ALL = 30
GUESS_SECONDS = 60
MAX_ADDRESSES = 1_000  # of which guesses are remembered: bounds the memory
MAX_COOKIE_CHARACTERS = 200
NAME_BYTES = 6


class TooManyGuessesError(Exception):
    """Wait for GUESS_SECONDS: this address, or all together, have guessed too often."""


class Access:
    """`seconds` is a clock since the epoch: sessions are good for other workers, too."""

    def __init__(self, token: str, seconds: Callable[[], float] = time) -> None:
        self._token = _digest(token.encode())
        self._key = _digest(b"saving-alerts explain session\0" + token.encode())
        self._seconds = seconds
        self._guesses: OrderedDict[str, deque[float]] = OrderedDict()
        self._all: deque[float] = deque()

    def log_in(self, given: str, address: str) -> str | None:
        """The cookie of a new session; None if the token is another one. Raises TooManyGuessesError."""
        now = self._seconds()
        of_address = self._guesses_of(address)
        if _recent(of_address, now) >= GUESSES_OF_ADDRESS or _recent(self._all, now) >= GUESSES_OF_ALL:
            raise TooManyGuessesError
        if hmac.compare_digest(_digest(given.encode(errors="replace")), self._token):
            return self._signed(f"{int(now) + SESSION_SECONDS}.{secrets.token_hex(NAME_BYTES)}")
        of_address.append(now)
        self._all.append(now)
        return None

    def session(self, cookie: str | None) -> str | None:
        """The session's name, for the log; None if the cookie is none of ours, or is over."""
        if not cookie or len(cookie) > MAX_COOKIE_CHARACTERS or not cookie.isascii():
            return None
        said, _, _ = cookie.rpartition(".")
        if not hmac.compare_digest(self._signed(said), cookie):
            return None
        until, _, name = said.partition(".")
        return name if int(until) > self._seconds() else None

    def _signed(self, said: str) -> str:
        return f"{said}.{hmac.new(self._key, said.encode(), hashlib.sha256).hexdigest()}"

    def _guesses_of(self, address: str) -> deque[float]:
        guesses = self._guesses.setdefault(address, deque())
        self._guesses.move_to_end(address)
        if len(self._guesses) > MAX_ADDRESSES:
            self._guesses.popitem(last=False)
        return guesses


def _recent(guesses: deque[float], now: float) -> int:
    """How many of the last minute; older ones are forgotten."""
    while guesses and now - guesses[0] >= GUESS_SECONDS:
        guesses.popleft()
    return len(guesses)


def _digest(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()
