"""`saving-alerts dead-letters`: what failed, and what can be done about it."""

import click

from saving_alerts.commands.lazy_group import LazyCommand, LazyGroup

COMMANDS = {
    "list": LazyCommand(
        "saving_alerts.commands.dead_letters.show:list_",
        "List dead letters, oldest first: name, time (UTC), stage, reason, where the record stood, and the error.",
    ),
    "replay": LazyCommand(
        "saving_alerts.commands.dead_letters.replay:replay",
        "Write dead letters again where they stood, so that workers try them once more: mend the bug first.",
    ),
    "show": LazyCommand(
        "saving_alerts.commands.dead_letters.show:show",
        "Show one dead letter: all that is known, the traceback, and the bytes.",
    ),
    "skip": LazyCommand(
        "saving_alerts.commands.dead_letters.skip:skip",
        "Let one record become a dead letter, untried, when a worker gets to it.",
    ),
}


@click.group("dead-letters", cls=LazyGroup, lazy=COMMANDS)
def dead_letters() -> None:
    """See what failed, give it another try, or set a record aside that workers must not try.

    \b
    Example:
      saving-alerts dead-letters list --since 7d
      saving-alerts dead-letters show 3:17
      saving-alerts dead-letters replay 3:17
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
