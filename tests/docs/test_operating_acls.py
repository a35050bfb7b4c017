"""The ACLs of a worker in docs/operating.md are those that it asks for at its start."""

import pytest

from saving_alerts.kafka.access import rights_of_worker
from saving_alerts.kafka.topics import Topics
from tests.support.documented_acls import ALWAYS, WITH_CONSENT_CHANGES, WITH_ERASURES, documented_acls


@pytest.mark.parametrize(
    ("topics", "tables"),
    [
        (Topics.named("saving-events", "saving-alerts"), [ALWAYS]),
        (
            Topics.named("saving-events", "saving-alerts", consent_changes="saving-consent"),
            [ALWAYS, WITH_CONSENT_CHANGES],
        ),
        (Topics.named("saving-events", "saving-alerts", erases=True), [ALWAYS, WITH_ERASURES]),
        (Topics.named("saving-events", "saving-alerts", results=True), [ALWAYS]),
    ],
    ids=["with neither", "with consent changes", "with erasures", "with results"],
)
def test_the_acls_of_a_worker_are_those_that_it_asks_for(topics: Topics, tables: list[str]) -> None:
    rights = rights_of_worker(topics, "saving-alerts", "saving-alerts.consent")

    asked = {(right.kind, right.name, right.operation.name.title()) for right in rights}
    documented = [documented_acls([topic.name for topic in topics.all], table)["worker"] for table in tables]
    assert {acl for acls in documented for acl in acls} == asked
