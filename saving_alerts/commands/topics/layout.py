"""How the topics of a deployment have to be, and what stands in the way."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from saving_alerts.kafka.client import mismatch
from saving_alerts.kafka.topics import Topic, Topics
from saving_alerts.settings import Settings, variable

# A record holds at most 1 MiB, and what Kafka wraps around it comes on top.
MAX_MESSAGE_BYTES = 1024 * 1024 + 64 * 1024
KILL_HISTORY = timedelta(days=90)
_MILLISECOND = timedelta(milliseconds=1)
REPLICAS_TO_SURVIVE_A_BROKER = 3
Config = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Layout:
    """How the topics of this deployment have to be."""

    topics: Topics
    partitions: int
    replication_factor: int

    @property
    def equal(self) -> tuple[Topic, ...]:
        """The topics that must have the same number of partitions."""
        return (*self.topics.partitioned, *self.topics.recorded)

    def config(self, topic: Topic) -> Config:
        """The settings of one topic. Of what is upstream's only that which keeps its records safe is ours to ask."""
        config: dict[str, str] = {} if topic is self.topics.consent_changes else {"cleanup.policy": topic.cleanup}
        if self.replication_factor >= REPLICAS_TO_SURVIVE_A_BROKER:
            config["min.insync.replicas"] = "2"
        if topic is self.topics.kill_switches:
            # Compaction leaves what `kill history` tells for so long.
            config["min.compaction.lag.ms"] = config["delete.retention.ms"] = str(KILL_HISTORY // _MILLISECOND)
        if topic.retention is not None:
            config["retention.ms"] = str(topic.retention // _MILLISECOND)
            config["max.message.bytes"] = str(MAX_MESSAGE_BYTES)
        if topic.compaction_lag is not None:
            config["min.compaction.lag.ms"] = str(topic.compaction_lag // _MILLISECOND)
        if topic.max_compaction_lag is not None:
            config["max.compaction.lag.ms"] = str(topic.max_compaction_lag // _MILLISECOND)
        return config

    def problem(self, counts: Mapping[str, int]) -> str | None:
        """Why the missing topics cannot be added to those that are there, and what mends it; None when they can."""
        existing = {topic.name: counts[topic.name] for topic in self.equal if topic.name in counts}
        if not existing:
            return None
        largest = max(existing.values())
        if small := [name for name, count in existing.items() if count < largest]:
            return _unequal(existing, small, largest)
        if largest != self.partitions:
            setting = variable("topic_partitions")
            existing_ones = f"the topics that are there have {largest} partitions"
            return f"{existing_ones}, but {setting} is {self.partitions}: set it to {largest}"
        return None


def layout_of(settings: Settings) -> Layout:
    return Layout(settings.topics, settings.topic_partitions, settings.topic_replication_factor)


def _unequal(existing: Mapping[str, int], small: list[str], largest: int) -> str:
    commands = [
        f"  kafka-topics.sh --bootstrap-server … --alter --topic {name} --partitions {largest}" for name in small
    ]
    return "\n".join(
        [
            mismatch(existing) or "",
            "Partitions can be added, never removed. Stop all workers once everything is committed, then run",
            *commands,
        ]
    )


def differences(name: str, wanted: Config, found: Config) -> list[str]:
    """One line for each setting that is not as it should be."""
    return [
        f"{name}: {setting} is {found.get(setting)}, should be {value}"
        for setting, value in wanted.items()
        if found.get(setting) != value
    ]
