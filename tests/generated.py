"""`make generated`: the files that are written from the code, and held to it by `tests/docs/test_generated.py`."""

from collections.abc import Callable, Iterator
from pathlib import Path

from saving_alerts.commands.topics.layout import layout_of
from saving_alerts.commands.topics.strimzi import Resource, in_yaml, topic_resources, user_resources
from saving_alerts.kafka.access import rights_of_worker
from saving_alerts.settings import example_settings

ROOT = Path(__file__).parents[1]
STRIMZI_CLUSTER = "kafka"
SETTINGS = example_settings()


def main() -> None:
    for path, text in generated():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def generated() -> Iterator[tuple[Path, str]]:
    """Every such file with what it must hold."""
    for path, text in FILES.items():
        yield ROOT / path, text()


def _topics() -> str:
    return _manifest("topics", topic_resources(layout_of(SETTINGS), STRIMZI_CLUSTER))


def _users() -> str:
    rights = rights_of_worker(SETTINGS.topics, SETTINGS.app_id, SETTINGS.consent_group)
    return _manifest("users", user_resources(SETTINGS.app_id, rights, SETTINGS.topics, STRIMZI_CLUSTER))


def _manifest(what: str, resources: list[Resource]) -> str:
    head = f"# `make generated` writes this file: `saving-alerts topics strimzi {what}`, for the default settings."
    return "".join(f"{line}\n" for line in (head, *in_yaml(resources)))


FILES: dict[str, Callable[[], str]] = {
    "deploy/kubernetes/strimzi/topics.yaml": _topics,
    "deploy/kubernetes/strimzi/users.yaml": _users,
}

if __name__ == "__main__":
    main()
