"""Which broker matters most."""

from confluent_kafka.admin import AdminClient

from tests.faults.crew import Crew

ADMIN_TIMEOUT_SECONDS = 10


def leader(crew: Crew) -> int:
    """The broker that leads partition 0 of the source."""
    topic = crew.topics.source.name
    metadata = AdminClient({"bootstrap.servers": crew.world.bootstrap_servers}).list_topics(topic)
    return int(metadata.topics[topic].partitions[0].leader)


def coordinator(crew: Crew) -> int:
    """The broker that coordinates the workers' group."""
    admin = AdminClient({"bootstrap.servers": crew.world.bootstrap_servers})
    group = crew.shape.group
    return int(admin.describe_consumer_groups([group])[group].result(ADMIN_TIMEOUT_SECONDS).coordinator.id)
