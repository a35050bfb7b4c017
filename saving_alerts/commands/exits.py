"""How a command ends that could not do its work, or whose answer is no."""

from typing import IO, Any

import click

from saving_alerts.commands.output import say, shown

BAD_NEWS = 1


class CommandRefusedError(click.ClickException):
    """The command could not do its work; the text says why, each argument on a line of its own."""

    exit_code = 2

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(map(shown, lines)))

    def show(self, file: IO[Any] | None = None) -> None:  # noqa: ARG002 - click's own
        say(*f"Error: {self.message}".split("\n"), err=True)


class BadNewsError(CommandRefusedError):
    """The command did its work, and the answer is no."""

    exit_code = BAD_NEWS
