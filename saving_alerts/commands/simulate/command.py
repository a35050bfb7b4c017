"""`saving-alerts simulate`: what other rules would have done to the events of the last days."""

import asyncio
from datetime import timedelta
from pathlib import Path

import click
from rich.table import Table

from saving_alerts.adapters.s3 import S3ObjectStore, S3Policy
from saving_alerts.commands.clock import now
from saving_alerts.commands.deployment import settings_or_exit
from saving_alerts.commands.durations import DURATION
from saving_alerts.commands.exits import CommandRefusedError
from saving_alerts.commands.output import cell, document, say, table
from saving_alerts.commands.progress import Watcher, progress_bars
from saving_alerts.commands.rules.file import good_rules, rules_in
from saving_alerts.commands.running import run
from saving_alerts.commands.simulate.report import as_csv as csv_of
from saving_alerts.commands.simulate.report import as_json as json_of
from saving_alerts.commands.simulate.report import figures, remarks
from saving_alerts.commands.version import VersionType
from saving_alerts.domain.rules.rule_set import RuleSet
from saving_alerts.domain.rules_file.mistakes import RulesRefusedError
from saving_alerts.ports.errors import PortError
from saving_alerts.ports.object_store import ObjectStore
from saving_alerts.reference_data.document_store import UnknownVersionError, rules_store
from saving_alerts.reference_data.merchants_file import MerchantsFileReader, MerchantsLimits
from saving_alerts.reference_data.snapshot import Merchants
from saving_alerts.settings import Settings
from saving_alerts.simulation.disk_tables import TemporarySpaceError
from saving_alerts.simulation.partition_replay import Question, Simulation
from saving_alerts.simulation.simulate import simulate as simulate_rules


@click.command()
@click.option("--rules", "file", type=click.Path(path_type=Path, allow_dash=True), required=True, help="The new file.")
@click.option("--since", type=DURATION, default="7d", show_default=True, help="How far to look back; 7d is on record.")
@click.option("--compare", type=VersionType("rules"), help="The version to compare with, in place of the live one.")
@click.option("--json", "json_wanted", is_flag=True, help="One JSON document, for machines.")
@click.option("--csv", "csv_wanted", is_flag=True, help="All figures as CSV, for a spreadsheet.")
def simulate(file: Path, since: timedelta, compare: str | None, *, json_wanted: bool, csv_wanted: bool) -> None:
    """Replay the recorded events through the live rules and through a file, caps included, and compare.

    It reads Kafka and S3, asks nobody else, and sends nothing. Workers may run meanwhile.

    \b
    Example:
      saving-alerts simulate --rules rules.json --since 7d
      saving-alerts simulate --rules rules.json --since 24h --compare 3f2a9c01b7de --csv > figures.csv
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    if json_wanted and csv_wanted:
        raise click.UsageError("--json and --csv exclude each other")
    _, after = good_rules(file)
    settings, started = settings_or_exit(), now()
    before, merchants = _reference_data(settings, compare)
    question = Question(before, after, merchants, started - since, settings.link_schemes)
    result = _simulated(settings, question)
    if json_wanted or csv_wanted:
        _write(question, result, as_json=json_wanted)
    else:
        _show(question, result)


def _simulated(settings: Settings, question: Question) -> Simulation:
    try:
        with progress_bars() as bars:
            return run(simulate_rules(settings.kafka, settings.topics, question, Watcher(bars).begin))
    except TemporarySpaceError as error:
        raise CommandRefusedError(str(error)) from error


def _write(question: Question, result: Simulation, *, as_json: bool) -> None:
    if as_json:
        document(json_of(question, result).removesuffix("\n"))
    else:
        say(*csv_of(question, result).removesuffix("\n").split("\n"))


def _show(question: Question, result: Simulation) -> None:
    drawn = Table("", question.before.version, f"{question.after.version} (new)", "change", box=None)
    for column in drawn.columns[1:]:
        column.justify = "right"
    for figure in figures(question, result):
        numbers = (f"{figure.before:,}", f"{figure.after:,}", f"{figure.after - figure.before:+,}")
        drawn.add_row(cell(figure.name), *numbers)
    table(drawn)
    say(*remarks(question, result))


def _reference_data(settings: Settings, compare: str | None) -> tuple[RuleSet, Merchants]:
    try:
        return asyncio.run(_loaded(settings, compare))
    except UnknownVersionError as error:
        raise CommandRefusedError(str(error)) from error
    except RulesRefusedError as error:
        raise CommandRefusedError("the rules to compare with are refused by this release:", *error.lines) from error
    except PortError as error:
        raise CommandRefusedError(str(error)) from error


async def _loaded(settings: Settings, compare: str | None) -> tuple[RuleSet, Merchants]:
    async with S3ObjectStore(S3Policy(bucket=settings.s3_bucket, endpoint_url=settings.s3_endpoint_url)) as store:
        body = await rules_store(store, settings.s3_rules_key, settings.max_rules_bytes).body(compare)
        return rules_in(body), await _merchants(store, settings)


async def _merchants(store: ObjectStore, settings: Settings) -> Merchants:
    reader = MerchantsFileReader(MerchantsLimits(settings.max_bad_merchant_lines, settings.max_merchant_lines))
    async with store.lines(settings.s3_merchants_key, None, settings.max_merchants_bytes) as stream:
        if stream is not None:
            async for line in stream.lines:
                reader.take(line)
                if reader.is_refused_already:
                    break
    if reader.refusal is not None:
        raise CommandRefusedError(f"the merchant directory: {reader.refusal}")
    return reader.merchants()
