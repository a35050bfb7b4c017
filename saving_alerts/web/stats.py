"""The numbers of one worker as plain values, each built by a pure function from what was counted."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from saving_alerts.domain.decisions import Reason, Stage
from saving_alerts.domain.workers import Funnel, PartitionLag, WorkerIdentity, WorkerRow
from saving_alerts.health import Condition
from saving_alerts.metrics import Metric
from saving_alerts.reference_data import Freshness
from saving_alerts.tally import Tally

FORWARDED = "forwarded"  # what the tag `decision` of `stage.out` says where an event went on

Rates = Mapping[str, float]


class FunnelStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step: how many came so far, as a share of what was read (0 to 1)."""

    step: str
    events: int
    share: float


class StageStats(msgspec.Struct, frozen=True, kw_only=True):
    """One stage. Durations are of the last 1,024 measurements, None before the first."""

    stage: Stage
    taken: int
    left: int
    taken_per_second: float
    left_per_second: float
    in_flight: int
    duration_p50_seconds: float | None = None
    duration_p99_seconds: float | None = None


class ReasonStats(msgspec.Struct, frozen=True, kw_only=True):
    reason: Reason
    events: int


class LagStats(msgspec.Struct, frozen=True, kw_only=True):
    """One assigned partition; None where Kafka has not said it yet."""

    topic: str
    partition: int
    committed: int | None
    end: int | None
    lag: int | None


class DocumentStats(msgspec.Struct, frozen=True, kw_only=True):
    """Rules or merchants: which version is in use, when S3 last confirmed it, why the newest was refused."""

    kind: str
    version: str | None
    confirmed_at: datetime | None
    age_seconds: float | None
    refusal: str | None


class DeadLetterStats(msgspec.Struct, frozen=True, kw_only=True):
    stage: Stage
    records: int


class HealthStats(msgspec.Struct, frozen=True, kw_only=True):
    is_live: bool
    is_ready: bool
    live: tuple[Condition, ...]
    ready: tuple[Condition, ...]


class ClusterStats(msgspec.Struct, frozen=True, kw_only=True):
    """All workers that are alive and their sums. `problem` says why they are not known, None when they are."""

    workers: tuple[WorkerRow, ...]
    funnel: tuple[FunnelStep, ...]
    events_per_second: float
    problem: str | None


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """All that the page shows. Counts are since the worker started, rates over about the last minute."""

    at: datetime
    uptime_seconds: float
    worker: WorkerIdentity
    health: HealthStats
    funnel: tuple[FunnelStep, ...]
    stages: tuple[StageStats, ...]
    reasons: tuple[ReasonStats, ...]
    lag: tuple[LagStats, ...]
    reference_data: tuple[DocumentStats, ...]
    dead_letters: tuple[DeadLetterStats, ...]
    cluster: ClusterStats


def totals(tally: Tally) -> dict[str, int]:
    """What rates are wanted of, under the names by which `stage_stats` asks for them."""
    taken = {f"{stage}.taken": tally.total(Metric.STAGE_IN, stage=stage) for stage in Stage}
    left = {f"{stage}.left": tally.total(Metric.STAGE_OUT, stage=stage) for stage in Stage}
    return taken | left


def funnel(tally: Tally) -> Funnel:
    valid = _left(tally, Stage.VALIDATE) - _ended(tally, Stage.VALIDATE, Reason.INVALID, Reason.DEAD_LETTER)
    return Funnel(
        read=tally.total(Metric.EVENTS_READ),
        valid=valid,
        triggers=valid - _ended(tally, Stage.VALIDATE, Reason.NOT_A_TRIGGER),
        asked=_left(tally, Stage.QUERY_COUPONS)
        - _ended(tally, Stage.QUERY_COUPONS, Reason.DEAD_LETTER)
        - tally.total(Metric.COUPON_API_SKIPPED),
        with_coupons=_forwarded(tally, Stage.QUERY_COUPONS),
        alerts=_forwarded(tally, Stage.EVALUATE_RULES),
        pushed=_ended(tally, Stage.DISPATCH_PUSH, Reason.PUSHED),
    )


def funnel_steps(counted: Funnel) -> tuple[FunnelStep, ...]:
    """The steps in the order an event meets them. Shares are 0 while nothing was read."""
    steps = {step: int(getattr(counted, step)) for step in Funnel.__struct_fields__}
    return tuple(
        FunnelStep(step=step, events=events, share=events / counted.read if counted.read else 0.0)
        for step, events in steps.items()
    )


def stage_stats(tally: Tally, rates: Rates) -> tuple[StageStats, ...]:
    return tuple(_stage_stats(tally, rates, stage) for stage in Stage)


def in_flight(tally: Tally) -> dict[str, int]:
    """Events taken and not finished, by stage; 0 for a stage that never said it."""
    gauges = {dict(tags)["stage"]: value for tags, value in tally.gauges(Metric.IN_FLIGHT).items()}
    return {stage.value: int(gauges.get(stage, 0)) for stage in Stage}


def reason_stats(tally: Tally) -> tuple[ReasonStats, ...]:
    """Every reason of the closed list in its order, counted over all stages."""
    return tuple(ReasonStats(reason=reason, events=tally.total(Metric.STAGE_OUT, decision=reason)) for reason in Reason)


def dead_letter_stats(tally: Tally) -> tuple[DeadLetterStats, ...]:
    return tuple(DeadLetterStats(stage=stage, records=tally.total(Metric.DEAD_LETTERS, stage=stage)) for stage in Stage)


def lag_stats(partitions: Sequence[PartitionLag]) -> tuple[LagStats, ...]:
    """Ordered by topic and partition."""
    return tuple(
        LagStats(topic=each.topic, partition=each.partition, committed=each.committed, end=each.end, lag=each.lag)
        for each in sorted(partitions, key=lambda each: (each.topic, each.partition))
    )


def document_stats(freshness: Mapping[str, Freshness], now: datetime) -> tuple[DocumentStats, ...]:
    return tuple(
        DocumentStats(
            kind=kind,
            version=known.version,
            confirmed_at=known.confirmed_at,
            age_seconds=_age_seconds(known.confirmed_at, now),
            refusal=known.refusal,
        )
        for kind, known in freshness.items()
    )


def _stage_stats(tally: Tally, rates: Rates, stage: Stage) -> StageStats:
    duration = tally.distributions(Metric.STAGE_DURATION).get((("stage", stage.value),))
    return StageStats(
        stage=stage,
        taken=tally.total(Metric.STAGE_IN, stage=stage),
        left=_left(tally, stage),
        taken_per_second=rates.get(f"{stage}.taken", 0.0),
        left_per_second=rates.get(f"{stage}.left", 0.0),
        in_flight=in_flight(tally)[stage],
        duration_p50_seconds=duration.p50 if duration else None,
        duration_p99_seconds=duration.p99 if duration else None,
    )


def _left(tally: Tally, stage: Stage) -> int:
    return tally.total(Metric.STAGE_OUT, stage=stage)


def _forwarded(tally: Tally, stage: Stage) -> int:
    return tally.total(Metric.STAGE_OUT, stage=stage, decision=FORWARDED)


def _ended(tally: Tally, stage: Stage, *reasons: Reason) -> int:
    return sum(tally.total(Metric.STAGE_OUT, stage=stage, decision=reason) for reason in reasons)


def _age_seconds(since: datetime | None, now: datetime) -> float | None:
    return None if since is None else max(0.0, (now - since).total_seconds())
