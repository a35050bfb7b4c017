"""The commands beside `worker`. They know no Faust, so that they start quickly.

Exit codes: 0 all is well, 1 the answer is bad news, 2 the question could not be asked.
"""

import asyncio
import logging
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import TypeVar

import click

from saving_alerts.kafka.connection import KafkaFailedError
from saving_alerts.kafka.topics import Topics
from saving_alerts.settings import Settings, SettingsRefusedError, read_settings

BAD_NEWS = 1
Result = TypeVar("Result")


class CommandRefusedError(click.ClickException):
    """The command could not do its work; the text says why."""

    exit_code = 2


class BadNewsError(CommandRefusedError):
    """The command did its work, and the answer is no."""

    exit_code = BAD_NEWS


def settings_or_exit() -> Settings:
    """The settings, or a clean end that names what is missing."""
    try:
        return read_settings()
    except SettingsRefusedError as error:
        raise CommandRefusedError(str(error)) from error


def topics_of(settings: Settings) -> Topics:
    return Topics.named(settings.source_topic, settings.topic_prefix, dry_run=settings.dry_run)


def run(work: Coroutine[object, object, Result]) -> Result:
    """Run what talks to Kafka; when Kafka fails, end cleanly with one sentence."""
    # The driver reports each refused connection by itself; the sentence at the end says it once.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        return asyncio.run(work)
    except KafkaFailedError as error:
        raise CommandRefusedError(str(error)) from error


def now() -> datetime:
    return datetime.now(UTC)


def in_utc(moment: datetime) -> str:
    """To the second, as every command writes it."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
