"""Looks for newer rules and merchants: a good document replaces the one in use whole, anything else leaves it alone.

Nothing that the outside does is raised: each look ends in a ReloadOutcome, is counted, and is logged when it ends
otherwise than the look before.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from saving_alerts.domain.rules_file.compiler import read_rules
from saving_alerts.domain.rules_file.mistakes import RulesRefusedError
from saving_alerts.metrics import Metric, Metrics
from saving_alerts.ports.clock import Clock
from saving_alerts.ports.errors import MissingObjectError, PortError, RefusedError
from saving_alerts.ports.object_store import ObjectStore
from saving_alerts.reference_data.merchants_file import MerchantsFileReader
from saving_alerts.reference_data.snapshot import ReferenceData

RULES = "rules"
MERCHANTS = "merchants"
LINES_BETWEEN_PAUSES = 1_000
MAX_NAMED_MISTAKES = 100

log = logging.getLogger(__name__)


class ReloadOutcome(StrEnum):
    """How one look at the object store ended."""

    LOADED = "loaded"  # a newer document is in use
    UNCHANGED = "unchanged"  # the one in use is the newest
    MISSING = "missing"  # there is no such object
    REFUSED = "refused"  # the newest document is broken, or the store refuses us
    UNAVAILABLE = "unavailable"  # the store does not answer


GOOD = frozenset({ReloadOutcome.LOADED, ReloadOutcome.UNCHANGED})


@dataclass(frozen=True, slots=True)
class ReloadPolicy:
    """Where the documents are, and how large and how broken they may be."""

    rules_key: str
    merchants_key: str
    max_rules_bytes: int
    max_bad_lines: int


@dataclass(frozen=True, slots=True)
class _LoadResult:
    outcome: ReloadOutcome
    text: str = ""


@dataclass(frozen=True, slots=True)
class _Read:
    """The newest object that was read to its end: its tag, and why it was refused, if it was."""

    etag: str | None = None
    refusal: str | None = None


class ReferenceDataLoader:
    """Keeps `reference_data` as new as the object store. One look per document at a time."""

    def __init__(
        self, store: ObjectStore, policy: ReloadPolicy, reference_data: ReferenceData, clock: Clock, metrics: Metrics
    ) -> None:
        self._store = store
        self._policy = policy
        self._reference_data = reference_data
        self._clock = clock
        self._metrics = metrics
        self._read = {RULES: _Read(), MERCHANTS: _Read()}
        self._told: dict[str, _LoadResult] = {}

    async def reload_rules(self) -> ReloadOutcome:
        return await self._look(RULES, self._load_rules)

    async def reload_merchants(self) -> ReloadOutcome:
        return await self._look(MERCHANTS, self._load_merchants)

    async def wait_until_loaded(self, pause_seconds: float) -> None:
        """Look again and again until both are there; the log says what is missing whenever that changes."""
        while True:
            await self.reload_rules()
            await self.reload_merchants()
            if self._reference_data.is_loaded:
                return
            await self._clock.sleep(timedelta(seconds=pause_seconds))

    async def _look(self, kind: str, load: Callable[[], Awaitable[_LoadResult]]) -> ReloadOutcome:
        try:
            look = await load()
        except PortError as error:
            look = _LoadResult(_outcome_of(error), str(error))
        if look.outcome is ReloadOutcome.UNCHANGED:
            self._reference_data.confirm(kind, self._clock.now())
        elif look.outcome is not ReloadOutcome.LOADED:
            self._reference_data.refuse(kind, look.text)
        self._measure(kind, look)
        self._tell(kind, look)
        return look.outcome

    async def _load_rules(self) -> _LoadResult:
        stored = await self._store.fetch(self._policy.rules_key, self._read[RULES].etag, self._policy.max_rules_bytes)
        if stored is None:
            return self._as_before(RULES)
        try:
            # In a thread: a large file full of mistakes takes a second, and events go on meanwhile.
            rules = await asyncio.to_thread(read_rules, stored.body)
        except RulesRefusedError as error:
            return self._refuse(RULES, stored.etag, _listed(error.mistakes))
        self._reference_data.replace_rules(rules, self._clock.now())
        self._read[RULES] = _Read(stored.etag)
        return _LoadResult(ReloadOutcome.LOADED, f"version {rules.version}, {len(rules.rules)} enabled")

    async def _load_merchants(self) -> _LoadResult:
        async with self._store.lines(self._policy.merchants_key, self._read[MERCHANTS].etag) as stream:
            if stream is None:
                return self._as_before(MERCHANTS)
            reader = await self._read_lines(stream.lines)
            if reader.refusal is not None:
                return self._refuse(MERCHANTS, stream.etag, reader.refusal)
            merchants = reader.merchants()
            self._reference_data.replace_merchants(merchants, self._clock.now())
            self._read[MERCHANTS] = _Read(stream.etag)
            return _LoadResult(ReloadOutcome.LOADED, f"version {merchants.version}, {reader.summary()}")

    async def _read_lines(self, lines: AsyncIterator[bytes]) -> MerchantsFileReader:
        reader = MerchantsFileReader(self._policy.max_bad_lines)
        async for line in lines:
            reader.take(line)
            if reader.has_too_many_bad_lines:
                break
            if reader.lines % LINES_BETWEEN_PAUSES == 0:
                await asyncio.sleep(0)
        return reader

    def _as_before(self, kind: str) -> _LoadResult:
        """The object did not change since it was read, so neither does what was said about it."""
        refusal = self._read[kind].refusal
        return _LoadResult(ReloadOutcome.UNCHANGED) if refusal is None else _LoadResult(ReloadOutcome.REFUSED, refusal)

    def _refuse(self, kind: str, etag: str, why: str) -> _LoadResult:
        self._read[kind] = _Read(etag, why)
        return _LoadResult(ReloadOutcome.REFUSED, why)

    def _measure(self, kind: str, look: _LoadResult) -> None:
        self._metrics.count(Metric.REFERENCE_DATA_RELOADS, kind=kind, outcome=look.outcome)
        confirmed_at = self._reference_data.freshness[kind].confirmed_at
        if confirmed_at is not None:
            age = self._clock.now() - confirmed_at
            self._metrics.gauge(Metric.REFERENCE_DATA_AGE, age.total_seconds(), kind=kind)

    def _tell(self, kind: str, look: _LoadResult) -> None:
        """Log the look unless it says nothing new: unchanged after a good one, or what was said last."""
        before = self._told.get(kind)
        self._told[kind] = look
        if look.outcome in GOOD:
            was_good = before is None or before.outcome in GOOD
            if look.outcome is ReloadOutcome.LOADED or not was_good:
                log.info("%s %s: %s", kind, look.outcome, look.text or self._in_use(kind))
        elif look != before:
            log.warning("%s %s: %s; %s", kind, look.outcome, look.text, self._in_use(kind))

    def _in_use(self, kind: str) -> str:
        version = self._reference_data.freshness[kind].version
        return f"version {version} stays in use" if version else "waiting, because none was loaded yet"


def _outcome_of(error: PortError) -> ReloadOutcome:
    if isinstance(error, MissingObjectError):
        return ReloadOutcome.MISSING
    return ReloadOutcome.REFUSED if isinstance(error, RefusedError) else ReloadOutcome.UNAVAILABLE


def _listed(mistakes: list[str]) -> str:
    named = "; ".join(mistakes[:MAX_NAMED_MISTAKES])
    more = len(mistakes) - MAX_NAMED_MISTAKES
    return f"{named}; and {more} more" if more > 0 else named
