"""The ACLs of a worker in docs/operating.md are those that it asks for at its start."""

from saving_alerts.kafka.access import rights_of_worker
from saving_alerts.kafka.topics import Topics
from tests.support.documented_acls import documented_acls


def test_the_acls_of_a_worker_are_those_that_it_asks_for() -> None:
    topics = Topics.named("saving-events", "saving-alerts")
    asked = {
        (right.kind, right.name, right.operation.name.title()) for right in rights_of_worker(topics, "saving-alerts")
    }

    assert set(documented_acls([topic.name for topic in topics.all])["worker"]) == asked
