"""The numbers of the page as plain values. Pure: everything comes in as arguments."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from saving_alerts.adapters.in_memory_metrics import InMemoryMetrics
from saving_alerts.adapters.metrics_by_time import MetricsByTime
from saving_alerts.delivery.held_back import HeldBack
from saving_alerts.domain.decisions import Stage
from saving_alerts.domain.decoding import Instant
from saving_alerts.domain.funnel import StepCount
from saving_alerts.domain.reasons import Reason
from saving_alerts.metrics import FORWARDED, Metric
from saving_alerts.ports.heartbeats import WorkerRow
from saving_alerts.reference_data.snapshot import Freshness
from saving_alerts.supervision.health import Condition
from saving_alerts.web.canary import Canary
from saving_alerts.web.flows import Flow
from saving_alerts.web.switches import Switch
from saving_alerts.web.verdict import Verdict


@dataclass(frozen=True, slots=True)
class StageNumbers:
    """One stage of this worker; durations in seconds from intake to durable outcome.

    The percentiles are of the last five minutes, None where nothing ended in them.
    """

    stage: str
    taken: int
    forwarded: int
    decided: int
    in_flight: int
    p50_seconds: float | None
    p99_seconds: float | None


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """Commit and end of a topic partition; None while it is not known.

    `owner` is the worker that has it, None where nobody is known to. `oldest_at` is when its first record was written
    that is not committed.
    """

    topic: str
    partition: int
    committed: int | None
    end: int | None
    owner: str | None = None
    oldest_at: Instant | None = None

    @property
    def records(self) -> int | None:
        """How many offsets the commit is behind the end."""
        return None if self.committed is None or self.end is None else max(0, self.end - self.committed)

    @property
    def is_remarkable(self) -> bool:
        """Whether it has no owner, or records that are not committed."""
        return self.end is not None and (self.owner is None or self.records != 0)


@dataclass(frozen=True, slots=True)
class Published:
    """Who published the version in use, when, and what for."""

    by: str
    at: Instant
    note: str


@dataclass(frozen=True, slots=True)
class Document:
    """The rules or the merchants in use, their age in seconds, and why the newest file was refused, if it was.

    `remark` says what was left out of those in use.
    """

    kind: str
    version: str | None
    age_seconds: float | None
    refusal: str | None
    remark: str | None = None
    published: Published | None = None


@dataclass(frozen=True, slots=True)
class Stats:
    """Everything on the page, and the body of /stats.json.

    `funnel`, `decisions` and `flows` count what all workers, also those that are gone, did in the last day, `since`
    when the oldest of it happened; the other numbers are this worker's. `cluster` are the rows of all live workers,
    `gone` the last ones of those that ended without a word. `partitions` are all of the deployment, as of the last
    look at Kafka; `partitions_problem` says why that is long ago. `held_back` are partitions whose commit waits for a
    record of this worker. `canary_problem`: why a canary that stands in S3 is not used. `explains`: whether this worker
    has the page `/explain`.
    """

    worker: str
    version: str
    at: Instant
    funnel: tuple[StepCount, ...]
    decisions: dict[str, int]
    stages: tuple[StageNumbers, ...]
    lag: tuple[PartitionLag, ...]
    conditions: tuple[Condition, ...]
    documents: tuple[Document, ...]
    dead_letters: int
    cluster: tuple[WorkerRow, ...]
    silent: tuple[WorkerRow, ...] = ()
    unreadable_heartbeats: tuple[str, ...] = ()
    asks_avoided: float | None = None
    when_errors: dict[str, int] = field(default_factory=dict)
    held_back: tuple[HeldBack, ...] = ()
    verdict: Verdict = field(default_factory=Verdict)
    flows: tuple[Flow, ...] = ()
    since: Instant | None = None
    partitions: tuple[PartitionLag, ...] = ()
    partitions_problem: str | None = None
    gone: tuple[WorkerRow, ...] = ()
    switches: tuple[Switch, ...] = ()
    canary: Canary | None = None
    canary_problem: str | None = None
    dead_letters_by_reason: dict[str, int] = field(default_factory=dict)
    started_at: Instant | None = None
    explains: bool = False


class Report(Protocol):
    """What the pages need of a worker."""

    @property
    def metrics(self) -> InMemoryMetrics:
        """This worker's metrics since its start."""

    def live(self) -> list[Condition]:
        """The conditions of `/health/live`: the watchdog ends the process if one does not hold."""

    def conditions(self) -> list[Condition]:
        """The conditions of `/health/ready`."""

    async def stats(self) -> Stats:
        """The numbers of the page, as of now."""


def decisions_of(metrics: InMemoryMetrics) -> dict[str, int]:
    """This worker's decisions by reason, every reason included."""
    return {str(reason): metrics.total(Metric.STAGE_OUT, decision=reason) for reason in Reason}


def asks_avoided(metrics: InMemoryMetrics) -> float | None:
    """The share (0 to 1) of events that `query_coupons` decided without asking the API; None before the first one."""
    events = metrics.total(Metric.STAGE_OUT, stage=Stage.QUERY_COUPONS)
    return metrics.total(Metric.COUPON_API_SKIPPED) / events if events else None


def when_errors(metrics: InMemoryMetrics) -> dict[str, int]:
    """How often each rule's `when` failed on a live event since the start, most often first."""
    counted = {dict(tags)["rule"]: times for tags, times in metrics.counters(Metric.RULES_WHEN_ERRORS).items()}
    return dict(sorted(counted.items(), key=lambda each: (-each[1], each[0])))


def stage_numbers(
    metrics: InMemoryMetrics, recent: MetricsByTime, in_flight: Mapping[Stage, int]
) -> tuple[StageNumbers, ...]:
    return tuple(_stage(metrics, recent, stage, in_flight.get(stage, 0)) for stage in Stage)


def _stage(metrics: InMemoryMetrics, recent: MetricsByTime, stage: Stage, in_flight: int) -> StageNumbers:
    forwarded = metrics.total(Metric.STAGE_OUT, stage=stage, decision=FORWARDED)
    p50, p99 = recent.quantiles(stage, (0.5, 0.99))
    return StageNumbers(
        stage=stage,
        taken=metrics.total(Metric.STAGE_IN, stage=stage),
        forwarded=forwarded,
        decided=metrics.total(Metric.STAGE_OUT, stage=stage) - forwarded,
        in_flight=in_flight,
        p50_seconds=p50,
        p99_seconds=p99,
    )


def documents(
    freshness: Mapping[str, Freshness],
    now: datetime,
    published: Callable[[str, str | None], Published | None] = lambda *_: None,
) -> tuple[Document, ...]:
    """`published` says of a document and a version who published it, as far as it is known."""
    return tuple(_document(kind, one, now, published(kind, one.version)) for kind, one in freshness.items())


def _document(kind: str, one: Freshness, now: datetime, published: Published | None) -> Document:
    age_seconds = (now - one.confirmed_at).total_seconds() if one.confirmed_at else None
    return Document(kind, one.version, age_seconds, one.refusal, one.remark, published)


def dead_letters_by_reason(metrics: InMemoryMetrics) -> dict[str, int]:
    """This worker's, since its start, by stage and reason; without those that have none."""
    counted = {
        f"{reason} at {stage}": metrics.total(Metric.DEAD_LETTERS, stage=stage, reason=reason)
        for stage in Stage
        for reason in (Reason.INVALID, Reason.DEAD_LETTER)
    }
    return {what: number for what, number in counted.items() if number}
