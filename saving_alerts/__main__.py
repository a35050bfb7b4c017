"""The door: `saving-alerts`, or `python -m saving_alerts`.

Our own commands answer without Faust. `worker`, `agents` and Faust's other commands go on to Faust's command line with
the app of these settings.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click
import stamina
from dotenv import load_dotenv

from saving_alerts import __version__
from saving_alerts.commands import settings_or_exit
from saving_alerts.commands.audit import audit
from saving_alerts.commands.dead_letters.group import dead_letters
from saving_alerts.commands.explain import explain
from saving_alerts.commands.kill.group import kill
from saving_alerts.commands.rules.group import rules
from saving_alerts.commands.simulate.command import simulate
from saving_alerts.commands.stats.command import stats
from saving_alerts.commands.topics.command import topics
from saving_alerts.settings import Settings, example_settings, unknown_variables

HELP = """Saving alerts: from an event at the store to one relevant push.

\b
  saving-events ──validate──▶ validated ──query_coupons──▶ candidates
                ──evaluate_rules──▶ alerts ──dispatch_push──▶ push API
  every stage   ──▶ decisions      (one decision ends every event)
                ──▶ dead-letters   (bytes nobody could handle)

\b
Settings come from the environment and from .env: see .env.example.

\b
Examples:
  saving-alerts topics create
  saving-alerts worker
  saving-alerts explain --user u-42 --since 24h
  saving-alerts rules check rules.json
"""
PASS_THROUGH = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


@click.group(help=HELP)
@click.version_option(__version__, prog_name="saving-alerts")
def main() -> None:
    # Into the environment, and not into our settings only: S3's credentials stand there as well.
    load_dotenv(Path(".env"))
    # It would write lines of its own about every repetition, in its own format; the metrics count them.
    stamina.instrumentation.set_on_retry_hooks([])
    for name in unknown_variables(os.environ):
        click.echo(f"warning: {name} is set, but there is no such setting", err=True)


for command in (topics, audit, explain, dead_letters, kill, rules, simulate, stats):
    main.add_command(command)


@main.command(context_settings=PASS_THROUGH)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def worker(arguments: tuple[str, ...]) -> None:
    """Run one worker until it is stopped.

    Options are Faust's: see `saving-alerts worker --help`. The log level is `info` unless `-l` says otherwise.
    """
    settings = example_settings() if "--help" in arguments else settings_or_exit()
    if "--help" not in arguments:
        _refuse_bad_topics(settings)
    _run_faust(settings, ["worker", *_with_log_level(arguments)])


@main.command(context_settings=PASS_THROUGH)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def agents(arguments: tuple[str, ...]) -> None:
    """List the four agents with their topics."""
    _run_faust(example_settings(), ["agents", *arguments])


def _with_log_level(arguments: Sequence[str]) -> list[str]:
    """Not `warn`: from there on Faust sets the root logger to DEBUG for its spinner, which slows everything down."""
    given = any(argument.startswith(("-l", "--loglevel")) for argument in arguments)
    return [*arguments] if given else [*arguments, "-l", "info"]


def _refuse_bad_topics(settings: Settings) -> None:
    """A worker with a missing topic would stand there with nothing to do, so it does not start."""
    from saving_alerts.kafka.client import KafkaFailedError, unequal_or_missing  # noqa: PLC0415 - see below
    from saving_alerts.kafka.topics import Topics  # noqa: PLC0415

    topics = Topics.named(settings.source_topic, settings.topic_prefix, dry_run=settings.dry_run)
    names = [topic.name for topic in topics.partitioned]
    try:
        problem = asyncio.run(unequal_or_missing(settings.kafka, names, topics.kill_switches.name))
    except KafkaFailedError as error:
        problem = f"{error}\nIs SAVING_ALERTS_KAFKA_BOOTSTRAP_SERVERS right, and is Kafka running?"
    if problem:
        click.echo(problem, err=True)
        sys.exit(1)


def _run_faust(settings: Settings, arguments: list[str]) -> None:
    """Faust takes over. It is imported here: it costs two seconds, and most commands do without it."""
    import uvloop  # noqa: PLC0415
    from faust.cli.faust import cli  # noqa: PLC0415

    from saving_alerts.app import create_app  # noqa: PLC0415
    from saving_alerts.worker import interpreter  # noqa: PLC0415

    uvloop.install()
    app = create_app(settings)
    app.finalize()
    app.worker_init()
    app.worker_init_post_autodiscover()
    interpreter.tune()
    cli(args=arguments, app=app, prog_name="saving-alerts")


if __name__ == "__main__":
    main()
