"""The topics and users of a deployment as resources of Strimzi's operators, which make them."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from saving_alerts.commands.topics.layout import Layout
from saving_alerts.kafka.access import Right, rights_of_recorder, rights_of_worker
from saving_alerts.kafka.topics import Topic
from saving_alerts.settings import Settings

API_VERSION = "kafka.strimzi.io/v1"
CLUSTER_LABEL = "strimzi.io/cluster"
# What YAML reads as a text without quotes; a value that it would take for something else is not matched, or is named.
_PLAIN = re.compile(r"[A-Za-z][\w./-]*")
_NOT_PLAIN = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})

Resource = Mapping[str, Any]


def topic_resources(layout: Layout, cluster: str) -> list[Resource]:
    """A KafkaTopic for each topic that is ours to have, in the order in which an event passes them."""
    return [_topic(topic, layout, cluster) for topic in layout.topics.all if topic not in layout.topics.upstreams]


def user_resources(settings: Settings, cluster: str) -> list[Resource]:
    """The KafkaUsers of a worker, of KEDA, which may see how far the stages have read, and of `record-results`."""
    topics, app_id = settings.topics, settings.app_id
    seen = [*(("topic", topic.name) for topic in topics.inputs.values()), ("group", app_id)]
    of_recorder = rights_of_recorder(topics, settings.results_group)
    return [
        _user(app_id, _acls(rights_of_worker(topics, app_id, settings.consent_group)), cluster),
        _user(f"{app_id}-keda", [_acl(*each, ["Describe"]) for each in seen], cluster),
        *([_user(f"{app_id}-results", _acls(of_recorder), cluster)] if of_recorder else []),
    ]


def in_yaml(resources: Sequence[Resource]) -> list[str]:
    """The lines of a file with all of them."""
    return [line for resource in resources for line in ("---", *_lines(resource))]


def _topic(topic: Topic, layout: Layout, cluster: str) -> Resource:
    return {
        "apiVersion": API_VERSION,
        "kind": "KafkaTopic",
        "metadata": _metadata(topic.name, cluster),
        "spec": {
            "topicName": topic.name,
            "partitions": topic.partitions or layout.partitions,
            "replicas": layout.replication_factor,
            "config": {name: _number_or_text(value) for name, value in sorted(layout.config(topic).items())},
        },
    }


def _user(name: str, acls: Sequence[Resource], cluster: str) -> Resource:
    return {
        "apiVersion": API_VERSION,
        "kind": "KafkaUser",
        "metadata": _metadata(name, cluster),
        "spec": {
            "authentication": {"type": "scram-sha-512"},
            "authorization": {"type": "simple", "acls": acls},
        },
    }


def _metadata(name: str, cluster: str) -> Resource:
    """Kubernetes knows no capitals and no underscores in names."""
    return {"name": name.lower().replace("_", "-"), "labels": {CLUSTER_LABEL: cluster}}


def _acls(rights: Sequence[Right]) -> list[Resource]:
    return [_acl(*each) for each in _by_name(rights)]


def _acl(kind: str, name: str, operations: Sequence[str]) -> Resource:
    return {"resource": {"type": kind, "name": name, "patternType": "literal"}, "operations": operations}


def _by_name(rights: Sequence[Right]) -> Iterator[tuple[str, str, list[str]]]:
    """All operations on one topic or group together, in the order of the first of each."""
    order = {(right.kind, right.name): place for place, right in reversed(list(enumerate(rights)))}
    ordered = sorted(rights, key=lambda right: (order[right.kind, right.name], right.operation))
    for (kind, name), found in groupby(ordered, key=lambda right: (right.kind, right.name)):
        yield kind, name, [right.operation.name.title() for right in found]


def _number_or_text(value: str) -> int | str:
    return int(value) if value.lstrip("-").isdigit() else value


def _lines(value: Mapping[str, Any]) -> Iterator[str]:
    for name, each in value.items():
        if isinstance(each, Mapping):
            yield f"{name}:"
            yield from (f"  {line}" for line in _lines(each))
        elif isinstance(each, list) and isinstance(each[0], Mapping):
            yield f"{name}:"
            yield from (line for item in each for line in _item(item))
        elif isinstance(each, list):
            yield f"{name}: [{', '.join(map(_scalar, each))}]"
        else:
            yield f"{name}: {_scalar(each)}"


def _item(value: Mapping[str, Any]) -> Iterator[str]:
    for place, line in enumerate(_lines(value)):
        yield f"{'  ' if place else '- '}{line}"


def _scalar(value: str | int) -> str:
    is_plain = isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _NOT_PLAIN
    return str(value) if is_plain else json.dumps(value)
