"""Strimzi's resources are the topics and rights in the code, and YAML that says the same."""

from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.commands.topics.group import topics as command
from saving_alerts.commands.topics.layout import Layout
from saving_alerts.commands.topics.strimzi import in_yaml, topic_resources, user_resources
from saving_alerts.kafka.access import Right, rights_of_worker
from saving_alerts.kafka.topics import Topics
from saving_alerts.settings import variable

NAMES = st.from_regex(r"[a-zA-Z0-9._-]{1,20}", fullmatch=True)
GROUP, CONSENT_GROUP = "saving-alerts", "saving-alerts.consent"


def named(consent_changes: str | None) -> Topics:
    return Topics.named("saving-events", "saving-alerts", consent_changes=consent_changes)


def read(resources: list[Any]) -> list[dict[str, Any]]:
    return [*yaml.safe_load_all("\n".join(in_yaml(resources)))]


@pytest.mark.parametrize("consent_changes", [None, "saving-consent"])
def test_every_topic_that_is_ours_is_made_as_topics_create_would(consent_changes: str | None) -> None:
    layout = Layout(named(consent_changes), partitions=12, replication_factor=3)

    made = {each["spec"]["topicName"]: each["spec"] for each in read(topic_resources(layout, "kafka"))}

    ours = [topic for topic in layout.topics.all if topic not in layout.topics.upstreams]
    assert list(made) == [topic.name for topic in ours]
    for topic in ours:
        spec = made[topic.name]
        assert {name: str(value) for name, value in spec["config"].items()} == layout.config(topic)
        assert (spec["partitions"], spec["replicas"]) == (topic.partitions or 12, 3)


@pytest.mark.parametrize("consent_changes", [None, "saving-consent"])
def test_a_worker_may_do_what_it_asks_for_at_its_start(consent_changes: str | None) -> None:
    topics = named(consent_changes)
    rights = rights_of_worker(topics, GROUP, CONSENT_GROUP)

    worker, keda = read(user_resources(GROUP, rights, topics, "kafka"))

    assert granted(worker) == {(right.kind, right.name, right.operation.name.title()) for right in rights}
    assert granted(keda) == {
        *(("topic", topic.name, "Describe") for topic in topics.inputs.values()),
        ("group", GROUP, "Describe"),
    }


def granted(user: dict[str, Any]) -> set[tuple[str, str, str]]:
    acls = user["spec"]["authorization"]["acls"]
    return {(acl["resource"]["type"], acl["resource"]["name"], each) for acl in acls for each in acl["operations"]}


@given(NAMES, NAMES, NAMES)
def test_whatever_the_names_are_yaml_says_the_same(source: str, prefix: str, group: str) -> None:
    """A topic may be called `on`, `1e3` or `-`: none of these is a text to YAML."""
    topics = Topics.named(source, prefix)
    rights: tuple[Right, ...] = rights_of_worker(topics, group, f"{group}.consent")
    resources = [
        *topic_resources(Layout(topics, 1, 1), "kafka"),
        *user_resources(group, rights, topics, "kafka"),
    ]

    assert read(resources) == resources


def test_the_command_goes_by_the_settings_and_asks_nothing_of_kafka() -> None:
    settings = {
        "kafka_bootstrap_servers": "127.0.0.1:1",
        "redis_url": "redis://127.0.0.1:1",
        "s3_bucket": "b",
        "coupon_api_url": "http://127.0.0.1:1",
        "push_api_url": "http://127.0.0.1:1",
        "topic_prefix": "Shadow_1",
        "topic_partitions": "6",
    }
    environment = {variable(name): value for name, value in settings.items()}

    shown = CliRunner().invoke(command, ["strimzi", "topics", "--cluster", "mine"], env=environment)

    first = next(yaml.safe_load_all(shown.stdout))
    assert first["metadata"] == {"name": "shadow-1.validated", "labels": {"strimzi.io/cluster": "mine"}}
    assert (first["spec"]["topicName"], first["spec"]["partitions"]) == ("Shadow_1.validated", 6)
