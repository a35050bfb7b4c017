"""The rules in the bucket, with all versions: workers read `rules.json`; every version stays as `rules/<version>.json`.

Publishing writes the version, then replaces `rules.json` if it is still the object that was read, then adds a line to
`rules/history.jsonl`. A command that dies in between breaks nothing: it leaves a version that nobody reads, or a
publication that the history lacks, which `rules history` reports (docs/adr/0024-publishing-rules.md). The merchant
directory is kept in the same way.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import msgspec

from saving_alerts.domain.decoding import Decoder, Instant, Unreadable
from saving_alerts.domain.rules_file.compiler import version_of
from saving_alerts.ports.errors import MissingObjectError
from saving_alerts.ports.object_store import StoredObject, SwappingStore

log = logging.getLogger(__name__)

MAX_HISTORY_BYTES = 8 * 1024 * 1024  # bounds what reading it costs
MAX_KEPT_BYTES = 64 * 1024 * 1024  # bounds what replacing a document costs
HISTORY_ATTEMPTS = 20  # each fails only if another command has added its line since the history was read


class ChangedMeanwhileError(Exception):
    """Another command has changed the document or its history meanwhile. The text names the versions."""


class UnknownVersionError(Exception):
    """The bucket does not have this version. The text names the object."""


class Publication(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the history."""

    version: str
    by: str
    note: str
    at: Instant
    replaced: str | None
    approved_by: str | None = None


_publications = Decoder(Publication)
ODD_LINE = "line %d of %s is no publication, and is left out: %s"


@dataclass(frozen=True, slots=True)
class Current:
    """The document that workers read now. `version` and `etag` are None before the first one."""

    version: str | None
    etag: str | None


class DocumentStore:
    """One kind of document: `name` is "rules" or "merchants", `key` the object that workers read.

    Every call can raise UnavailableError and RefusedError, as the ObjectStore port does.
    """

    suffix = ".json"

    def __init__(self, store: SwappingStore, name: str, key: str, max_bytes: int) -> None:
        self._store = store
        self.name = name
        self._key = key
        self._folder = key.removesuffix(self.suffix)
        self._max_bytes = max_bytes
        # What a person has put there may be larger than what workers read, and is replaced and kept all the same.
        self._most_kept = max(max_bytes, MAX_KEPT_BYTES)

    @staticmethod
    def version_of(body: bytes) -> str:
        return version_of(body)

    async def current(self) -> Current:
        stored = await self._found(self._key, self._most_kept)
        return Current(self.version_of(stored.body), stored.etag) if stored else Current(None, None)

    async def body(self, version: str | None) -> bytes:
        """The bytes of a version; of the one that workers read now for None. Raises UnknownVersionError."""
        key = self._key if version is None else self._key_of(version)
        stored = await self._found(key, self._max_bytes)
        if stored is None:
            raise UnknownVersionError(f"there is no {key} in the bucket; `{self.name} history` lists the versions")
        return stored.body

    async def publish(
        self, body: bytes, instead_of: Current, by: str, note: str, now: datetime, approved_by: str | None = None
    ) -> Publication:
        """Replace the document `instead_of`, which `current` returned, and keep it, whoever has put it there.

        Raises ChangedMeanwhileError if it has changed since.
        """
        version = self.version_of(body)
        await self._keep(instead_of)
        await self._store.put(self._key_of(version), body)
        if not await self._store.put_if(self._key, body, instead_of.etag):
            await self._refuse_unless_ours(version, instead_of)
        publication = Publication(
            version=version, by=by, note=note, at=now, replaced=instead_of.version, approved_by=approved_by
        )
        await self._note(publication)
        return publication

    async def keep(self, body: bytes) -> None:
        """Write a version without making it the one that workers read."""
        await self._store.put(self._key_of(self.version_of(body)), body)

    async def history(self) -> tuple[Publication, ...]:
        """Oldest first. Lines that are no publication are left out, and named in the log."""
        lines, _ = await self._history()
        return read_history(lines, lambda number, why: log.warning(ODD_LINE, number, self._history_key, why))

    async def _keep(self, replaced: Current) -> None:
        """What a person has put there by hand is no version yet, and could not be rolled back to."""
        if replaced.version is None or any(each.version == replaced.version for each in await self.history()):
            return
        stored = await self._found(self._key, self._most_kept)
        body = stored.body if stored else b""
        if (found := self.version_of(body)) != replaced.version:
            raise ChangedMeanwhileError(f"the {self.name} in S3 are {found} now, and were {replaced.version}")
        await self._store.put(self._key_of(replaced.version), body)

    async def _refuse_unless_ours(self, version: str, instead_of: Current) -> None:
        """The driver repeats a request whose answer was lost: then the condition fails because of our own write."""
        found = await self.current()
        if found.version != version:
            raise ChangedMeanwhileError(f"the {self.name} in S3 are {found.version} now, and were {instead_of.version}")

    async def _note(self, publication: Publication) -> None:
        line = msgspec.json.encode(publication) + b"\n"
        for _ in range(HISTORY_ATTEMPTS):
            lines, etag = await self._history()
            end = b"\n" if lines and not lines.endswith(b"\n") else b""  # somebody else's editor
            if await self._store.put_if(self._history_key, lines + end + line, etag):
                return
        raise ChangedMeanwhileError(f"version {publication.version} is published, but the history could not be written")

    async def _history(self) -> tuple[bytes, str | None]:
        stored = await self._found(self._history_key, MAX_HISTORY_BYTES)
        return (stored.body, stored.etag) if stored else (b"", None)

    async def _found(self, key: str, max_bytes: int) -> StoredObject | None:
        try:
            return await self._store.fetch(key, None, max_bytes)
        except MissingObjectError:
            return None

    @property
    def _history_key(self) -> str:
        return history_key(self._key)

    def _key_of(self, version: str) -> str:
        return f"{self._folder}/{version}{self.suffix}"


def history_key(key: str) -> str:
    """Where the publications of the document stand that is read from this key."""
    return f"{key.removesuffix('.jsonl').removesuffix('.json')}/history.jsonl"


def read_history(
    lines: bytes, left_out: Callable[[int, Unreadable], object] = lambda *_: None
) -> tuple[Publication, ...]:
    """Oldest first. `left_out` is called with the number of a line that is no publication, and why."""
    found: list[Publication] = []
    for number, line in enumerate(lines.splitlines(), 1):
        each = _publications.read(line)
        if isinstance(each, Unreadable):
            left_out(number, each)
        else:
            found.append(each)
    return tuple(found)


def rules_store(store: SwappingStore, key: str, max_bytes: int) -> DocumentStore:
    return DocumentStore(store, "rules", key, max_bytes)


def before(history: tuple[Publication, ...], current: str | None) -> str | None:
    """The version that was live before the current one; None if the history does not have it.

    Before a document that was put there by hand, it is the one that was published last.
    """
    if history and history[-1].version != current:
        return history[-1].version
    replacing = (each for each in reversed(history) if each.version == current != each.replaced)
    publication = next(replacing, None)
    return publication.replaced if publication else None
