"""A group of commands each of which is imported when it is called, and not for the help of the group."""

from collections.abc import Mapping
from pkgutil import resolve_name
from typing import Any, NamedTuple

import click


class LazyCommand(NamedTuple):
    """Where a command stands, as `module:name`, and its line in the help of its group."""

    place: str
    summary: str

    def load(self) -> click.Command:
        command: click.Command = resolve_name(self.place)
        return command


class LazyGroup(click.Group):
    """`lazy` has its commands by name; their lines of help are those of the commands, which a test holds."""

    def __init__(self, *, lazy: Mapping[str, LazyCommand], **options: Any) -> None:  # noqa: ANN401 - click's own
        super().__init__(**options)
        self.lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *self.lazy})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        known = self.lazy.get(cmd_name)
        return known.load() if known else super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """As click does it, from the lines that are known: click would import every command for its own."""
        known = {name: click.Command(name, help=command.summary) for name, command in self.lazy.items()}
        click.Group(commands={**self.commands, **known}).format_commands(ctx, formatter)
