"""The broker that leads a partition, and the one that coordinates the group."""

from confluent_kafka.admin import AdminClient

from tests.faults.deployment import Deployment

ADMIN_TIMEOUT_SECONDS = 10


def partition_leader(deployment: Deployment) -> int:
    """The broker that leads partition 0 of the source."""
    topic = deployment.topics.source.name
    metadata = AdminClient({"bootstrap.servers": deployment.world.bootstrap_servers}).list_topics(topic)
    return int(metadata.topics[topic].partitions[0].leader)


def group_coordinator(deployment: Deployment) -> int:
    """The broker that coordinates the workers' group."""
    admin = AdminClient({"bootstrap.servers": deployment.world.bootstrap_servers})
    group = deployment.spec.group
    return int(admin.describe_consumer_groups([group])[group].result(ADMIN_TIMEOUT_SECONDS).coordinator.id)
