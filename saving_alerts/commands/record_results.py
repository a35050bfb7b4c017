"""`saving-alerts record-results`: a process beside the workers that joins pushes with what shoppers do then."""

import asyncio
import signal
from contextlib import AsyncExitStack

import click

from saving_alerts.adapters.datadog import metrics_to
from saving_alerts.commands.deployment import settings_or_exit
from saving_alerts.commands.exits import CommandRefusedError
from saving_alerts.commands.output import say
from saving_alerts.commands.running import run
from saving_alerts.kafka.client import unequal_or_missing
from saving_alerts.settings import Settings, variable
from saving_alerts.worker.clock import SystemClock
from saving_alerts.worker.datadog_policy import datadog_policy
from saving_alerts.worker.results import open_recorder


@click.command("record-results")
def record_results() -> None:
    """Join pushes with what shoppers do then, until it is stopped.

    `rules results` counts what it finds. It reads the source and the decisions in a consumer group of its own. Workers
    do not need it, and it can stand still for two days without a loss. Several share the partitions.

    \b
    Example:
      saving-alerts record-results
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    settings = settings_or_exit()
    if not settings.results:
        raise CommandRefusedError(f"{variable('results')} is not true: set it, and run `saving-alerts topics create`")
    run(_record(settings))


async def _record(settings: Settings) -> None:
    topics = settings.topics
    names = [topic.name for topic in (topics.source, topics.decisions, *topics.recorded)]
    if problem := await unequal_or_missing(settings.kafka, names):
        raise CommandRefusedError(problem)
    stopped = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, stopped.set)
    async with AsyncExitStack() as closing:
        metrics = metrics_to(datadog_policy(settings))
        closing.push_async_callback(asyncio.to_thread, metrics.close)
        await open_recorder(settings, SystemClock(), metrics, closing)
        say(f"recording results of {topics.decisions.name}, to {topics.recorded[-1].name}")
        await stopped.wait()
