"""What the demo prints to be tried is what the commands take."""

import shlex
from pathlib import Path

import click
import pytest

from demo.run import commands_to_try
from saving_alerts.__main__ import main

SOURCE, *COMMANDS = commands_to_try(Path("/tmp/a world/demo.env"), "u-1-0-000035")


def test_first_a_file_is_sourced() -> None:
    assert shlex.split(SOURCE) == ["source", "/tmp/a world/demo.env"]


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_and_its_options_exist(command: str) -> None:
    program, *arguments = shlex.split(command)
    assert program == "saving-alerts"
    context = click.Context(main)
    found: click.Command = main
    while isinstance(found, click.Group):
        name = arguments.pop(0)
        found = found.get_command(context, name) or pytest.fail(f"there is no command {name}")

    assert found.make_context(program, arguments).params
