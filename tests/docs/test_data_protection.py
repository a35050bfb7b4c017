"""docs/data-protection.md names every topic with its time, every command with its rights, and what S3 is asked for."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import click
import pytest

from saving_alerts.__main__ import main
from saving_alerts.commands.lazy_group import LazyGroup
from saving_alerts.kafka.topics import FOR_EVER, Topic, Topics
from tests.support.documented_acls import ALWAYS, WITH_CONSENT_CHANGES, WITH_ERASURES, WITH_RESULTS, documented_acls

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "data-protection.md").read_text("utf-8")
TOPICS = Topics.named("saving-events", "saving-alerts", consent_changes="saving-consent", erases=True, results=True)
TABLES = (ALWAYS, WITH_CONSENT_CHANGES, WITH_ERASURES, WITH_RESULTS)
S3_CALLS = re.compile(r"\.(\w+_object)\(")


def rows(title: str) -> list[list[str]]:
    """The cells of the table under a headline of its columns."""
    (table,) = re.findall(rf"^{re.escape(title)}\n\|[- |]+\|\n((?:\|.*\|\n)+)", TEXT, re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


def rights() -> dict[str, list[str]]:
    """By who: Kafka, Redis, S3."""
    table = rows("| who | Kafka | Redis | S3 |")
    return {name: cells for who, *cells in table for name in (re.findall("`([^`]+)`", who) or [who])}


def commands_of(group: LazyGroup, prefix: str = "") -> Iterator[str]:
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        if isinstance(command, LazyGroup):
            yield from commands_of(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}"


def said_of(topic: Topic) -> str:
    (row,) = [
        row for row in rows("| where | what stands there about a shopper | kept for |") if f"`{topic.name}`" in row[0]
    ]
    return row[2]


@pytest.mark.parametrize("topic", TOPICS.all, ids=lambda topic: str(topic.name))
def test_every_topic_is_said_to_be_kept_as_long_as_it_is(topic: Topic) -> None:
    wanted = f"{topic.retention // timedelta(days=1)} days" if topic.retention not in (None, FOR_EVER) else ""
    expected = wanted or ("for ever" if topic.retention is FOR_EVER else "upstream's to set")

    assert said_of(topic).startswith(expected)


def test_every_command_has_its_rights() -> None:
    assert set(commands_of(main)) == set(rights())


def test_who_is_said_to_need_nothing_of_kafka_has_no_acl() -> None:
    names = [topic.name for topic in TOPICS.all]
    acls = [who for table in TABLES for who in documented_acls(names, table)]
    with_acls = {" ".join(word for word in who.split() if not word.startswith("--")) for who in acls}

    assert {who for who, (kafka, _, _) in rights().items() if kafka == "ACLs"} == with_acls


def test_s3_is_asked_for_what_is_documented() -> None:
    code = "".join(file.read_text("utf-8") for file in (ROOT / "saving_alerts" / "adapters").glob("s3*.py"))
    asked = {"".join(map(str.title, call.split("_"))) for call in S3_CALLS.findall(code)}

    assert asked == set(re.findall(r"`s3:(\w+Object)`", TEXT))
    assert asked == {call for *_, s3 in rights().values() for call in re.findall(r"\w+Object", s3)}


def test_a_worker_does_not_write_to_s3() -> None:
    writers = {
        file.name
        for folder in ("worker", "reference_data")
        for file in (ROOT / "saving_alerts" / folder).glob("*.py")
        if re.search(r"(store|writable)\.put(_if)?\(", file.read_text("utf-8"))
    }

    # The commands write with them: `proposals` with what people propose and approve, `canary_orders` what is tried.
    assert writers == {"document_store.py", "proposals.py", "canary_orders.py"}
    assert "proposals" not in (ROOT / "saving_alerts/reference_data/loader.py").read_text("utf-8")
    assert "CanaryOrders" not in (ROOT / "saving_alerts/reference_data/canary_loader.py").read_text("utf-8")
    assert rights()["worker"][2] == "GetObject"
