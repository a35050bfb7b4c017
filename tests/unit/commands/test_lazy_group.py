"""A lazy group knows of its commands what click would otherwise import them for."""

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from saving_alerts.__main__ import main
from saving_alerts.commands.lazy_group import LazyCommand, LazyGroup


def lazy_commands(group: LazyGroup, above: str = "") -> Iterator[tuple[str, LazyCommand]]:
    for name, lazy in group.lazy.items():
        yield f"{above}{name}", lazy
        command = lazy.load()
        if isinstance(command, LazyGroup):
            yield from lazy_commands(command, f"{above}{name} ")


COMMANDS = dict(lazy_commands(main))


class EagerGroup(click.Group):
    """The same commands, each imported."""

    def __init__(self, group: LazyGroup) -> None:
        super().__init__(group.name, {name: lazy.load() for name, lazy in group.lazy.items()}, help=group.help)


def groups() -> list[LazyGroup]:
    return [main, *(found for lazy in COMMANDS.values() if isinstance(found := lazy.load(), LazyGroup))]


@pytest.mark.parametrize("path", COMMANDS)
def test_a_command_stands_where_its_group_says_and_has_that_name(path: str) -> None:
    assert COMMANDS[path].load().name == path.rsplit(" ", maxsplit=1)[-1]


@pytest.mark.parametrize("path", COMMANDS)
def test_the_line_in_the_help_of_the_group_is_the_commands_own(path: str) -> None:
    assert COMMANDS[path].summary == COMMANDS[path].load().get_short_help_str(limit=1000)


@pytest.mark.parametrize("width", [40, 80, 120, 200])
@pytest.mark.parametrize("group", groups(), ids=lambda group: str(group.name))
def test_the_help_of_a_group_is_what_click_would_write(group: LazyGroup, width: int) -> None:
    written, expected = (_commands_of(each, width) for each in (group, EagerGroup(group)))

    assert "Commands:" in written
    assert written == expected


def test_an_unknown_command_is_refused_as_click_does_it() -> None:
    result = CliRunner().invoke(main, ["nonsense"])

    assert result.exit_code == 2
    assert "No such command 'nonsense'." in result.output


def test_every_group_below_is_lazy_too() -> None:
    below = [lazy.load() for lazy in COMMANDS.values()]

    assert {group.name for group in below if isinstance(group, click.Group)} == {
        "topics",
        "canary",
        "consent",
        "dead-letters",
        "events",
        "kill",
        "merchants",
        "rules",
        "throttle",
    }
    assert not [group.name for group in below if isinstance(group, click.Group) and not isinstance(group, LazyGroup)]


def _commands_of(group: click.Group, width: int) -> str:
    formatter = click.HelpFormatter(width=width)
    group.format_commands(click.Context(group), formatter)
    return formatter.getvalue()
