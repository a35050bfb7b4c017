"""A rules file on this machine, as the commands take it."""

from pathlib import Path

from saving_alerts.commands.exits import BadNewsError
from saving_alerts.commands.files import read_file
from saving_alerts.domain.rules.rule_set import RuleSet
from saving_alerts.domain.rules_file.compiler import MAX_RULES_BYTES, read_rules
from saving_alerts.domain.rules_file.mistakes import RulesRefusedError


def rules_in(raw: bytes) -> RuleSet:
    """As `read_rules`, and a file too large is a mistake as well."""
    if len(raw) > MAX_RULES_BYTES:
        raise RulesRefusedError([f"$: more than {MAX_RULES_BYTES} bytes, which is the most that workers read"])
    return read_rules(raw)


def good_rules(file: Path) -> tuple[bytes, RuleSet]:
    """Bytes and rules of a file without mistakes; a file with some ends the command with all of them."""
    raw = read_file(file, MAX_RULES_BYTES)
    try:
        return raw, rules_in(raw)
    except RulesRefusedError as error:
        raise BadNewsError(f"{file} has mistakes, so nothing was done:", *error.lines) from error
