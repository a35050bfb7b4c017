"""Reads what came of the pushes of the last days, in words, for the page of the rules."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from saving_alerts.domain.results.telling import lines_by_rule
from saving_alerts.ledger.results import Question, results_since
from saving_alerts.settings import Settings
from saving_alerts.simulation.disk_tables import disk_tables

DAYS = 14  # as `rules results` without --since


async def results_by_rule(settings: Settings, now: datetime) -> Mapping[str, Sequence[str]] | None:
    """By rule id; None where no results are recorded. Raises KafkaFailedError, TemporarySpaceError."""
    topics = settings.topics
    if topics.results is None:
        return None
    question = Question(now - timedelta(days=DAYS))
    work = results_since(
        settings.kafka, topics.decisions.name, topics.results.name, question, disk_tables, lambda *_: _ignore
    )
    return lines_by_rule(await work, DAYS)


def _ignore(_read: int) -> None: ...
