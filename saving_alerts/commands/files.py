"""A file on this machine, as the commands take it."""

import sys
from pathlib import Path

import click

from saving_alerts.commands.exits import CommandRefusedError

FILE = click.argument("file", type=click.Path(path_type=Path, allow_dash=True))


def read_file(file: Path, max_bytes: int) -> bytes:
    """Its bytes, and one more than allowed if it is too large. Refuses what cannot be read."""
    try:
        if str(file) == "-":
            return sys.stdin.buffer.read(max_bytes + 1)
        with file.open("rb") as opened:
            return opened.read(max_bytes + 1)
    except OSError as error:
        raise CommandRefusedError(f"{file} cannot be read: {error.strerror}") from error
