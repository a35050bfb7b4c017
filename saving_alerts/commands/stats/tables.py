"""What stands on a worker's page, as tables for a terminal: the same words, in the same order."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from saving_alerts.commands.clock import in_utc
from saving_alerts.commands.output import cell
from saving_alerts.commands.stats.canary_lines import canary_lines
from saving_alerts.commands.stats.titled_table import titled_table
from saving_alerts.ports.heartbeats import WorkerRow
from saving_alerts.supervision.health import Condition
from saving_alerts.web.icons import SIGNS
from saving_alerts.web.stats import PartitionLag, Stats
from saving_alerts.web.words import age, ago, count, moment, rate, seconds, worst_first


def tables(stats: Stats) -> Iterator[RenderableType]:
    """How it is, then one table for each section of the page, each with its title, and the sentences between them."""
    verdict = stats.verdict
    yield cell(f"{SIGNS[verdict.state]} {verdict.headline}")
    for sentence in verdict.sentences[1:]:
        yield cell(f"  · {sentence}")
    yield cell(f"{stats.worker}, version {stats.version}, {in_utc(stats.at)} UTC")
    yield _health(stats)
    yield _flows(stats)
    funnel = [(step.name, count(step.events), f"{step.share:.2%}") for step in stats.funnel]
    yield titled_table("Funnel of the last day", ("step", "events", "share"), funnel)
    decisions = [(reason, count(events)) for reason, events in stats.decisions.items() if events]
    yield titled_table("Decisions of the last day", ("reason", "events"), decisions)
    yield _workers(stats)
    for each in stats.unreadable_heartbeats:
        yield cell(f"A heartbeat in Redis cannot be read: {each}")
    yield from _partitions(stats)
    yield _documents(stats)
    for rule, times in stats.when_errors.items():
        yield cell(f"The when of rule {rule} failed {times} times since the start, and so said no.")
    yield from canary_lines(stats)
    yield _switches(stats)
    yield _stages(stats)
    yield from _remarks(stats)


def _health(stats: Stats) -> RenderableType:
    columns = ("condition", "state", "since", "seen", "times ill", "held", "expired")
    rows = [
        (
            each.name,
            each.state,
            moment(each.since, stats.at),
            _seen(each, stats),
            *(count(number) if number else "" for number in (each.times, each.held, each.expired)),
        )
        for each in worst_first(stats.conditions)
    ]
    return titled_table("Health of this worker", columns, rows)


def _seen(condition: Condition, stats: Stats) -> str:
    """With the last error, where that is not what is seen anyway."""
    error = condition.error
    if error is None or error.text in condition.detail:
        return condition.detail
    return f"{condition.detail}; last error {moment(error.at, stats.at)}: {error.text}"


def _flows(stats: Stats) -> RenderableType:
    columns = ("what", "per second", "5 min", "hour", "day")
    rows = [
        (
            flow.name.replace("_", " "),
            rate(flow.per_second),
            *(count(number) for number in (flow.minutes_5, flow.hour, flow.day)),
        )
        for flow in stats.flows
    ]
    return titled_table("What flows through the deployment", columns, rows)


def _workers(stats: Stats) -> RenderableType:
    rows = [_worker(row, "ready" if row.ready else "not ready", stats) for row in stats.cluster]
    rows += [_worker(row, "does not answer", stats) for row in (*stats.silent, *stats.gone)]
    columns = ("worker", "state", "last seen", "source partitions", "in flight", "read", "pushed", "rules", "started")
    return titled_table("Workers", columns, rows)


def _worker(row: WorkerRow, state: str, stats: Stats) -> tuple[str, ...]:
    return (
        row.name,
        state,
        ago(row.beaten_at, stats.at),
        ", ".join(map(str, row.partitions)),
        *(count(number) for number in (row.in_flight, row.events_read, row.decisions.get("pushed", 0))),
        row.rules_version or "none",
        moment(row.started_at, stats.at),
    )


def _partitions(stats: Stats) -> Iterator[RenderableType]:
    """Those that are level, or of which nothing is known yet, would only hide the others."""
    shown = [each for each in stats.partitions if each.is_remarkable]
    rows = [_partition(each, stats) for each in shown]
    yield titled_table("Partitions", ("topic and partition", "owner", "committed", "end", "lag", "oldest"), rows)
    unknown = sum(each.end is None and each not in shown for each in stats.partitions)
    level = len(stats.partitions) - len(shown) - unknown
    yield cell(f"{level} other partitions have no lag, of {unknown} nothing is known yet")
    if stats.partitions_problem:
        yield cell(f"Not as of now: {stats.partitions_problem}")
    if stats.held_back:
        yield _held_back(stats)


def _partition(each: PartitionLag, stats: Stats) -> tuple[str, ...]:
    return (
        f"{each.topic} {each.partition}",
        each.owner or "no worker",
        *(_known(number) for number in (each.committed, each.end, each.records)),
        age(each.oldest_at, stats.at) if each.oldest_at else "",
    )


def _held_back(stats: Stats) -> RenderableType:
    rows = [
        (
            f"{each.topic} {each.partition}",
            count(each.offset),
            moment(each.since, stats.at),
            count(each.uncommitted),
            each.waits_for,
            "stopped" if each.is_stopped else "goes on",
        )
        for each in stats.held_back
    ]
    columns = ("topic and partition", "offset", "in work since", "not committed", "it waits for", "intake")
    return titled_table("Commits that wait for a record of this worker", columns, rows)


def _documents(stats: Stats) -> RenderableType:
    rows = [
        (
            each.kind,
            each.version or "none",
            f"{each.published.by}: {each.published.note}" if each.published else "",
            "" if each.age_seconds is None else f"{seconds(each.age_seconds)} ago",
            each.refusal or "",
            each.remark or "",
        )
        for each in stats.documents
    ]
    columns = ("document", "version", "published", "confirmed", "refusal of the newest", "left out")
    return titled_table("Rules and merchants", columns, rows)


def _switches(stats: Stats) -> RenderableType:
    rows = [
        (each.name, moment(each.since, stats.at), moment(each.until, stats.at), each.by, each.reason)
        for each in stats.switches
    ]
    return titled_table("Kill switches", ("switch", "since", "until", "by", "why"), rows)


def _stages(stats: Stats) -> RenderableType:
    rows = [
        (
            each.stage,
            *(count(number) for number in (each.taken, each.forwarded, each.decided, each.in_flight)),
            *map(seconds, (each.p50_seconds, each.p99_seconds)),
        )
        for each in stats.stages
    ]
    columns = ("stage", "in", "forwarded", "decided", "in flight", "p50", "p99")
    return titled_table("Stages of this worker", columns, rows)


def _remarks(stats: Stats) -> Iterator[Text]:
    yield cell("Counts of this worker are since its start, percentiles of the last five minutes.")
    by_reason = ", ".join(f"{number} {what}" for what, number in stats.dead_letters_by_reason.items())
    yield cell(f"Dead letters of this worker: {stats.dead_letters}{f' ({by_reason})' if by_reason else ''}")
    if stats.asks_avoided is not None:
        asks = "Decided without asking the Coupon API, of this worker's events at its door"
        yield cell(f"{asks}: {stats.asks_avoided:.1%}")


def _known(number: int | None) -> str:
    return "" if number is None else count(number)
