"""`saving-alerts audit`: is every source offset accounted for?"""

import sys
from datetime import timedelta
from pathlib import Path

import click
import msgspec
from rich.table import Column, Table

from saving_alerts.commands.clock import now
from saving_alerts.commands.deployment import settings_or_exit
from saving_alerts.commands.durations import DURATION
from saving_alerts.commands.exits import BAD_NEWS, CommandRefusedError
from saving_alerts.commands.offsets import OFFSETS
from saving_alerts.commands.output import document, say, table
from saving_alerts.commands.progress import Watcher, progress_bars
from saving_alerts.commands.running import run
from saving_alerts.ledger.accounting import PartitionAudit, summary
from saving_alerts.ledger.audit import AuditResult
from saving_alerts.ledger.audit import audit as audit_topics
from saving_alerts.ledger.audit_range import AuditRange, OffsetBounds
from saving_alerts.settings import Settings

SHOWN_RANGES = 20
WRITABLE = click.Path(dir_okay=False, path_type=Path)
COLUMNS = ("partition", "offsets", "answered", "pending", "missing", "echoes", "contradictions", "unknown")
HELP = """Account for every source offset: answered, still pending, or missing.

Without a range it is about everything that is still on the source. Offsets that are not committed yet are not
due. Workers may run meanwhile.

\b
answered        there is a decision or a receipt
pending         it is on an internal topic, not yet committed there
missing         it is nowhere: an event was lost
echoes          answers beyond the first, from redelivery; harmless
contradictions  two different pushes were accepted for one event
unknown         deleted by retention before anybody looked

\b
Example:
  saving-alerts audit --since 1h
  saving-alerts audit --since 3h --until 2h
  saving-alerts audit --from-offsets 0:1200,3:1180 --to-offsets 0:2000,3:2000
  saving-alerts audit --since 3h --metrics /var/lib/node-exporter/saving-alerts-audit.prom

Exit code: 0, or 1 when something is missing or contradictory, or 2 when it could not be found out.
"""


@click.command(help=HELP)
@click.option("--since", type=DURATION, help="Events written to the source in this time, like 1h.")
@click.option("--until", type=DURATION, help="... but not those of this time, like 10m.")
@click.option("--from-offsets", type=OFFSETS, help="From these source offsets on: 1200, or 0:1200,3:1180.")
@click.option("--to-offsets", type=OFFSETS, help="To before these; without it, to the commit.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, for machines.")
@click.option("--metrics", "file", type=WRITABLE, help="Write its numbers for Prometheus' collector of text files.")
def audit(
    *,
    since: timedelta | None,
    until: timedelta | None,
    from_offsets: OffsetBounds | None,
    to_offsets: OffsetBounds | None,
    as_json: bool,
    file: Path | None,
) -> None:
    _refuse_contradictory(since, until, from_offsets, to_offsets)
    settings, started = settings_or_exit(), now()
    asked = AuditRange(
        since=started - since if since else None,
        until=started - until if until else None,
        start=from_offsets or OffsetBounds(),
        before=to_offsets or OffsetBounds(),
    )
    with progress_bars() as bars:
        result = run(audit_topics(settings.kafka, settings.app_id, settings.topics, asked, started, Watcher(bars)))
    if file is not None:
        _send(result, settings, file)
    document(_json(result)) if as_json else _show(result)
    sys.exit(0 if result.sound else BAD_NEWS)


def _send(result: AuditResult, settings: Settings, path: Path) -> None:
    from saving_alerts.commands.audit_metrics import send  # noqa: PLC0415 - its clients only where they are used

    try:
        send(result, settings, path)
    except OSError as error:
        raise CommandRefusedError(f"{path} cannot be written: {error.strerror}") from error


def _refuse_contradictory(
    since: timedelta | None, until: timedelta | None, from_offsets: OffsetBounds | None, to_offsets: OffsetBounds | None
) -> None:
    if since and from_offsets:
        raise click.UsageError("--since and --from-offsets exclude each other")
    if until and to_offsets:
        raise click.UsageError("--until and --to-offsets exclude each other")
    if since and until and until >= since:
        raise click.UsageError("--until must be a shorter time ago than --since")


def _json(result: AuditResult) -> str:
    document = {
        "sound": result.sound,
        "summary": summary(result.partitions),
        "unreadable": result.unreadable,
        "partitions": result.partitions,
    }
    return msgspec.json.encode(document).decode()


def _show(result: AuditResult) -> None:
    # No box: all headers fit into the 80 columns of a pipe or a small terminal.
    drawn = Table(*(Column(name, justify="right") for name in COLUMNS), box=None, padding=(0, 1, 0, 0))
    for partition in result.partitions:
        drawn.add_row(*(f"{number:,}" for number in _row(partition)))
    table(drawn)
    say(*_findings(result), summary(result.partitions))


def _row(audited: PartitionAudit) -> tuple[int, ...]:
    found = (audited.answered, audited.pending, audited.missing, audited.echoes)
    return (audited.partition, audited.offsets, *found, len(audited.contradictions), audited.unknown)


def _findings(result: AuditResult) -> list[str]:
    """One line for each thing that somebody has to look at."""
    lines = []
    for each in result.partitions:
        if each.missing:
            lines.append(f"partition {each.partition}: missing {_ranges(each.missing_ranges)}")
        if each.contradictions:
            offsets = tuple((offset, offset) for offset in each.contradictions)
            lines.append(f"partition {each.partition}: two different pushes accepted at {_ranges(offsets)}")
    if former := sum(each.of_former_topic for each in result.partitions):
        what = "answers are about a former topic of this name, with the same offsets, and are not counted"
        lines.append(f"{former:,} {what}")
    if result.unreadable:
        lines.append(f"{result.unreadable:,} records on our topics could not be read and are not counted")
    if waiting := sum(each.uncommitted for each in result.partitions):
        lines.append(f"{waiting:,} more offsets are not committed yet")
    return lines


def _ranges(ranges: tuple[tuple[int, int], ...]) -> str:
    shown = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges[:SHOWN_RANGES])
    more = len(ranges) - SHOWN_RANGES
    return f"{shown} and {more:,} more ranges" if more > 0 else shown
