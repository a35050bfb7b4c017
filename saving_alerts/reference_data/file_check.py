"""Runs the check of a file beside the event loop, for a limited time."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Event, Thread
from typing import Generic, TypeVar

from saving_alerts.domain.rules_file.mistakes import NotCheckedInTimeError, RulesRefusedError, in_words

Result = TypeVar("Result")
Check = Callable[[Callable[[], None]], Result]


class FileCheck(Generic[Result]):
    """One check at a time, in a daemon thread: neither the event loop nor the end of the process waits for it.

    docs/adr/0027-files-that-cannot-stop-a-worker.md says why it is no process.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ended = Event()
        self._ended.set()

    async def run(self, check: Check[Result]) -> Result:
        """What `check` returns or raises. It gets a function that it calls between its steps, and that may end it.

        Raises NotCheckedInTimeError after the time, and while an earlier check goes on that did not end in its time.
        """
        if not self._ended.is_set():
            raise NotCheckedInTimeError(["$: not checked, because the check of an earlier file has not ended yet"])
        self._ended, given_up = Event(), Event()
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        arguments = (partial(check, self._limit(given_up)), done, self._ended)
        Thread(target=_work, args=arguments, name="file check", daemon=True).start()
        try:
            async with asyncio.timeout(self._seconds):
                return await done
        except TimeoutError as error:
            raise self._too_long() from error
        finally:
            given_up.set()

    def _limit(self, given_up: Event) -> Callable[[], None]:
        ends_at = time.monotonic() + self._seconds

        def look() -> None:
            if given_up.is_set() or time.monotonic() > ends_at:
                raise self._too_long()

        return look

    def _too_long(self) -> NotCheckedInTimeError:
        return NotCheckedInTimeError([f"$: not checked within {self._seconds:g} s: refused, and checked again later"])


def _work(check: Callable[[], Result], done: "asyncio.Future[Result]", ended: Event) -> None:
    """In the thread. Native code can panic with what is no Exception: in the event loop that would end the worker."""
    try:
        outcome = partial(done.set_result, check())
    except Exception as error:  # noqa: BLE001 - it goes to whoever awaits
        outcome = partial(done.set_exception, error)
    except BaseException as error:  # noqa: BLE001
        outcome = partial(done.set_exception, RulesRefusedError([f"$: {in_words(error)}"]))
    ended.set()
    with suppress(RuntimeError):  # the loop is closed: nobody waits any more
        done.get_loop().call_soon_threadsafe(_settle, done, outcome)


def _settle(done: "asyncio.Future[Result]", outcome: Callable[[], None]) -> None:
    if not done.done():
        outcome()
