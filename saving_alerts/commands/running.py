"""How a command runs what talks to Kafka."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import TypeVar

import stamina

from saving_alerts.commands.exits import CommandRefusedError
from saving_alerts.kafka.connection import KafkaFailedError

Result = TypeVar("Result")


def run(work: Coroutine[object, object, Result]) -> Result:
    """Run what talks to Kafka; when Kafka fails, end cleanly with one sentence."""
    # Driver and repetitions would report each refused connection by themselves; the sentence at the end says it once.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    stamina.instrumentation.set_on_retry_hooks([])
    try:
        return asyncio.run(work)
    except KafkaFailedError as error:
        raise CommandRefusedError(str(error)) from error
