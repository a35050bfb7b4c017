"""One log format for Faust, aiokafka and ourselves.

A line has time, level, logger and event, the worker with its version and group, and where it is about one record its
`stage`, `partition`, `position` and `event_id`, which are given as `extra`. No line at info or above names a shopper.
"""

import logging
import time
from collections.abc import Mapping
from typing import Any, Literal

import structlog

# During an outage aiokafka says the same thing about 100 times a second.
REPEATS_PER_INTERVAL = 5
INTERVAL_SECONDS = 10.0
# What a line may be about, beside its text.
ABOUT = ("stage", "partition", "position", "event_id")


class RepeatLimit(logging.Filter):
    """Lets one line of code warn five times in ten seconds, and then says how often it was cut short."""

    def __init__(self) -> None:
        super().__init__()
        self._spoken: dict[tuple[str, int], list[float]] = {}
        self._dropped: dict[tuple[str, int], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        line = (record.pathname, record.lineno)
        now = time.monotonic()
        recent = [at for at in self._spoken.get(line, ()) if now - at < INTERVAL_SECONDS]
        self._spoken[line] = recent
        if len(recent) >= REPEATS_PER_INTERVAL:
            self._dropped[line] = self._dropped.get(line, 0) + 1
            return False
        recent.append(now)
        dropped = self._dropped.pop(line, 0)
        if dropped:
            record.msg = f"{record.msg} (and {dropped} more like it were not written)"
        return True


def logging_config(
    log_format: Literal["json", "console"], level: str = "info", worker: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """For `logging.config.dictConfig`: everything to standard error, in one format, repeats limited.

    `worker` are the fields that every line of this worker has.
    """
    renderer = structlog.processors.JSONRenderer() if log_format == "json" else structlog.dev.ConsoleRenderer()
    before = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.stdlib.ExtraAdder(allow=ABOUT),
        _adds(worker or {}),
    ]
    last = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        renderer,
    ]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"repeats": {"()": RepeatLimit}},
        "formatters": {
            "ours": {"()": structlog.stdlib.ProcessorFormatter, "foreign_pre_chain": before, "processors": last}
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "ours", "filters": ["repeats"]}},
        "root": {"handlers": ["stderr"], "level": level.upper()},
    }


def _adds(fields: Mapping[str, str]) -> structlog.typing.Processor:
    def add(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        event.update(fields)
        return event

    return add
