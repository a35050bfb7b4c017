"""AsyncAPI 3 of the topics, seen from a worker: what it receives and what it sends."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from saving_alerts import __version__
from saving_alerts.commands.topics.layout import Layout
from saving_alerts.domain.decisions import Stage
from saving_alerts.kafka.access import Operation, rights_of_worker
from saving_alerts.kafka.codecs import HEADER_NAMES
from saving_alerts.kafka.topics import Topic, Topics
from saving_alerts.settings import example_settings
from tests.generated.schemas import CONTRACTS, FOLDER, Schema, as_text

SETTINGS = example_settings()
TOPICS = Topics.named(
    SETTINGS.source_topic, SETTINGS.topic_prefix, consent_changes="saving-consent", erases=True, results=True
)
LAYOUT = Layout(TOPICS, SETTINGS.topic_partitions, SETTINGS.topic_replication_factor)
_ACTIONS = {Operation.READ: "receive", Operation.WRITE: "send"}
_USER = "the user id, in UTF-8"
_OF_DEAD_LETTERS = ("schema", "content-type", "ce_specversion", "ce_type", "ce_source", "ce_id", "ce_time")
_PLACE = "that of the record"


class Told(NamedTuple):
    """What stands on a topic: its contracts, its key, and its headers."""

    messages: tuple[str, ...]
    key: str
    headers: tuple[str, ...] = ()


# By the name of the field in `Topics`. A topic that has no row here has its place and its settings told, and no more.
TOLD: Mapping[str, Told] = {
    "source": Told(("event",), "any; the user id puts a user's events in order"),
    "validated": Told(("validated",), _USER, headers=HEADER_NAMES),
    "candidates": Told(("candidate",), _USER, headers=HEADER_NAMES),
    "alerts": Told(("alert", "departure"), _USER, headers=HEADER_NAMES),
    "decisions": Told(("decision", "receipt"), "the user id, or the position", headers=("schema",)),
    "dead_letters": Told(("dead-letter",), _PLACE, headers=_OF_DEAD_LETTERS),
    "push_sends": Told(("push-send",), "user id, FF, push-send as JSON; the value is 1"),
    "kill_switches": Told(("kill-switch",), "all, merchant:ID or rule:ID"),
    "consent": Told(("consent-change",), _USER, headers=("from",)),
    "consent_changes": Told(("consent-change",), _USER),
    "erasures": Told(("erasure-order",), "the token of the user; a tombstone says that they are erased"),
    "responses": Told(("response",), _USER),
    "results": Told(("result",), _USER),
}


def files() -> Iterator[tuple[str, str]]:
    yield f"{FOLDER}/asyncapi.json", as_text(document())


def document() -> Schema:
    topics = {name: topic for name in TOPICS.__dataclass_fields__ if (topic := getattr(TOPICS, name)) is not None}
    used = sorted({message for name in topics if name in TOLD for message in TOLD[name].messages})
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Saving alerts",
            "version": __version__,
            "description": "The topics of a deployment with the default names. docs/contracts.md says more.",
            "license": {"name": "Apache 2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {name: _channel(name, topic) for name, topic in topics.items()},
        "operations": dict(_operations(topics)),
        "components": {"messages": {name: _message(name) for name in used}},
    }


def _channel(name: str, topic: Topic) -> Schema:
    told = TOLD.get(name)
    messages = told.messages if told else ()
    kafka: Schema = {"bindingVersion": "0.5.0"}
    if topic not in TOPICS.upstreams:
        kafka["partitions"] = topic.partitions or LAYOUT.partitions
        kafka["topicConfiguration"] = _configuration(topic)
    return {
        "address": topic.name,
        "description": _description(topic, told),
        "messages": {each: {"$ref": f"#/components/messages/{each}"} for each in messages},
        "bindings": {"kafka": kafka},
    }


def _description(topic: Topic, told: Told | None) -> str:
    owner = "Upstream's." if topic in TOPICS.upstreams else "Ours."
    key = f" Key: {told.key}." if told else ""
    headers = f" Headers: {', '.join(told.headers)}." if told and told.headers else ""
    stages = [str(stage) for stage in Stage if TOPICS.inputs[stage] == topic]
    return owner + key + headers + (f" Read by {stages[0]}." if stages else "")


def _configuration(topic: Topic) -> Schema:
    config = LAYOUT.config(topic)
    found: Schema = {"cleanup.policy": config["cleanup.policy"].split(",")}
    for name in ("retention.ms", "delete.retention.ms", "max.message.bytes"):
        if name in config:
            found[name] = int(config[name])
    return found


def _operations(topics: Mapping[str, Topic]) -> Iterator[tuple[str, Schema]]:
    """A worker receives what it may read, and sends what it may write."""
    rights = rights_of_worker(TOPICS, SETTINGS.app_id, SETTINGS.consent_group)
    names = {topic.name: name for name, topic in topics.items()}
    for right in rights:
        if right.kind == "topic":
            name, action = names[right.name], _ACTIONS[right.operation]
            yield f"{action}_{name}", {"action": action, "channel": {"$ref": f"#/channels/{name}"}}


def _message(name: str) -> Schema:
    contract = CONTRACTS[name]
    return {
        "name": name,
        "title": contract.title,
        "contentType": "application/json",
        "payload": {"$ref": f"./{name}.schema.json"},
    }
