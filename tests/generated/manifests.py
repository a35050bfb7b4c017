"""Topics and users for Strimzi, by the default settings."""

from collections.abc import Iterator

from saving_alerts.commands.topics.layout import layout_of
from saving_alerts.commands.topics.strimzi import Resource, in_yaml, topic_resources, user_resources
from saving_alerts.settings import example_settings

FOLDER = "deploy/kubernetes/strimzi"
STRIMZI_CLUSTER = "kafka"
SETTINGS = example_settings()


def files() -> Iterator[tuple[str, str]]:
    yield f"{FOLDER}/topics.yaml", _manifest("topics", topic_resources(layout_of(SETTINGS), STRIMZI_CLUSTER))
    yield f"{FOLDER}/users.yaml", _manifest("users", user_resources(SETTINGS, STRIMZI_CLUSTER))


def _manifest(what: str, resources: list[Resource]) -> str:
    head = f"# `make generated` writes this file: `saving-alerts topics strimzi {what}`, for the default settings."
    return "".join(f"{line}\n" for line in (head, *in_yaml(resources)))
