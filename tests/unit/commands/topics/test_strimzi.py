"""Strimzi's resources are the topics and rights in the code, and YAML that says the same."""

from collections.abc import Sequence
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
from saving_alerts.settings import Settings, example_settings, variable
from tests.support.documented_acls import WITH_RESULTS, documented_acls

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
    settings = with_settings(consent_topic=consent_changes)

    worker, keda = read(user_resources(settings, "kafka"))

    assert granted(worker) == asked(rights_of_worker(settings.topics, GROUP, CONSENT_GROUP))
    assert granted(keda) == {
        *(("topic", topic.name, "Describe") for topic in settings.topics.inputs.values()),
        ("group", GROUP, "Describe"),
    }


def test_who_records_results_has_a_user_with_the_documented_rights() -> None:
    settings = with_settings(results=True)

    *_, recorder = read(user_resources(settings, "kafka"))

    assert recorder["metadata"]["name"] == "saving-alerts-results"
    assert granted(recorder) == set(documented_acls([], WITH_RESULTS)["record-results"])


def with_settings(**changes: Any) -> Settings:  # noqa: ANN401 - as settings take them
    return example_settings().model_copy(update=changes)


def asked(rights: Sequence[Right]) -> set[tuple[str, str, str]]:
    return {(right.kind, right.name, right.operation.name.title()) for right in rights}


def granted(user: dict[str, Any]) -> set[tuple[str, str, str]]:
    acls = user["spec"]["authorization"]["acls"]
    return {(acl["resource"]["type"], acl["resource"]["name"], each) for acl in acls for each in acl["operations"]}


@given(NAMES, NAMES, NAMES)
def test_whatever_the_names_are_yaml_says_the_same(source: str, prefix: str, group: str) -> None:
    """A topic may be called `on`, `1e3` or `-`: none of these is a text to YAML."""
    settings = with_settings(source_topic=source, topic_prefix=prefix, app_id=group, results=True)
    resources = [*topic_resources(Layout(settings.topics, 1, 1), "kafka"), *user_resources(settings, "kafka")]

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
