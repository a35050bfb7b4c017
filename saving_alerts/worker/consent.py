"""The consent of one worker's users, where there is a topic of consent changes (docs/adr/0034)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from aiokafka import AIOKafkaConsumer
from mode import ServiceT

from saving_alerts.adapters.consent_rekeying import ConsentRekeying, Delivers
from saving_alerts.adapters.consent_topic import ConsentTopic
from saving_alerts.adapters.known_consent import ConsentTerms, KnownConsent
from saving_alerts.kafka.consumers import new_consumer
from saving_alerts.kafka.topics import Topics
from saving_alerts.metrics import Metrics
from saving_alerts.ports.clock import Clock
from saving_alerts.ports.consent import ConsentReport
from saving_alerts.settings import Settings
from saving_alerts.worker.group_consumer import group_consumer


@dataclass(frozen=True, slots=True)
class WorkerConsent:
    """What is known, and the services that see to it, in the order in which they start."""

    known: KnownConsent
    rekeying: ConsentRekeying
    topic: ConsentTopic
    owned: Callable[[], frozenset[int]]

    @property
    def services(self) -> tuple[ServiceT, ...]:
        return self.rekeying, self.topic

    def report(self) -> ConsentReport:
        return self.known.report(self.owned())


def worker_consent(
    settings: Settings,
    producer: Delivers,
    owned: Callable[[], frozenset[int]],
    clock: Clock,
    metrics: Metrics,
    opted_out: Callable[[str], None],
) -> WorkerConsent | None:
    """None where consent is as the event says. `owned` are the partitions of this worker now.

    `opted_out` hears of the users whose opt-out this worker re-keys.
    """
    topics = settings.topics
    if topics.consent is None or topics.consent_changes is None:
        return None
    source, target = topics.consent_changes.name, topics.consent.name
    terms = ConsentTerms(source, target, settings.consent_stale_seconds, settings.consent_max_opt_outs)
    known = KnownConsent(terms, clock)
    observe = partial(of_the_group, settings)
    return WorkerConsent(
        known,
        ConsentRekeying(observe, producer, (source, target), clock, metrics, opted_out),
        ConsentTopic(partial(without_a_group, settings), observe, producer, known, owned, metrics),
        owned,
    )


def of_the_group(settings: Settings) -> AIOKafkaConsumer:
    return group_consumer(settings, settings.consent_group)


def without_a_group(settings: Settings) -> AIOKafkaConsumer:
    """Where the topic is not what it was (made anew, cut off), this one fails and does not skip: it is read anew."""
    return new_consumer(settings.kafka, isolation_level="read_committed", auto_offset_reset="none")


def partitions_of(topics: Topics, assignment: frozenset[tuple[str, int]]) -> frozenset[int]:
    """The partitions of the alerts among these: of each, the worker has that number of every topic."""
    return frozenset(number for topic, number in assignment if topic == topics.alerts.name)
