"""What `record-results` is made of: the recorder with its producer and its consumer group."""

from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial

from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.range import RangePartitionAssignor

from saving_alerts.adapters.results_recorder import RecordingTerms, ResultsRecorder
from saving_alerts.delivery.producer import OutputProducer
from saving_alerts.kafka.client import commits
from saving_alerts.metrics import Metrics
from saving_alerts.ports.clock import Clock
from saving_alerts.settings import Settings
from saving_alerts.worker.external_factories import kafka_producer
from saving_alerts.worker.group_consumer import group_consumer


async def open_recorder(
    settings: Settings, clock: Clock, metrics: Metrics, closing: AsyncExitStack
) -> ResultsRecorder | None:
    """Started, and stopped by `closing`; None where results are not recorded."""
    terms = recording_terms(settings)
    if terms is None:
        return None
    producer = await closing.enter_async_context(OutputProducer(partial(kafka_producer, settings), metrics))
    committed = partial(commits, settings.kafka, settings.results_group)
    recorder = ResultsRecorder(partial(results_consumer, settings), producer, committed, terms, clock, metrics)
    return await closing.enter_async_context(recorder)


def recording_terms(settings: Settings) -> RecordingTerms | None:
    topics = settings.topics
    if topics.responses is None or topics.results is None:
        return None
    return RecordingTerms(
        source=topics.source.name,
        decisions=topics.decisions.name,
        responses=topics.responses.name,
        results=topics.results.name,
        window=timedelta(hours=settings.results_window_hours),
        max_alerts=settings.results_max_kept,
        max_ahead=timedelta(seconds=settings.max_ahead_seconds),
    )


def results_consumer(settings: Settings) -> AIOKafkaConsumer:
    """In a group of its own: the workers' group, and what it is assigned, stay as they are.

    The range assignor gives the same numbers of topics with as many partitions to the same member.
    """
    return group_consumer(settings, settings.results_group, partition_assignment_strategy=(RangePartitionAssignor,))
