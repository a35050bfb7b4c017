"""Who published the rules and the merchants in use, and what for: from the histories in the bucket, for the page.

Read in the background, only while somebody looks at a page, and once for a version. Where a worker may not read the
history, or nobody has published the version by a command, the page does not say it.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from saving_alerts.domain.decoding import printable
from saving_alerts.ports.clock import Clock
from saving_alerts.ports.errors import PortError
from saving_alerts.ports.object_store import ObjectStore
from saving_alerts.reference_data.document_store import MAX_HISTORY_BYTES, Publication, history_key, read_history
from saving_alerts.web.stats import Published

log = logging.getLogger(__name__)

# A version whose publication is not in the history yet, or could not be read, is looked for again after so long.
LOOK_AGAIN = timedelta(minutes=1)
MAX_NOTE_CHARACTERS = 300


class Publications:
    """`keys` are those of the documents in the bucket, by their kinds. `store` is None before the worker is open."""

    def __init__(self, keys: Mapping[str, str], store: Callable[[], ObjectStore | None], clock: Clock) -> None:
        self._keys = keys
        self._store = store
        self._clock = clock
        self._looked: dict[str, tuple[str, datetime]] = {}
        self._found: dict[tuple[str, str], Published] = {}
        self._task: asyncio.Task[None] | None = None

    def of(self, kind: str, version: str | None) -> Published | None:
        """As far as it is known; it is looked for if it is not. Never waits."""
        if version is None or (kind, version) in self._found:
            return self._found.get((kind, version or ""))
        now = self._clock.now()
        before = self._looked.get(kind)
        is_due = before is None or before[0] != version or now - before[1] >= LOOK_AGAIN
        store = self._store()
        if is_due and store is not None and (self._task is None or self._task.done()):
            self._looked[kind] = (version, now)
            self._task = asyncio.create_task(self._look(store, kind, version))
        return None

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _look(self, store: ObjectStore, kind: str, version: str) -> None:
        try:
            stored = await store.fetch(history_key(self._keys[kind]), None, MAX_HISTORY_BYTES)
        except PortError as error:
            log.debug("the history of the %s cannot be read: %s", kind, error)
            return
        publications = await asyncio.to_thread(read_history, stored.body if stored else b"")
        last = next((each for each in reversed(publications) if each.version == version), None)
        if last is not None:
            self._found = {known: each for known, each in self._found.items() if known[0] != kind}
            self._found[kind, version] = _published(last)


def _published(publication: Publication) -> Published:
    by, note = (printable(text, MAX_NOTE_CHARACTERS) for text in (publication.by, publication.note))
    return Published(by, publication.at, note)
