"""How a command ends that could not do its work, or whose answer is no."""

import click

BAD_NEWS = 1


class CommandRefusedError(click.ClickException):
    """The command could not do its work; the text says why."""

    exit_code = 2


class BadNewsError(CommandRefusedError):
    """The command did its work, and the answer is no."""

    exit_code = BAD_NEWS
