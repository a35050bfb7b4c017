"""Reloads the two documents, rules and merchants: a good one replaces the one in use as a whole, else that one stays.

A reload never raises for what S3 does or holds. It ends in a ReloadOutcome, which is counted, and logged if it is news.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import partial

from saving_alerts.domain.rules.rule_set import RuleSet
from saving_alerts.domain.rules_file.compiler import read_rules
from saving_alerts.domain.rules_file.mistakes import NotCheckedInTimeError, RulesRefusedError, in_words
from saving_alerts.metrics import Metric, Metrics
from saving_alerts.ports.accepted_directory import AcceptedDirectory
from saving_alerts.ports.clock import Clock
from saving_alerts.ports.errors import MissingObjectError, PortError, RefusedError
from saving_alerts.ports.object_store import ObjectStore
from saving_alerts.reference_data.approvals import Approvals
from saving_alerts.reference_data.file_check import FileCheck
from saving_alerts.reference_data.merchants_file import MerchantsFileReader, MerchantsLimits
from saving_alerts.reference_data.shrink_guard import ShrinkGuard
from saving_alerts.reference_data.snapshot import ReferenceData

RULES = "rules"
MERCHANTS = "merchants"
LINES_BETWEEN_PAUSES = 1_000  # then the event loop gets a turn: a file may have a million lines
MAX_NAMED_MISTAKES = 100  # bounds the log line and the refusal on the page

log = logging.getLogger(__name__)


class ReloadOutcome(StrEnum):
    """How one reload ended. The values are metric tags and stand in the log."""

    LOADED = "loaded"  # a newer document is in use
    UNCHANGED = "unchanged"  # the document in use is the newest
    MISSING = "missing"  # there is no such object
    REFUSED = "refused"  # the newest document has mistakes, or the store refuses the request
    UNAVAILABLE = "unavailable"  # the store does not answer


GOOD_OUTCOMES = frozenset({ReloadOutcome.LOADED, ReloadOutcome.UNCHANGED})


@dataclass(frozen=True, slots=True)
class ReloadPolicy:
    """The keys of the documents, and their limits."""

    rules_key: str
    merchants_key: str
    max_rules_bytes: int
    rules_check_seconds: float
    max_merchants_bytes: int
    merchants_limits: MerchantsLimits
    rules_need_approval: bool = False


@dataclass(frozen=True, slots=True)
class _LoadResult:
    """`text`: the version that was loaded, or why none was; empty if nothing changed."""

    outcome: ReloadOutcome
    text: str = ""


@dataclass(frozen=True, slots=True)
class _LastRead:
    """The tag of the object that was read last, and why it was refused, if it was.

    `directory` is the one that was read; `left_out` what was left out of it.
    """

    etag: str | None = None
    refusal: str | None = None
    directory: AcceptedDirectory | None = None
    left_out: str | None = None


class ReferenceDataLoader:
    """Brings newer documents from the object store into `reference_data`.

    Do not call a method for the same document again before it has returned.
    """

    def __init__(
        self,
        store: ObjectStore,
        guard: ShrinkGuard,
        policy: ReloadPolicy,
        reference_data: ReferenceData,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._store = store
        self._guard = guard
        self._policy = policy
        self._reference_data = reference_data
        self._clock = clock
        self._metrics = metrics
        self._approvals = Approvals(store, policy.rules_key)
        self._rules_check = FileCheck[RuleSet](policy.rules_check_seconds)
        self._last_read = {RULES: _LastRead(), MERCHANTS: _LastRead()}
        self._last_result: dict[str, _LoadResult] = {}

    async def reload_rules(self) -> ReloadOutcome:
        return await self._reload(RULES, self._load_rules)

    async def reload_merchants(self) -> ReloadOutcome:
        return await self._reload(MERCHANTS, self._load_merchants)

    async def wait_until_loaded(self, pause_seconds: float) -> None:
        """Reload every `pause_seconds` until both documents are loaded. What is missing is logged when it changes."""
        while True:
            await asyncio.gather(self.reload_rules(), self.reload_merchants())  # neither waits for the other
            if self._reference_data.is_loaded:
                return
            await self._clock.sleep(timedelta(seconds=pause_seconds))

    async def _reload(self, document: str, load: Callable[[], Awaitable[_LoadResult]]) -> ReloadOutcome:
        try:
            result = await load()
        except PortError as error:
            result = _LoadResult(_outcome_of(error), str(error))
        except Exception as error:
            log.exception("%s: a fault of this program, met by what S3 holds", document)
            result = _LoadResult(ReloadOutcome.REFUSED, f"$: {in_words(error)}")
        if result.outcome is ReloadOutcome.UNCHANGED:
            self._reference_data.confirm(document, self._clock.now())
        elif result.outcome is not ReloadOutcome.LOADED:
            self._reference_data.refuse(document, result.text)
        self._measure(document, result)
        self._log(document, result)
        return result.outcome

    async def _load_rules(self) -> _LoadResult:
        etag = self._last_read[RULES].etag
        stored = await self._store.fetch(self._policy.rules_key, etag, self._policy.max_rules_bytes)
        if stored is None:
            return self._unchanged(RULES)
        try:
            rules = await self._rules_check.run(partial(read_rules, stored.body))
        except NotCheckedInTimeError as error:
            return _LoadResult(ReloadOutcome.REFUSED, str(error))
        except RulesRefusedError as error:
            return self._refuse(RULES, stored.etag, _listed(error))
        if self._policy.rules_need_approval and (why := await self._approvals.refusal(stored.body)):
            return _LoadResult(ReloadOutcome.REFUSED, why)
        self._reference_data.replace_rules(rules, self._clock.now())
        self._last_read[RULES] = _LastRead(stored.etag)
        return _LoadResult(ReloadOutcome.LOADED, f"version {rules.version}, {len(rules.rules)} enabled")

    async def _load_merchants(self) -> _LoadResult:
        await self._guard.look()
        self._forget_refusal_if_accepted()
        key, etag, most = self._policy.merchants_key, self._last_read[MERCHANTS].etag, self._policy.max_merchants_bytes
        async with self._store.lines(key, etag, most) as stream:
            if stream is None:
                return await self._confirm_merchants()
            reader = await self._read_lines(stream.lines)
            if reader.refusal is not None:
                return self._refuse(MERCHANTS, stream.etag, reader.refusal)
            return await self._take_merchants(reader, stream.etag)

    def _forget_refusal_if_accepted(self) -> None:
        """A directory that was refused for what it has lost is read again once it may be used."""
        last = self._last_read[MERCHANTS]
        if last.refusal is not None and last.directory is not None and self._guard.refusal(last.directory) is None:
            self._last_read[MERCHANTS] = _LastRead()

    async def _take_merchants(self, reader: MerchantsFileReader, etag: str) -> _LoadResult:
        merchants = reader.merchants()
        directory = AcceptedDirectory(version=merchants.version, merchants=len(merchants.by_id))
        refusal = self._guard.refusal(directory)
        self._last_read[MERCHANTS] = _LastRead(etag, refusal, directory, reader.left_out)
        if refusal is not None:
            return _LoadResult(ReloadOutcome.REFUSED, refusal)
        self._guard.took(directory)
        self._reference_data.replace_merchants(merchants, self._clock.now(), self._merchants_remark())
        await self._guard.confirmed(directory)
        said = [f"version {merchants.version}, {reader.summary()}", self._guard.remark]
        return _LoadResult(ReloadOutcome.LOADED, "; ".join(filter(None, said)))

    async def _confirm_merchants(self) -> _LoadResult:
        last = self._last_read[MERCHANTS]
        if last.refusal is None and last.directory is not None:
            await self._guard.confirmed(last.directory)
            self._reference_data.remark(MERCHANTS, self._merchants_remark())
        return self._unchanged(MERCHANTS)

    def _merchants_remark(self) -> str | None:
        return "; ".join(filter(None, [self._guard.remark, self._last_read[MERCHANTS].left_out])) or None

    async def _read_lines(self, lines: AsyncIterator[bytes]) -> MerchantsFileReader:
        reader = MerchantsFileReader(self._policy.merchants_limits)
        async for line in lines:
            reader.take(line)
            if reader.is_refused_already:
                break
            if reader.lines % LINES_BETWEEN_PAUSES == 0:
                await asyncio.sleep(0)
        return reader

    def _unchanged(self, document: str) -> _LoadResult:
        """The object is the one that was read last: if it was refused then, it is refused again."""
        refusal = self._last_read[document].refusal
        return _LoadResult(ReloadOutcome.UNCHANGED) if refusal is None else _LoadResult(ReloadOutcome.REFUSED, refusal)

    def _refuse(self, document: str, etag: str, why: str) -> _LoadResult:
        self._last_read[document] = _LastRead(etag, why)
        return _LoadResult(ReloadOutcome.REFUSED, why)

    def _measure(self, document: str, result: _LoadResult) -> None:
        self._metrics.count(Metric.REFERENCE_DATA_RELOADS, kind=document, outcome=result.outcome)
        confirmed_at = self._reference_data.freshness[document].confirmed_at
        if confirmed_at is not None:
            age = self._clock.now() - confirmed_at
            self._metrics.gauge(Metric.REFERENCE_DATA_AGE, age.total_seconds(), kind=document)

    def _log(self, document: str, result: _LoadResult) -> None:
        """Log a result unless it is no news: unchanged after a good one, or the same failure as before."""
        before = self._last_result.get(document)
        self._last_result[document] = result
        if result.outcome in GOOD_OUTCOMES:
            was_good = before is None or before.outcome in GOOD_OUTCOMES
            if result.outcome is ReloadOutcome.LOADED or not was_good:
                log.info("%s %s: %s", document, result.outcome, result.text or self._in_use(document))
        elif result != before:
            log.warning("%s %s: %s; %s", document, result.outcome, result.text, self._in_use(document))

    def _in_use(self, document: str) -> str:
        version = self._reference_data.freshness[document].version
        return f"version {version} stays in use" if version else "waiting, because none was loaded yet"


def _outcome_of(error: PortError) -> ReloadOutcome:
    if isinstance(error, MissingObjectError):
        return ReloadOutcome.MISSING
    return ReloadOutcome.REFUSED if isinstance(error, RefusedError) else ReloadOutcome.UNAVAILABLE


def _listed(error: RulesRefusedError) -> str:
    named = "; ".join(error.mistakes[:MAX_NAMED_MISTAKES])
    more = len(error.mistakes) - MAX_NAMED_MISTAKES + error.more
    return f"{named}; and {more} more" if more > 0 else named
