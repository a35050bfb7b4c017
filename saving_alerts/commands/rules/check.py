"""`saving-alerts rules check | schema`: is a rules file as a worker wants it?"""

import sys
from pathlib import Path

import click
import msgspec

from saving_alerts.commands.exits import BAD_NEWS
from saving_alerts.commands.files import FILE, read_file
from saving_alerts.commands.output import document, say
from saving_alerts.commands.rules.file import rules_in
from saving_alerts.domain.rules.rule import Rule
from saving_alerts.domain.rules.rule_set import RuleSet
from saving_alerts.domain.rules.variants import shares
from saving_alerts.domain.rules_file.compiler import MAX_RULES_BYTES, json_schema
from saving_alerts.domain.rules_file.mistakes import RulesRefusedError


@click.command()
@FILE
@click.option("--json", "as_json", is_flag=True, help="One JSON document, for machines.")
def check(file: Path, *, as_json: bool) -> None:
    """Check a rules file as a worker would, and name every mistake in it.

    It needs no settings and no network. FILE can be - for the standard input.

    \b
    Example:
      saving-alerts rules check rules.json

    Exit code: 0, or 1 when there is a mistake, or 2 when the file cannot be read.
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    raw = read_file(file, MAX_RULES_BYTES)
    try:
        found = rules_in(raw)
    except RulesRefusedError as error:
        _show_mistakes(file, error, as_json=as_json)
        sys.exit(BAD_NEWS)
    if as_json:
        document(msgspec.json.encode({"ok": True, "version": found.version, "mistakes": []}))
    else:
        say(*_summary(file, found))


@click.command()
def schema() -> None:
    """Print the JSON Schema of a rules file, for editors. `rules check` finds more.

    \b
    Example:
      saving-alerts rules schema > rules.schema.json
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    document(json_schema())


def _show_mistakes(file: Path, error: RulesRefusedError, *, as_json: bool) -> None:
    if as_json:
        document(msgspec.json.encode({"ok": False, "version": None, "mistakes": error.lines}))
        return
    say(*error.lines)
    number = _counted(len(error.mistakes) + error.more, "mistake")
    say(f"{file}: {number}; workers would refuse it and keep the rules they have")


def _summary(file: Path, found: RuleSet) -> list[str]:
    return [
        f"{file}: no mistakes, version {found.version}",
        f"  {_counted(len(found.rules), 'enabled rule')}, in the order they are tried: "
        + (", ".join(rule.id for rule in found.rules) or "none"),
        f"  they listen to {', '.join(sorted(found.triggers)) or 'nothing'}",
        f"  caps: {', '.join(map(str, found.caps))}",
        *(f"  texts in turn of {rule.id}: {_turns(rule)}" for rule in found.rules if rule.message.variants),
    ]


def _turns(rule: Rule) -> str:
    return ", ".join(f"{variant} {share:.0%}" for variant, share in shares(rule.message).items())


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
