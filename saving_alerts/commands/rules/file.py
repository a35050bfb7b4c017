"""A rules file on this machine, as the commands take it."""

import sys
from pathlib import Path

import click

from saving_alerts.commands.exits import BadNewsError, CommandRefusedError
from saving_alerts.domain.rules.rule_set import RuleSet
from saving_alerts.domain.rules_file.compiler import MAX_RULES_BYTES, read_rules
from saving_alerts.domain.rules_file.mistakes import RulesRefusedError

FILE = click.argument("file", type=click.Path(path_type=Path, allow_dash=True))


def read_file(file: Path) -> bytes:
    """Its bytes, and one more than allowed if it is too large. Refuses what cannot be read."""
    try:
        if str(file) == "-":
            return sys.stdin.buffer.read(MAX_RULES_BYTES + 1)
        with file.open("rb") as opened:
            return opened.read(MAX_RULES_BYTES + 1)
    except OSError as error:
        raise CommandRefusedError(f"{file} cannot be read: {error.strerror}") from error


def rules_in(raw: bytes) -> RuleSet:
    """As `read_rules`, and a file too large is a mistake as well."""
    if len(raw) > MAX_RULES_BYTES:
        raise RulesRefusedError([f"$: more than {MAX_RULES_BYTES} bytes, which is the most that workers read"])
    return read_rules(raw)


def good_rules(file: Path) -> tuple[bytes, RuleSet]:
    """Bytes and rules of a file without mistakes; a file with some ends the command with all of them."""
    raw = read_file(file)
    try:
        return raw, rules_in(raw)
    except RulesRefusedError as error:
        raise BadNewsError("\n".join([f"{file} has mistakes, so nothing was done:", *error.lines])) from error
