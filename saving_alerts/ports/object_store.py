"""The bucket with the rules and the merchants."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A whole object, with its entity tag."""

    body: bytes
    etag: str


class ObjectStore(Protocol):
    """A bucket. Every call can raise UnavailableError, and RefusedError for wrong credentials or a missing bucket."""

    async def fetch(self, key: str, unless_etag: str | None, max_bytes: int) -> StoredObject | None:
        """The object, or None if its tag is still `unless_etag`.

        Raises MissingObjectError if there is no object, RefusedError if it has more than `max_bytes`.
        """

    def lines(
        self, key: str, unless_etag: str | None, max_bytes: int
    ) -> AbstractAsyncContextManager["ObjectLines | None"]:
        """The object as a stream of lines, or None if its tag is still `unless_etag`.

        Raises MissingObjectError if there is no object. Iterating raises RefusedError after `max_bytes`, or at once if
        it is known to have more.
        """

    async def put(self, key: str, body: bytes) -> None:
        """Write the whole object."""


class SwappingStore(ObjectStore, Protocol):
    """A bucket with conditional writes. Only the commands that publish need it."""

    async def put_if(self, key: str, body: bytes, etag: str | None) -> bool:
        """Write the whole object if its tag is still `etag`, or for None if there is no object. False: not written."""


MAX_LINE_BYTES = 64 * 1024  # of one merchant (docs/contracts.md): bounds the memory of a file without line ends


@dataclass(frozen=True, slots=True)
class ObjectLines:
    r"""A streamed object, with its entity tag.

    Each line has its `\n`. A line of more than MAX_LINE_BYTES without the `\n` is cut to MAX_LINE_BYTES + 1 bytes, so
    that the reader can tell that it was too long. Iterating can raise UnavailableError and RefusedError.
    """

    etag: str
    lines: AsyncIterator[bytes]
