"""`saving-alerts rules results`: did the pushes bring anybody into a store?"""

from collections.abc import Iterator
from datetime import timedelta

import click
import msgspec
from rich.table import Table

from saving_alerts.commands.clock import now
from saving_alerts.commands.deployment import settings_or_exit
from saving_alerts.commands.durations import DURATION
from saving_alerts.commands.exits import CommandRefusedError
from saving_alerts.commands.output import cell, document, say, table
from saving_alerts.commands.progress import Watcher, progress_bars
from saving_alerts.commands.running import run
from saving_alerts.commands.texts import ID
from saving_alerts.domain.results.tally import By, Compared, Counts, Row, Tally
from saving_alerts.domain.results.telling import against_control, in_order
from saving_alerts.ledger.results import Question, results_since
from saving_alerts.settings import Settings, variable
from saving_alerts.simulation.disk_tables import TemporarySpaceError, disk_tables

MOST_STORES = 10  # of a rule in the table; --json has all
DAY = timedelta(days=1)


@click.command()
@click.option("--rule", "rule_id", type=ID, help="One rule only.")
@click.option(
    "--since", type=DURATION, default="14d", show_default=True, help="How far to look back; 30d is on record."
)
@click.option(
    "--least",
    type=click.FloatRange(0, 100, min_open=True),
    default=2,
    show_default=True,
    help="The smallest difference against control that matters, in points.",
)
@click.option("--json", "json_wanted", is_flag=True, help="One JSON document, for machines, with all stores.")
def results(rule_id: str | None, since: timedelta, least: float, *, json_wanted: bool) -> None:
    """Count the pushes of each rule, how many were opened and redeemed, and compare with control.

    By rule, version of the rules, text in turn and store. `record-results` has to run for it. It reads Kafka only.

    \b
    Example:
      saving-alerts rules results
      saving-alerts rules results --rule coffee --since 7d --least 1
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    settings = settings_or_exit()
    found, days = _found(settings, Question(now() - since, rule_id)), since / DAY
    if json_wanted:
        document(msgspec.json.encode(told(found, days, least / 100)))
        return
    if not found.arms:
        say("no push, and nobody kept back as control, in this time")
        return
    _show(found)
    say(*(told for _, told in against_control(found, days, least / 100)))
    say(f"results come for {settings.results_window_hours:g} h after a push: those of the last pushes are not complete")


def _found(settings: Settings, question: Question) -> Tally:
    topics = settings.topics
    if topics.results is None:
        raise CommandRefusedError(f"{variable('results')} is not true, so that no results are recorded")
    try:
        with progress_bars() as bars:
            begin = Watcher(bars).begin
            work = results_since(
                settings.kafka, topics.decisions.name, topics.results.name, question, disk_tables, begin
            )
            return run(work)
    except TemporarySpaceError as error:
        raise CommandRefusedError(str(error)) from error


def _show(found: Tally) -> None:
    drawn = Table("", "pushes", "opened", "redeemed", box=None)
    for column in drawn.columns[1:]:
        column.justify = "right"
    for row, counts in _shown_rows(found):
        shares = (f"{part:,} ({part / counts.pushes:.1%})" for part in (counts.opened, counts.redeemed))
        drawn.add_row(cell(_name(row)), f"{counts.pushes:,}", *shares)
    table(drawn)


def _shown_rows(found: Tally) -> Iterator[tuple[Row, Counts]]:
    """Rule by rule; of the stores those with the most pushes."""
    order = list(By)
    stores = dict[str, int]()
    for row, counts in sorted(
        found.rows.items(), key=lambda each: (each[0].rule_id, order.index(each[0].by), -each[1].pushes, each[0].value)
    ):
        if row.by is By.STORE:
            stores[row.rule_id] = stores.get(row.rule_id, 0) + 1
            if stores[row.rule_id] > MOST_STORES:
                continue
        yield row, counts


def _name(row: Row) -> str:
    return f"rule {row.rule_id}" if row.by is By.RULE else f"  {row.by} {row.value}"


def told(found: Tally, days: float, least: float) -> dict[str, object]:
    """For machines: all rows, and each comparison."""
    rows = [row._asdict() | msgspec.to_builtins(counts) for row, counts in sorted(found.rows.items())]
    return {"rows": rows, "against_control": [_comparison(found, each, days, least) for each in in_order(found)]}


def _comparison(found: Tally, compared: Compared, days: float, least: float) -> dict[str, object]:
    comparison, named = found.comparison(compared, days, least), compared._asdict()
    if comparison is None:
        return named | {"finding": None}
    return named | {
        "treated": msgspec.to_builtins(comparison.treated),
        "control": msgspec.to_builtins(comparison.control),
        "difference": comparison.apart,
        "interval": [comparison.interval.low, comparison.interval.high],
        "split_probability": comparison.split.probability,
        "finding": comparison.finding,
        "days_to_go": comparison.days_to_go,
        "sentence": comparison.sentence,
    }
