"""A process of its own for each look, one at a time: a look reads hundreds of megabytes, and the worker goes on.

The question goes in by stdin, so that no list of processes shows a user id; the answer comes back by stdout.
"""

import asyncio
import logging
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping

import msgspec
from pydantic import SecretStr

from saving_alerts import ENVIRONMENT_PREFIX
from saving_alerts.domain.decoding import Decoder, Unreadable
from saving_alerts.settings import Settings, variable
from saving_alerts.web.explain.questions import Question

log = logging.getLogger(__name__)

MODULE = "saving_alerts.web.explain.reading"
READING_SECONDS = 60.0  # an event without its user is searched in all partitions
WAITING_SECONDS = 10.0  # for the looks before
MAX_WAITING = 4  # looks; who comes then is told to come again
MAX_ANSWER_BYTES = 16 * 1024 * 1024
MAX_COMPLAINT_BYTES = 4 * 1024
NOT_FOR_READING = frozenset({"explain_token", "failpoint", "failpoint_signal"})


class BusyError(Exception):
    """Others look. Try again in some seconds."""


class ReadingFailedError(Exception):
    """The process ended without an answer, or took too long. The text says which."""


class Reading(msgspec.Struct, frozen=True):
    """A page: its status, how many events it tells of, and its HTML."""

    status: int
    events: int
    html: str


_readings = Decoder(Reading, MAX_ANSWER_BYTES)


class ReadingProcess:
    """`environment` has the settings of the deployment that is read."""

    def __init__(self, environment: Mapping[str, str], seconds: float = READING_SECONDS) -> None:
        self._environment = environment
        self._seconds = seconds
        self._one_at_a_time = asyncio.Lock()
        self._waiting = 0

    async def answer(self, question: Question) -> Reading:
        """Raises BusyError, ReadingFailedError."""
        if self._waiting > MAX_WAITING:
            raise BusyError
        self._waiting += 1
        try:
            await asyncio.wait_for(self._one_at_a_time.acquire(), WAITING_SECONDS)
        except TimeoutError as error:
            raise BusyError from error
        finally:
            self._waiting -= 1
        try:
            return await self._read(question)
        finally:
            self._one_at_a_time.release()

    async def _read(self, question: Question) -> Reading:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            MODULE,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env={**_around_us(), **self._environment},
        )
        try:
            async with asyncio.timeout(self._seconds):
                return await _answer_of(process, msgspec.json.encode(question))
        except TimeoutError as error:
            raise ReadingFailedError(f"it took longer than {self._seconds:g} s") from error
        finally:
            await _end(process)


async def _answer_of(process: Process, question: bytes) -> Reading:
    """The complaints are read beside the answer: a pipe that nobody empties stops who writes into it."""
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise ReadingFailedError("it has no pipes")
    process.stdin.write(question)
    process.stdin.close()
    answer, complaints = await asyncio.gather(
        _at_most(process.stdout, MAX_ANSWER_BYTES), _at_most(process.stderr, MAX_COMPLAINT_BYTES)
    )
    reading = _readings.read(answer)
    if isinstance(reading, Unreadable):
        log.error("explain: the process that reads has failed: %s", complaints.decode(errors="replace"))
        raise ReadingFailedError(f"it ended with {await process.wait()} and without an answer: {reading}")
    return reading


async def _at_most(stream: asyncio.StreamReader, most: int) -> bytes:
    """The first bytes; the rest is read and thrown away."""
    kept = bytearray()
    while chunk := await stream.read(64 * 1024):
        kept += chunk[: most - len(kept)]
    return bytes(kept)


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()


def _around_us() -> dict[str, str]:
    """Where Python is, and S3's credentials; of our own variables only those that a reading needs."""
    return {name: value for name, value in os.environ.items() if not name.startswith(ENVIRONMENT_PREFIX)}


def environment_of(settings: Settings) -> dict[str, str]:
    """What makes the same settings in another process: those that were set, without what a reading does not need."""
    found = {name: getattr(settings, name) for name in settings.model_fields_set - NOT_FOR_READING}
    return {variable(name): _text(value) for name, value in found.items() if value is not None}


def _text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return str(value).lower() if isinstance(value, bool) else str(value)
