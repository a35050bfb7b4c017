"""What `saving-alerts`, or `python -m saving_alerts`, starts. A command is imported when it is called.

Our own commands answer without Faust. `worker` and `agents` go on to Faust's command line.
"""

import logging
import os
from pathlib import Path

import click
from dotenv import load_dotenv

from saving_alerts import ENVIRONMENT_PREFIX, __version__
from saving_alerts.commands.lazy_group import LazyCommand, LazyGroup
from saving_alerts.commands.output import ShownLogs, say

HELP = """Saving alerts: from an event at the store to one relevant push.

\b
  saving-events ──validate──▶ validated ──query_coupons──▶ candidates
                ──evaluate_rules──▶ alerts ──dispatch_push──▶ push API
  every stage   ──▶ decisions      (one decision ends every event)
                ──▶ dead-letters   (bytes nobody could handle)

\b
Settings come from the environment and from .env: see .env.example.

\b
Examples:
  saving-alerts topics create
  saving-alerts worker
  saving-alerts explain --user u-42 --since 24h
  saving-alerts rules check rules.json
"""
COMMANDS = {
    "agents": LazyCommand("saving_alerts.commands.worker:agents", "List the four agents with their topics."),
    "audit": LazyCommand(
        "saving_alerts.commands.audit:audit", "Account for every source offset: answered, still pending, or missing."
    ),
    "consent": LazyCommand(
        "saving_alerts.commands.consent.group:consent", "Go on after consent changes that could not be read."
    ),
    "dead-letters": LazyCommand(
        "saving_alerts.commands.dead_letters.group:dead_letters",
        "See what failed, give it another try, or set a record aside that workers must not try.",
    ),
    "erase": LazyCommand(
        "saving_alerts.commands.erase.command:erase",
        "Forget a user: what was charged to them counts on, under a token that leads to nobody.",
    ),
    "demo": LazyCommand("saving_alerts.commands.demo:demo", "Say where the demo is."),
    "events": LazyCommand(
        "saving_alerts.commands.events.group:events", "Check events before they are written to the source."
    ),
    "explain": LazyCommand(
        "saving_alerts.commands.explain:explain", "Say for each event of a user what became of it, and why."
    ),
    "kill": LazyCommand(
        "saving_alerts.commands.kill.group:kill",
        "Stop pushes at once: all, a merchant's, a rule's, or those of a version of the rules.",
    ),
    "merchants": LazyCommand(
        "saving_alerts.commands.merchants.group:merchants",
        "Check, publish, accept and roll back the merchant directory.",
    ),
    "record-results": LazyCommand(
        "saving_alerts.commands.record_results:record_results",
        "Join pushes with what shoppers do then, until it is stopped.",
    ),
    "rules": LazyCommand(
        "saving_alerts.commands.rules.group:rules",
        "Check, preview, publish and roll back the rules of the product managers.",
    ),
    "simulate": LazyCommand(
        "saving_alerts.commands.simulate.command:simulate",
        "Replay the recorded events through the live rules and through a file, caps included, and compare.",
    ),
    "stats": LazyCommand(
        "saving_alerts.commands.stats.command:stats",
        "Show what stands on a worker's page: how the deployment is, health, what flows, workers, partitions, rules.",
    ),
    "throttle": LazyCommand(
        "saving_alerts.commands.throttle.group:throttle", "Fill a Redis that has lost its data with what Kafka knows."
    ),
    "topics": LazyCommand(
        "saving_alerts.commands.topics.group:topics", "Create and check the topics of this deployment."
    ),
    "worker": LazyCommand("saving_alerts.commands.worker:worker", "Run one worker until it is stopped."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS, help=HELP)
@click.version_option(__version__, prog_name="saving-alerts")
def main() -> None:
    logging.lastResort = ShownLogs()
    # Into the environment, and not into our settings only: S3's credentials stand there as well.
    load_dotenv(Path(".env"))
    if any(name.startswith(ENVIRONMENT_PREFIX) for name in os.environ):
        _warn_of_unknown_variables()


def _warn_of_unknown_variables() -> None:
    from saving_alerts.settings import unknown_variables  # noqa: PLC0415 - pydantic, for this only

    for name in unknown_variables(os.environ):
        say(f"warning: {name} is set, but there is no such setting", err=True)


if __name__ == "__main__":
    main()
