"""`saving-alerts topics create | check`: create what is missing, and check what is there."""

import asyncio
import sys

import click
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import IncompatibleBrokerVersion, InvalidReplicationFactorError, TopicAlreadyExistsError, for_code

from saving_alerts.commands.deployment import settings_or_exit
from saving_alerts.commands.exits import BAD_NEWS, CommandRefusedError
from saving_alerts.commands.output import say
from saving_alerts.commands.running import run
from saving_alerts.commands.topics.layout import Layout, differences, layout_of
from saving_alerts.kafka.client import admin_client, config_of, mismatch, partition_counts
from saving_alerts.kafka.connection import KafkaConnection, KafkaFailedError
from saving_alerts.kafka.refusals import ACL_HINT, UNAUTHORIZED
from saving_alerts.kafka.topics import Topic
from saving_alerts.settings import variable

SEEN_TIMEOUT_SECONDS = 30
LOOK_SECONDS = 0.1


@click.command()
def create() -> None:
    """Create the topics that are missing; nothing that is there is changed.

    \b
    Example:
      saving-alerts topics create
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    connection, layout = _deployment()
    created = run(_create(connection, layout))
    for topic in layout.topics.all:
        say(f"{topic.name}: {_what_happened(topic, layout, created)}")


@click.command()
def check() -> None:
    """Check that all topics are there, equally partitioned, and set as they should be.

    Settings that differ are named, and are yours to judge: the exit code is 1 only for topics that are missing or
    unequal.

    \b
    Example:
      saving-alerts topics check
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    connection, layout = _deployment()
    counts, differences = run(_check(connection, layout))
    for line in differences:
        say(line)
    problem = mismatch({topic.name: counts.get(topic.name) for topic in layout.equal})
    if missing := [topic.name for topic in layout.topics.others if topic.name not in counts]:
        problem = problem or mismatch(dict.fromkeys(missing))
    if problem:
        say(problem)
        sys.exit(BAD_NEWS)
    say(f"all {len(layout.topics.all)} topics are there, with {counts[layout.topics.source.name]} partitions each")
    say(f"but for {layout.topics.kill_switches.name}, which needs one only")
    if layout.topics.consent_changes is not None:
        say(f"and {layout.topics.consent_changes.name}, which may have any number")


def _deployment() -> tuple[KafkaConnection, Layout]:
    settings = settings_or_exit()
    return settings.kafka, layout_of(settings)


def _what_happened(topic: Topic, layout: Layout, created: frozenset[str]) -> str:
    if topic.name not in created:
        return "is there"
    upstream = ", although it is upstream's to have" if topic in layout.topics.upstreams else ""
    partitions = topic.partitions or layout.partitions
    return f"created with {partitions} partition{'s' if partitions > 1 else ''}{upstream}"


class _UnequalError(CommandRefusedError):
    exit_code = BAD_NEWS


async def _create(connection: KafkaConnection, layout: Layout) -> frozenset[str]:
    """The names of those that were created."""
    counts = await partition_counts(connection)
    if problem := layout.problem(counts):
        raise _UnequalError(problem)
    missing = [topic for topic in layout.topics.all if topic.name not in counts]
    if missing:
        async with admin_client(connection) as client:
            await _refuse_without_controller(client, connection)
            await _create_topics(client, layout, missing)
        await _until_seen(connection, [topic.name for topic in missing])
    return frozenset(topic.name for topic in missing)


async def _until_seen(connection: KafkaConnection, names: list[str]) -> None:
    """A created topic is known to every broker a little later; whoever comes after this command must find it."""
    seen_by = asyncio.get_running_loop().time() + SEEN_TIMEOUT_SECONDS
    while unseen := set(names) - (await partition_counts(connection)).keys():
        if asyncio.get_running_loop().time() > seen_by:
            raise KafkaFailedError(f"created, but not to be seen after {SEEN_TIMEOUT_SECONDS} s: {', '.join(unseen)}")
        await asyncio.sleep(LOOK_SECONDS)


async def _refuse_without_controller(client: AIOKafkaAdminClient, connection: KafkaConnection) -> None:
    """The driver would fail on its own None. The embedded cluster is one that has no controller."""
    cluster = await client.describe_cluster()
    known = {broker["node_id"] for broker in cluster["brokers"]}
    if cluster.get("controller_id") not in known:
        raise KafkaFailedError(f"Kafka at {connection.bootstrap_servers} has no controller, so it cannot create topics")


async def _create_topics(client: AIOKafkaAdminClient, layout: Layout, missing: list[Topic]) -> None:
    wanted = [
        NewTopic(
            topic.name,
            topic.partitions or layout.partitions,
            layout.replication_factor,
            topic_configs=dict(layout.config(topic)),
        )
        for topic in missing
    ]
    answer = await client.create_topics(wanted)
    failed = [(name, for_code(code), text) for name, code, text in answer.topic_errors if code]
    # Somebody else may have been faster.
    refused = [failure for failure in failed if failure[1] is not TopicAlreadyExistsError]
    if refused:
        raise KafkaFailedError("\n".join(_refusal(*failure) for failure in refused))


def _refusal(name: str, kind: type[Exception], text: str | None) -> str:
    line = f"{name} could not be created: {text or kind.__name__}"
    if kind is InvalidReplicationFactorError:
        line += f"; set {variable('topic_replication_factor')} to at most the number of brokers"
    return f"{line} {ACL_HINT}" if issubclass(kind, UNAUTHORIZED) else line


async def _check(connection: KafkaConnection, layout: Layout) -> tuple[dict[str, int], list[str]]:
    counts = await partition_counts(connection)
    existing = [topic for topic in layout.topics.all if topic.name in counts]
    async with admin_client(connection) as client:
        try:
            configs = {topic.name: await config_of(client, topic.name) for topic in existing}
        except IncompatibleBrokerVersion:
            return counts, ["this cluster does not tell how its topics are set"]
    return counts, [
        line for topic in existing for line in differences(topic.name, layout.config(topic), configs[topic.name])
    ]
