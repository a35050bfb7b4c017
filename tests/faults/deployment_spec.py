"""Size and settings of a deployment: short sessions and leases, so that a fault is over soon."""

from dataclasses import dataclass, field
from typing import Literal

from saving_alerts.kafka.topics import Topics
from tests.end_to_end.shoppers import long_freshness_rules

SESSION_TIMEOUT_SECONDS = 6.0
CLAIM_LEASE_SECONDS = 8.0
DRAIN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class DeploymentSpec:
    """`group` is the consumer group and the prefix of the topics."""

    brokers: Literal[1, 3] = 1
    partitions: int = 12
    workers: int = 3
    group: str = "saving-alerts"
    source: str = "saving-events"
    rules: bytes = field(default_factory=long_freshness_rules, repr=False)

    @property
    def topics(self) -> Topics:
        return Topics.named(self.source, self.group)

    @property
    def settings(self) -> dict[str, str]:
        return {
            "SAVING_ALERTS_APP_ID": self.group,
            "SAVING_ALERTS_SOURCE_TOPIC": self.source,
            "SAVING_ALERTS_TOPIC_PREFIX": self.group,
            "SAVING_ALERTS_TOPIC_PARTITIONS": str(self.partitions),
            "SAVING_ALERTS_TOPIC_REPLICATION_FACTOR": str(self.brokers),
            "SAVING_ALERTS_SESSION_TIMEOUT_SECONDS": str(SESSION_TIMEOUT_SECONDS),
            "SAVING_ALERTS_GROUP_HEARTBEAT_SECONDS": "1.5",
            "SAVING_ALERTS_CLAIM_LEASE_SECONDS": str(CLAIM_LEASE_SECONDS),
            "SAVING_ALERTS_DRAIN_SECONDS": str(DRAIN_SECONDS),
            # A Coupon API that hangs is not to decide an event before the fault has happened.
            "SAVING_ALERTS_COUPON_API_TIMEOUT_SECONDS": "60",
            "SAVING_ALERTS_COUPON_API_TOTAL_SECONDS": "120",
        }


# Two workers and six partitions: three workers and three brokers are too much for two cores.
THREE_BROKERS = DeploymentSpec(brokers=3, partitions=6, workers=2)
