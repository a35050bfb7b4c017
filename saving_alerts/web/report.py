"""All that one worker can say of itself, gathered at the moment somebody asks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from saving_alerts.domain.workers import PartitionLag, WorkerIdentity, WorkerRow, funnel_total
from saving_alerts.health import Condition, Health
from saving_alerts.ports import Clock
from saving_alerts.reference_data import ReferenceData
from saving_alerts.tally import Tally
from saving_alerts.web import stats
from saving_alerts.web.cluster import AskCluster, CachedCluster, Cluster
from saving_alerts.web.rates import RecentRates
from saving_alerts.web.stats import ClusterStats, HealthStats, Stats

Conditions = Sequence[Callable[[], Condition]]


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a worker's report takes everything from. The callables answer at once and do not raise.

    `cluster` may take its time, and may raise UnavailableError.
    """

    worker: WorkerIdentity
    clock: Clock
    tally: Tally
    reference_data: ReferenceData
    live: Conditions
    ready: Conditions
    lag: Callable[[], Sequence[PartitionLag]]
    cluster: AskCluster


class WorkerReport:
    """`row` wants to be called every few seconds: the rates are made of its samples."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._rates = RecentRates(sources.worker.started_at)
        self._cluster = CachedCluster(sources.cluster, sources.clock)

    @property
    def tally(self) -> Tally:
        return self._sources.tally

    def health(self) -> Health:
        return Health(
            live=tuple(condition() for condition in self._sources.live),
            ready=tuple(condition() for condition in self._sources.ready),
        )

    def row(self) -> WorkerRow:
        """This worker's row of the cluster table, as of now."""
        sources, now = self._sources, self._sources.clock.now()
        counted = stats.funnel(sources.tally)
        freshness = sources.reference_data.freshness
        return WorkerRow(
            **_fields(sources.worker),
            beaten_at=now,
            rules_version=freshness["rules"].version,
            merchants_version=freshness["merchants"].version,
            partitions=tuple(f"{each.topic}/{each.partition}" for each in stats.lag_stats(sources.lag())),
            in_flight=stats.in_flight(sources.tally),
            events_read=counted.read,
            events_per_second=self._look(now)["validate.taken"],
            funnel=counted,
        )

    async def stats(self) -> Stats:
        cluster = await self._cluster.now()
        sources, now = self._sources, self._sources.clock.now()
        return Stats(
            at=now,
            uptime_seconds=max(0.0, (now - sources.worker.started_at).total_seconds()),
            worker=sources.worker,
            health=_health_stats(self.health()),
            funnel=stats.funnel_steps(stats.funnel(sources.tally)),
            stages=stats.stage_stats(sources.tally, self._look(now)),
            reasons=stats.reason_stats(sources.tally),
            lag=stats.lag_stats(sources.lag()),
            reference_data=stats.document_stats(sources.reference_data.freshness, now),
            dead_letters=stats.dead_letter_stats(sources.tally),
            cluster=_cluster_stats(cluster),
        )

    def _look(self, now: datetime) -> dict[str, float]:
        return self._rates.look(now, stats.totals(self._sources.tally))


def _health_stats(health: Health) -> HealthStats:
    return HealthStats(is_live=health.is_live, is_ready=health.is_ready, live=health.live, ready=health.ready)


def _cluster_stats(cluster: Cluster) -> ClusterStats:
    return ClusterStats(
        workers=cluster.workers,
        funnel=stats.funnel_steps(funnel_total(cluster.workers)),
        events_per_second=sum(row.events_per_second for row in cluster.workers),
        problem=cluster.problem,
    )


def _fields(worker: WorkerIdentity) -> dict[str, object]:
    return {name: getattr(worker, name) for name in WorkerIdentity.__struct_fields__}
