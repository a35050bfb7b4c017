"""How a worker reaches what is not its own. Tests give it other ways."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

import faust
from aiokafka import AIOKafkaProducer

from saving_alerts.adapters.kill_switch_topic import KillSwitchTopic, consumer_of
from saving_alerts.delivery.group_metadata import ConsumerMetadata
from saving_alerts.delivery.poison_pills.detector import MetadataStore
from saving_alerts.dependencies import Dependencies
from saving_alerts.metrics import Metrics
from saving_alerts.ports import Ports
from saving_alerts.ports.clock import Clock
from saving_alerts.ports.push_sends import PushSends
from saving_alerts.settings import Settings
from saving_alerts.worker.open_adapters import open_ports
from saving_alerts.worker.push_sends_table import PushSendsTable

# Half of what a broker takes by default, so that a batch is never refused for its size.
OUTPUT_BATCH_BYTES = 512 * 1024
# How long a broker may take to answer a batch before it is sent again; Faust's own producer waits as long.
OUTPUT_REQUEST_TIMEOUT_MILLISECONDS = 45_000

OpenPorts = Callable[[Settings, Clock, Metrics, AsyncExitStack, Dependencies], Awaitable[Ports]]


def kafka_producer(settings: Settings) -> AIOKafkaProducer:
    return AIOKafkaProducer(
        **settings.kafka.options(),
        acks="all",
        enable_idempotence=True,
        max_batch_size=OUTPUT_BATCH_BYTES,
        request_timeout_ms=OUTPUT_REQUEST_TIMEOUT_MILLISECONDS,
    )


def consumer_metadata(app: faust.App, settings: Settings) -> MetadataStore:
    inputs = frozenset(topic.name for topic in settings.topics.inputs.values())
    return ConsumerMetadata(app, settings.kafka, settings.app_id, inputs)


def kill_switch_topic(settings: Settings, topic: str) -> KillSwitchTopic:
    return KillSwitchTopic(partial(consumer_of, settings.kafka), topic)


def push_sends_table(app: faust.App, settings: Settings, clock: Clock) -> PushSendsTable:
    return PushSendsTable(app, settings.topics.push_sends.name, clock, settings.tokens)


@dataclass(frozen=True, slots=True)
class ExternalFactories:
    """Each is called once a worker, but for the producer, which is renewed when its sequence is lost."""

    open_ports: OpenPorts = open_ports
    new_producer: Callable[[Settings], AIOKafkaProducer] = kafka_producer
    metadata_store: Callable[[faust.App, Settings], MetadataStore] = consumer_metadata
    push_sends: Callable[[faust.App, Settings, Clock], PushSends] = push_sends_table
    kill_switches: Callable[[Settings, str], KillSwitchTopic] = kill_switch_topic
