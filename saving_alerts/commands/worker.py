"""`saving-alerts worker` and `agents`: they go on to Faust's command line with the app of these settings."""

import asyncio
import sys
from typing import NoReturn

import click
import stamina

from saving_alerts.commands.deployment import settings_or_exit
from saving_alerts.commands.output import say
from saving_alerts.kafka.access import missing_rights, rights_of_worker
from saving_alerts.kafka.client import unequal_or_missing
from saving_alerts.kafka.connection import KafkaFailedError
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.settings import Settings, example_settings

# Faust's own names too.
LOG_LEVELS = {"debug": "debug", "info": "info", "warn": "warning", "warning": "warning", "error": "error"}
PASS_THROUGH = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


@click.command(context_settings=PASS_THROUGH)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def worker(arguments: tuple[str, ...]) -> None:
    """Run one worker until it is stopped.

    Options are Faust's: see `saving-alerts worker --help`. The log level is SAVING_ALERTS_LOG_LEVEL, or what `-l` says.
    """
    settings = example_settings() if "--help" in arguments else settings_or_exit()
    level, arguments = _log_level(arguments)
    if level is not None:
        settings = settings.model_copy(update={"log_level": level})
    if "--help" not in arguments:
        _refuse_bad_redis_url(settings)
        _refuse_bad_kafka(settings)
    # Faust gets info always: from `warn` on it sets the root logger to DEBUG for its spinner, which slows all down.
    _run_faust(settings, ["--quiet", "worker", *arguments, "-l", "info"])


@click.command(context_settings=PASS_THROUGH)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def agents(arguments: tuple[str, ...]) -> None:
    """List the four agents with their topics."""
    _run_faust(example_settings(), ["agents", *arguments])


def _log_level(arguments: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """What `-l` says, and the arguments without it."""
    level, rest, following = None, list[str](), iter(arguments)
    for argument in following:
        if argument in {"-l", "--loglevel"}:
            level = next(following, "")
        elif argument.startswith(("-l", "--loglevel=")):
            level = argument.removeprefix("--loglevel=").removeprefix("-l")
        else:
            rest.append(argument)
    if level is None:
        return None, tuple(rest)
    named = LOG_LEVELS.get(level.lower())
    if named is None:
        _leave(f"-l {level}: there are debug, info, warning and error")
    return named, tuple(rest)


def _refuse_bad_redis_url(settings: Settings) -> None:
    from saving_alerts.adapters.redis_connection import connect  # noqa: PLC0415 - Redis's client: not for --help

    try:
        connect(settings.redis_address, settings.redis_timeout_seconds, settings.redis_max_connections)
    except UnavailableError as error:
        _leave(str(error))


def _leave(problem: str) -> NoReturn:
    say(*problem.split("\n"), err=True)
    sys.exit(1)


def _refuse_bad_kafka(settings: Settings) -> None:
    """Without its topics, or without the right to use them, a worker would stand there with nothing to do."""
    try:
        problem = asyncio.run(_problem_with_kafka(settings))
    except KafkaFailedError as error:
        problem = str(error)
    if problem:
        _leave(problem)


async def _problem_with_kafka(settings: Settings) -> str | None:
    topics = settings.topics
    missing = await missing_rights(settings.kafka, rights_of_worker(topics, settings.app_id, settings.consent_group))
    if missing:
        return f"Kafka at {settings.kafka_bootstrap_servers}: {missing}"
    names = [topic.name for topic in topics.partitioned]
    return await unequal_or_missing(settings.kafka, names, *(topic.name for topic in topics.others))


def _run_faust(settings: Settings, arguments: list[str]) -> None:
    """Faust takes over. It is imported here: it costs most of a second, and a wrong environment is answered at once."""
    from saving_alerts.worker import interpreter  # noqa: PLC0415

    interpreter.begin()
    import uvloop  # noqa: PLC0415
    from faust.cli.faust import cli  # noqa: PLC0415

    from saving_alerts.app import create_app  # noqa: PLC0415

    # It would write lines of its own about every repetition, in its own format; the metrics count them.
    stamina.instrumentation.set_on_retry_hooks([])
    uvloop.install()
    app = create_app(settings)
    app.finalize()
    app.worker_init()
    app.worker_init_post_autodiscover()
    interpreter.tune()
    cli(args=arguments, app=app, prog_name="saving-alerts")
