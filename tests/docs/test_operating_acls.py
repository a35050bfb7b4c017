"""The ACLs of a worker in docs/operating.md are those that it asks for at its start."""

import pytest

from saving_alerts.kafka.access import rights_of_worker
from saving_alerts.kafka.topics import Topics
from tests.support.documented_acls import ALWAYS, WITH_CONSENT_CHANGES, documented_acls


@pytest.mark.parametrize(
    ("consent_topic", "tables"),
    [(None, [ALWAYS]), ("saving-consent", [ALWAYS, WITH_CONSENT_CHANGES])],
    ids=["without consent changes", "with consent changes"],
)
def test_the_acls_of_a_worker_are_those_that_it_asks_for(consent_topic: str | None, tables: list[str]) -> None:
    topics = Topics.named("saving-events", "saving-alerts", consent_changes=consent_topic)
    rights = rights_of_worker(topics, "saving-alerts", "saving-alerts.consent")

    asked = {(right.kind, right.name, right.operation.name.title()) for right in rights}
    documented = [documented_acls([topic.name for topic in topics.all], table)["worker"] for table in tables]
    assert {acl for acls in documented for acl in acls} == asked
