"""What a worker sees of its deployment: the others, those that are gone, what all have counted, all partitions."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from saving_alerts.dependencies import REDIS, State
from saving_alerts.domain.history import Deployment, WorkerHistory
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.ports.heartbeats import Heard, WorkerRow
from saving_alerts.ports.object_store import ObjectStore
from saving_alerts.reference_data.loader import MERCHANTS, RULES
from saving_alerts.web.stats import PartitionLag
from saving_alerts.worker.partition_looks import Look, PartitionLooks, look_at
from saving_alerts.worker.publications import Publications
from saving_alerts.worker.runtime import WorkerRuntime

# How long what was asked for a page is kept, and how often it is asked for without one, so that nobody is missed.
KEPT_FOR_PAGES = timedelta(seconds=1)
# A row lives for 6 s: so a death is known when, after the session timeout of 10 s, its partitions come to others.
KEPT_OTHERWISE = timedelta(seconds=4)
# A worker that ended without a word is shown for so long: until somebody has looked into it.
GONE_SHOWN = timedelta(hours=1)
MAX_GONE = 20


class DeploymentView:
    """As last known wherever Redis or Kafka does not answer. `own_lag` are this worker's partitions as it sees them."""

    def __init__(
        self, runtime: WorkerRuntime, own_lag: Callable[[], Sequence[PartitionLag]], look: Look | None = None
    ) -> None:
        settings = runtime.settings
        inputs = tuple(topic.name for topic in runtime.topics.inputs.values())
        self._runtime = runtime
        self._own_lag = own_lag
        self._looks = PartitionLooks(look or partial(look_at, settings.kafka, settings.app_id, inputs), runtime.clock)
        keys = {RULES: settings.s3_rules_key, MERCHANTS: settings.s3_merchants_key}
        self.publications = Publications(keys, self._object_store, runtime.clock)
        self._asked_at = runtime.started_at - KEPT_OTHERWISE
        self._histories: tuple[WorkerHistory, ...] = ()
        self._seen: dict[str, WorkerRow] = {}  # silent once, by incarnation
        self.others = Heard()

    @property
    def gone(self) -> tuple[WorkerRow, ...]:
        """Those that ended without a word within the last hour, and have no successor of their name."""
        now, heard = self._runtime.clock.now(), {row.incarnation for row in (*self.others.rows, *self.others.silent)}
        seen = [row for row in self._seen.values() if row.incarnation not in heard]
        return self._without_successor(row for row in seen if now - row.beaten_at < GONE_SHOWN)

    @property
    def silent(self) -> tuple[WorkerRow, ...]:
        """Those that do not answer, and have no successor of their name."""
        return self._without_successor(self.others.silent)

    def rows_of_others(self) -> tuple[WorkerRow, ...]:
        """The last ones heard, also of those that are silent."""
        return (*self.others.rows, *self.others.silent)

    def _without_successor(self, rows: Iterable[WorkerRow]) -> tuple[WorkerRow, ...]:
        runtime = self._runtime
        successors = {row.name: row.started_at for row in self.others.rows}
        successors[runtime.settings.worker_name] = runtime.started_at
        return tuple(row for row in rows if successors.get(row.name, row.started_at) <= row.started_at)

    def untaken(self, ours: Mapping[str, Sequence[int]]) -> tuple[WorkerRow, ...]:
        """Those that do not answer, and have a partition that nobody else has; `ours` are this worker's, by topic."""
        taken = set(_pairs(ours)).union(*(_pairs(row.owned) for row in self.others.rows))
        return tuple(row for row in self.others.silent if not taken.issuperset(_pairs(row.owned)))

    @property
    def partitions_problem(self) -> str | None:
        return self._looks.problem

    def counted(self, now: datetime) -> Deployment:
        """By time, by all workers of the last day."""
        ours = self._runtime.metrics_by_time.history(self._runtime.incarnation)
        return Deployment((ours, *self._histories), now)

    async def look(self, *, for_page: bool = True) -> None:
        """At the others, in Redis; asked at most once a second, or every 4 s where nobody looks."""
        runtime, now = self._runtime, self._runtime.clock.now()
        kept_for = KEPT_FOR_PAGES if for_page else KEPT_OTHERWISE
        if runtime.opened is None:
            return
        if for_page:
            self._looks.ask()
        if now - self._asked_at < kept_for:
            return
        self._asked_at = now
        try:
            self._remember(await runtime.opened.ports.heartbeats.heard())
            if for_page:
                histories = await runtime.opened.ports.histories.read()
                self._histories = tuple(each for each in histories if each.incarnation != runtime.incarnation)
        except UnavailableError as error:
            runtime.dependencies.of(REDIS).note(State.DEGRADED, str(error))

    async def close(self) -> None:
        await asyncio.gather(self._looks.close(), self.publications.close())

    def _object_store(self) -> ObjectStore | None:
        return self._runtime.opened.ports.object_store if self._runtime.opened else None

    def partitions(self, rows: Sequence[WorkerRow]) -> tuple[PartitionLag, ...]:
        """All of the deployment, each with its owner by what the workers say; before Kafka was asked, our own."""
        name = self._runtime.settings.worker_name
        if self._looks.places is None:
            return tuple(
                PartitionLag(each.topic, each.partition, each.committed, each.end, name) for each in self._own_lag()
            )
        owners = {
            (topic, number): row.name for row in rows for topic, numbers in row.owned.items() for number in numbers
        }
        return tuple(
            PartitionLag(topic, number, place.committed, place.end, owners.get((topic, number)), place.oldest_at)
            for (topic, number), place in self._looks.places.items()
        )

    def _remember(self, heard: Heard) -> None:
        ours = self._runtime.incarnation
        rows, silent = ([row for row in rows if row.incarnation != ours] for rows in (heard.rows, heard.silent))
        self.others = Heard(tuple(rows), tuple(silent), heard.unreadable)
        self._seen |= {row.incarnation: row for row in silent}
        for incarnation in [row.incarnation for row in rows if row.incarnation in self._seen]:
            del self._seen[incarnation]
        self._seen = dict(list(self._seen.items())[-MAX_GONE:])


def _pairs(owned: Mapping[str, Sequence[int]]) -> Iterator[tuple[str, int]]:
    return ((topic, number) for topic, numbers in owned.items() for number in numbers)
