"""`saving-alerts rules check | schema`: is a rules file as a worker wants it?"""

import sys
from itertools import islice
from pathlib import Path

import click
import msgspec

from saving_alerts.commands.clock import now
from saving_alerts.commands.exits import BAD_NEWS
from saving_alerts.commands.files import FILE, read_file
from saving_alerts.commands.output import document, say
from saving_alerts.commands.rules.evidence import merchants_in, wins_in
from saving_alerts.commands.rules.file import rules_in
from saving_alerts.domain.rules.rule import Rule
from saving_alerts.domain.rules.rule_set import RuleSet
from saving_alerts.domain.rules.variants import shares
from saving_alerts.domain.rules_file.compiler import MAX_RULES_BYTES, json_schema
from saving_alerts.domain.rules_file.doubts import doubts
from saving_alerts.domain.rules_file.mistakes import RulesRefusedError

MAX_BUDGETS = 20  # that are shown
_GIVEN = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@FILE
@click.option("--merchants", type=_GIVEN, help="A merchant directory: also say what it shows of the rules.")
@click.option(
    "--simulated", type=_GIVEN, help="What `simulate --json` said of this file: also say which rules never won."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document, for machines.")
def check(file: Path, merchants: Path | None, simulated: Path | None, *, as_json: bool) -> None:
    """Check a rules file as a worker would, name every mistake in it, and what is doubtful in a good one.

    It needs no settings and no network. FILE can be - for the standard input. What is doubtful is no mistake: workers
    take the file all the same.

    \b
    Example:
      saving-alerts rules check rules.json
      saving-alerts rules check rules.json --merchants merchants.jsonl

    Exit code: 0, or 1 when there is a mistake, or 2 when a file cannot be read.
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    raw = read_file(file, MAX_RULES_BYTES)
    try:
        found = rules_in(raw)
    except RulesRefusedError as error:
        _show_mistakes(file, error, as_json=as_json)
        sys.exit(BAD_NEWS)
    known = merchants_in(merchants) if merchants is not None else None
    wins = wins_in(simulated, found.version) if simulated is not None else None
    doubtful = doubts(raw, now().date(), known, wins)
    if as_json:
        document(msgspec.json.encode({"ok": True, "version": found.version, "mistakes": [], "doubts": doubtful}))
    else:
        say(*(f"doubtful: {each}" for each in doubtful), *_summary(file, found))


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
        *_budgets(found),
        *(f"  texts in turn of {rule.id}: {_turns(rule)}" for rule in found.rules if rule.message.variants),
    ]


def _budgets(found: RuleSet) -> list[str]:
    first = [f"  budget of {name}: {budget}" for name, budget in islice(found.budgets.items(), MAX_BUDGETS)]
    more = len(found.budgets) - len(first)
    return [*first, f"  and {_counted(more, 'budget')} more"] if more else first


def _turns(rule: Rule) -> str:
    return ", ".join(f"{variant} {share:.0%}" for variant, share in shares(rule.message).items())


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
