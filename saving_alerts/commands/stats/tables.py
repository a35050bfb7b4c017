"""What stands on a worker's page, as tables for a terminal: the same words, in the same order."""

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from saving_alerts.commands.clock import in_utc
from saving_alerts.commands.output import cell
from saving_alerts.delivery.held_back import HeldBack
from saving_alerts.domain import moments
from saving_alerts.ports.heartbeats import WorkerRow
from saving_alerts.supervision.health import Condition
from saving_alerts.web.stats import PartitionLag, Stats

PLACES = ("partition", "committed", "end", "lag", "offset", "not committed")
COUNTS = ("events", "share", "in", "forwarded", "decided", "in flight", "p50", "p99", "age", "read", "pushed")
NUMBERS = frozenset((*COUNTS, *PLACES))


def tables(stats: Stats) -> Iterator[RenderableType]:
    """One for each section of the page, each with its title, and the sentences between them."""
    yield cell(f"{stats.worker}, version {stats.version}, {in_utc(stats.at)} UTC")
    funnel = [(step.name, f"{step.events:,}", f"{step.share:.2%}") for step in stats.funnel]
    yield _table("Funnel of the cluster", ("step", "events", "share"), funnel)
    decisions = [(reason, f"{count:,}") for reason, count in stats.decisions.items() if count]
    yield _table("Decisions of the cluster", ("reason", "events"), decisions)
    yield cell(f"Dead letters of this worker: {stats.dead_letters}")
    yield _stages(stats)
    yield _table(
        "Health of this worker",
        ("condition", "", "seen"),
        [(each.name, _state(each), each.detail) for each in stats.conditions],
    )
    yield _documents(stats)
    yield from _remarks(stats)
    yield _workers(stats.cluster)
    for row in stats.silent:
        yield cell(f"{row.name} has been silent since {in_utc(row.beaten_at)}.")
    for each in stats.unreadable_heartbeats:
        yield cell(f"A heartbeat in Redis cannot be read: {each}")
    yield from _lag(stats.lag)
    if stats.held_back:
        yield _held_back(stats.held_back)


def _stages(stats: Stats) -> RenderableType:
    rows = [
        (
            each.stage,
            *(f"{number:,}" for number in (each.taken, each.forwarded, each.decided, each.in_flight)),
            *(f"{seconds * 1000:.0f} ms" for seconds in (each.p50_seconds, each.p99_seconds)),
        )
        for each in stats.stages
    ]
    columns = ("stage", "in", "forwarded", "decided", "in flight", "p50", "p99")
    return _table("Stages of this worker", columns, rows)


def _state(condition: Condition) -> str:
    if condition.ok:
        return "ok"
    return "not ready" if condition.required else "ill"


def _documents(stats: Stats) -> RenderableType:
    rows = [
        (
            each.kind,
            each.version or "none",
            "" if each.age_seconds is None else f"{each.age_seconds:.0f} s",
            each.refusal or "",
            each.remark or "",
        )
        for each in stats.documents
    ]
    return _table("Rules and merchants", ("document", "version", "age", "last refusal", "of the version in use"), rows)


def _remarks(stats: Stats) -> Iterator[Text]:
    if stats.asks_avoided is not None:
        yield cell(
            f"Decided without asking the Coupon API, of this worker's events at its door: {stats.asks_avoided:.1%}"
        )
    for rule, times in stats.when_errors.items():
        yield cell(f"The when of rule {rule} failed {times} times since the start, and so said no.")


def _workers(cluster: Sequence[WorkerRow]) -> RenderableType:
    rows = [
        (
            row.name,
            "yes" if row.ready else "no",
            ", ".join(map(str, row.partitions)),
            f"{row.in_flight:,}",
            f"{row.events_read:,}",
            f"{row.decisions.get('pushed', 0):,}",
            row.rules_version or "none",
            f"{moments.in_utc(row.started_at):%m-%d %H:%M:%S}",
        )
        for row in cluster
    ]
    columns = ("worker", "ready", "source partitions", "in flight", "read", "pushed", "rules", "started")
    return _table("Workers", columns, rows)


def _lag(partitions: Sequence[PartitionLag]) -> Iterator[RenderableType]:
    """Those that are level, or of which nothing is known yet, would only hide the others."""
    behind = [each for each in partitions if each.records != 0 and each.end is not None]
    rows = [
        (each.topic, *(_known(number) for number in (each.partition, each.committed, each.end, each.records)))
        for each in behind
    ]
    yield _table("Lag of this worker's partitions", ("topic", "partition", "committed", "end", "lag"), rows)
    unknown = sum(each.end is None for each in partitions)
    yield cell(
        f"{len(partitions) - len(behind) - unknown} other partitions have no lag, of {unknown} nothing is known yet"
    )


def _held_back(partitions: Sequence[HeldBack]) -> RenderableType:
    rows = [
        (
            each.topic,
            *(f"{number:,}" for number in (each.partition, each.offset)),
            f"{moments.in_utc(each.since):%m-%d %H:%M:%S}",
            f"{each.uncommitted:,}",
            each.waits_for,
            "stopped" if each.is_stopped else "goes on",
        )
        for each in partitions
    ]
    columns = ("topic", "partition", "offset", "in work since", "not committed", "it waits for", "intake")
    return _table("Commits that wait for a record", columns, rows)


def _known(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _table(title: str, columns: Sequence[str], rows: Sequence[tuple[str, ...]]) -> RenderableType:
    justified = (Column(name, justify="right" if name in NUMBERS else "left", overflow="fold") for name in columns)
    # No box: as much as can be fits into the 80 columns of a pipe or a small terminal.
    table = Table(*justified, box=None, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*map(cell, row))
    return Group(Text(title, style="bold"), table)
