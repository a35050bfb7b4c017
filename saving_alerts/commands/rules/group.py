"""`saving-alerts rules`: check a rules file, see what it would say, and put it in the place of the live one."""

import click

from saving_alerts.commands.lazy_group import LazyCommand, LazyGroup

COMMANDS = {
    "approve": LazyCommand(
        "saving_alerts.commands.rules.approval:approve",
        "Stand behind what somebody else proposed, and put it in the place of the live rules.",
    ),
    "canary": LazyCommand(
        "saving_alerts.commands.rules.canary.group:canary",
        "Look at rules that are tried on some of the users, make them everybody's, or take them back.",
    ),
    "check": LazyCommand(
        "saving_alerts.commands.rules.check:check",
        "Check a rules file as a worker would, name every mistake in it, and what is doubtful in a good one.",
    ),
    "diff": LazyCommand(
        "saving_alerts.commands.rules.diff:diff", "Say in words what AFTER says otherwise than BEFORE."
    ),
    "history": LazyCommand(
        "saving_alerts.commands.rules.publish:history", "List what was published, by whom and why, newest first."
    ),
    "preview": LazyCommand(
        "saving_alerts.commands.rules.preview:preview",
        "Show what each rule that listens at a merchant would say, with a sample coupon.",
    ),
    "propose": LazyCommand(
        "saving_alerts.commands.rules.approval:propose",
        "Check a rules file and put it where somebody else can approve it.",
    ),
    "publish": LazyCommand(
        "saving_alerts.commands.rules.publish:publish",
        "Check a rules file and put it in the place of the live one, or try it on some of the users first.",
    ),
    "results": LazyCommand(
        "saving_alerts.commands.rules.results:results",
        "Count the pushes of each rule, how many were opened and redeemed, and compare with control.",
    ),
    "rollback": LazyCommand(
        "saving_alerts.commands.rules.publish:rollback",
        "Put an earlier version in the place of the live one: the one before it, unless VERSION says which.",
    ),
    "schema": LazyCommand(
        "saving_alerts.commands.rules.check:schema", "Print the JSON Schema of a rules file, for editors."
    ),
    "show": LazyCommand(
        "saving_alerts.commands.rules.publish:show",
        "Print a version as it was published, the live one unless VERSION says which.",
    ),
    "try": LazyCommand(
        "saving_alerts.commands.rules.trial:try_", "Send one push of a rule to a test user, with a sample coupon."
    ),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def rules() -> None:
    """Check, preview, publish and roll back the rules of the product managers.

    \b
    Example:
      saving-alerts rules show > rules.json
      saving-alerts rules check rules.json
      saving-alerts rules publish rules.json --by ines --note "Coffee only on weekends" --wait
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
