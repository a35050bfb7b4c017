"""`saving-alerts merchants`: check a directory, put it in the place of the live one, accept one that has shrunk."""

import click

from saving_alerts.commands.lazy_group import LazyCommand, LazyGroup

COMMANDS = {
    "accept": LazyCommand(
        "saving_alerts.commands.merchants.accept:accept",
        "Let workers take the directory in S3 although it has lost many merchants.",
    ),
    "check": LazyCommand(
        "saving_alerts.commands.merchants.check:check",
        "Check a merchant directory as a worker would, and name every bad line in it.",
    ),
    "history": LazyCommand(
        "saving_alerts.commands.merchants.publish:history", "List what was published, by whom and why, newest first."
    ),
    "publish": LazyCommand(
        "saving_alerts.commands.merchants.publish:publish",
        "Check a merchant directory and put it in the place of the live one.",
    ),
    "rollback": LazyCommand(
        "saving_alerts.commands.merchants.publish:rollback",
        "Put an earlier version in the place of the live one: the one before it, unless VERSION says which.",
    ),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def merchants() -> None:
    """Check, publish, accept and roll back the merchant directory.

    \b
    Example:
      saving-alerts merchants check merchants.jsonl
      saving-alerts merchants publish merchants.jsonl --by dana --note "stores of November" --wait
      saving-alerts merchants accept 3f2a9c01b7de
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
