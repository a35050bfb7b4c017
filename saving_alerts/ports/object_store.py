"""The bucket that rules and merchants come from."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A whole object with its entity tag."""

    body: bytes
    etag: str


class ObjectStore(Protocol):
    """A bucket. Every call can raise UnavailableError; RefusedError means wrong credentials or a missing bucket."""

    async def fetch(self, key: str, unless_etag: str | None, max_bytes: int) -> StoredObject | None:
        """The object, or None while its tag is still `unless_etag`. Raises MissingObjectError where there is none."""

    def lines(self, key: str, unless_etag: str | None) -> AbstractAsyncContextManager["ObjectLines | None"]:
        """The object as a stream of lines, or None while its tag is still `unless_etag`."""

    async def put(self, key: str, body: bytes) -> None:
        """Write the object whole."""


class SwappingStore(ObjectStore, Protocol):
    """A bucket in which an object can be swapped against the one that was read. Workers do not need it."""

    async def put_if(self, key: str, body: bytes, etag: str | None) -> bool:
        """Write the object whole if its tag is still `etag`; None: if there is no object. False: it is not so."""


MAX_LINE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class ObjectLines:
    r"""A streamed object: its tag is known before its first line.

    A line comes with its `\n`. Of one that is longer than MAX_LINE_BYTES without it, only the first
    MAX_LINE_BYTES + 1 come: enough to tell, and nothing that eats memory. Reading can raise UnavailableError.
    """

    etag: str
    lines: AsyncIterator[bytes]
