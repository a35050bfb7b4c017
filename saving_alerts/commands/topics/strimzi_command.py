"""`saving-alerts topics strimzi`: topics and users for Strimzi's operators, by the settings of this deployment."""

from typing import Literal

import click

from saving_alerts.commands.deployment import settings_or_exit
from saving_alerts.commands.output import say
from saving_alerts.commands.topics.layout import layout_of
from saving_alerts.commands.topics.strimzi import in_yaml, topic_resources, user_resources


@click.command()
@click.argument("what", type=click.Choice(["topics", "users"]))
@click.option("--cluster", default="kafka", show_default=True, help="The name of Strimzi's Kafka resource.")
def strimzi(what: Literal["topics", "users"], cluster: str) -> None:
    """Write the topics and users as resources of Strimzi's operators.

    The users are those of workers, of KEDA and, where results are recorded, of `record-results`, with their ACLs. It
    goes by the settings and asks nothing of Kafka. What is upstream's to have is not among the topics.

    \b
    Example:
      saving-alerts topics strimzi topics --cluster kafka > topics.yaml
      saving-alerts topics strimzi users --cluster kafka > users.yaml
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    settings = settings_or_exit()
    is_topics = what == "topics"
    say(*in_yaml(topic_resources(layout_of(settings), cluster) if is_topics else user_resources(settings, cluster)))
