"""Brings the order of a canary, and the rules that it names, from the object store into the reference data.

It never raises for what S3 does or holds. While S3 does not answer, what is known stays; and what is known decides by
the clock alone when the canary is over. What cannot be read, or used, is no canary: everybody has the other rules.
"""

import logging
from datetime import timedelta
from functools import partial

from saving_alerts.domain.canary.order import MAX_ORDER_BYTES, CanaryOrder, read_order
from saving_alerts.domain.decoding import Unreadable, printable
from saving_alerts.domain.rules.rule_set import RuleSet
from saving_alerts.domain.rules_file.compiler import read_rules, version_of
from saving_alerts.domain.rules_file.mistakes import NotCheckedInTimeError, RulesRefusedError, in_words
from saving_alerts.ports.clock import Clock
from saving_alerts.ports.errors import MissingObjectError, PortError, RefusedError
from saving_alerts.ports.object_store import ObjectStore
from saving_alerts.reference_data.approvals import Approvals
from saving_alerts.reference_data.canary_orders import may_be_missing, order_key
from saving_alerts.reference_data.file_check import FileCheck
from saving_alerts.reference_data.loader import ReloadPolicy
from saving_alerts.reference_data.snapshot import ReferenceData

log = logging.getLogger(__name__)

MAX_NAMED_MISTAKES = 20


class CanaryLoader:
    """Do not call `reload` again before it has returned."""

    def __init__(self, store: ObjectStore, policy: ReloadPolicy, reference_data: ReferenceData, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._policy = policy
        self._reference_data = reference_data
        self._approvals = Approvals(store, policy.rules_key)
        self._check = FileCheck[RuleSet](policy.rules_check_seconds)
        self._etag: str | None = None
        self._order: CanaryOrder | Unreadable | None = None
        self._rules: RuleSet | None = None
        self._refused: tuple[str, str] | None = None  # a version, and why
        self._said: tuple[object, str | None] = (None, None)

    async def wait_until_known(self, pause_seconds: float) -> None:
        """Reload every `pause_seconds` until it is known: a worker that starts must not give users the wrong rules."""
        while not await self.reload():
            await self._clock.sleep(timedelta(seconds=pause_seconds))

    async def reload(self) -> bool:
        """Whether it is known what stands in the bucket now, and its rules, if it counts."""
        try:
            await self._read_order()
            canary, problem = await self._canary()
        except RefusedError as error:  # the right to read it is missing, or it is too large: nobody waits for that
            self._note(f"not as of now: {error}")
            return True
        except PortError as error:
            self._note(f"not as of now: {error}")
            return False
        except Exception as error:
            log.exception("canary: a fault of this program, met by what S3 holds")
            canary, problem = None, f"it is not used: {in_words(error)}"
        self._reference_data.replace_canary(canary, problem)
        self._log(canary[0] if canary else None, problem)
        return True

    def _note(self, problem: str) -> None:
        """What is known stays."""
        if problem != self._reference_data.canary_problem:
            log.warning("canary: %s; what is known stays", problem)
        self._reference_data.canary_problem = problem

    async def _read_order(self) -> None:
        try:
            stored = await self._store.fetch(order_key(self._policy.rules_key), self._etag, MAX_ORDER_BYTES)
        except MissingObjectError:
            self._etag, self._order = None, None
            return
        except RefusedError as error:
            if self._order is None and may_be_missing(error):
                return
            raise
        if stored is not None:
            self._order, self._etag = read_order(stored.body), stored.etag

    async def _canary(self) -> tuple[tuple[CanaryOrder, RuleSet] | None, str | None]:
        """What is to be used, or why what stands there is not."""
        order = self._order
        if isinstance(order, Unreadable):
            return None, f"{order_key(self._policy.rules_key)} is not used, because it cannot be read: {order}"
        live = self._reference_data.freshness["rules"].version
        if order is None or not order.counts or order.instead_of != live:
            return None, None
        has_its_rules = self._rules is not None and self._rules.version == order.version
        if not has_its_rules and (why := await self._load(order.version)) is not None:
            return None, f"{order.id} is not used: {why}"
        return (None, None) if self._rules is None else ((order, self._rules), None)

    async def _load(self, version: str) -> str | None:
        """Why it cannot be used."""
        if self._refused is not None and self._refused[0] == version:
            return self._refused[1]
        self._rules = None
        key = f"{self._policy.rules_key.removesuffix('.json')}/{version}.json"
        try:
            stored = await self._store.fetch(key, None, self._policy.max_rules_bytes)
        except MissingObjectError:
            return f"there is no {key}"
        except RefusedError as error:
            return str(error)
        return "it was not read" if stored is None else await self._take(version, stored.body)

    async def _take(self, version: str, body: bytes) -> str | None:
        if version_of(body) != version:
            return f"what stands there as {version} is {version_of(body)}"
        if self._policy.rules_need_approval and (why := await self._approvals.refusal(body)):
            return why
        try:
            self._rules = await self._check.run(partial(read_rules, body))
        except NotCheckedInTimeError as error:
            return str(error)
        except RulesRefusedError as error:
            self._refused = version, "; ".join(error.mistakes[:MAX_NAMED_MISTAKES])
            return self._refused[1]
        return None

    def _log(self, order: CanaryOrder | None, problem: str | None) -> None:
        """What is news."""
        before, self._said = self._said, (order, problem)
        if before == self._said:
            return
        if problem is not None:
            log.warning("canary: %s; everybody has the other rules", problem)
        elif order is None:
            log.info("canary: none counts")
        elif order.ended is not None:
            ended = order.ended
            log.info("canary %s was %s by %s: %s", order.id, ended.how, printable(ended.by), printable(ended.note))
        else:
            log.info("%s, by %s: %s", order, printable(order.by), printable(order.note))
