"""The reference pages of the documentation: settings, metrics, reasons, records and commands."""

from collections.abc import Callable, Iterator

import click
import msgspec
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from saving_alerts.__main__ import main
from saving_alerts.commands.lazy_group import LazyGroup
from saving_alerts.domain.reasons import Reason
from saving_alerts.metrics import CATALOGUE, PREFIX
from saving_alerts.settings import Settings, variable
from tests.generated.schemas import CONTRACTS, Contract

FOLDER = "docs/reference"
PROGRAM = "saving-alerts"
_WIDTH = 100  # of a command's help


def files() -> Iterator[tuple[str, str]]:
    pages: dict[str, Callable[[], Iterator[str]]] = {
        "settings": _settings,
        "metrics": _metrics,
        "reasons": _reasons,
        "records": _records,
        "commands": _commands,
    }
    for name, lines in pages.items():
        yield f"{FOLDER}/{name}.md", "".join(f"{line}\n" for line in (f"# {name.title()}", "", *lines()))


def _settings() -> Iterator[str]:
    yield "`make generated` writes this page. A secret may stand in a file: put `_FILE` behind its variable."
    yield ""
    yield from _table("variable", "default", "means")
    for name, field in Settings.model_fields.items():
        yield _row(f"`{variable(name)}`", _default(field), field.description or "")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    if field.default_factory is not None:
        return "host and process"
    default = field.default
    if default is None or isinstance(default, SecretStr):
        return "none"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`" if default != "" else "none"


def _metrics() -> Iterator[str]:
    yield f"`make generated` writes this page. Every name begins with `{PREFIX}`."
    yield ""
    yield from _table("metric", "kind", "unit", "tags", "means")
    for metric, entry in CATALOGUE.items():
        tags = ", ".join(f"`{tag}`" for tag in entry.tags)
        yield _row(f"`{metric}`", str(entry.kind), entry.unit, tags, entry.meaning)


def _reasons() -> Iterator[str]:
    yield "`make generated` writes this page. Of several decisions of one event the strongest counts."
    yield ""
    yield from _table("reason", "means", "strength", "charges the caps")
    for reason in Reason:
        yield _row(f"`{reason}`", reason.row.text, str(reason.row.strength), "yes" if reason.row.charges_cap else "no")


def _records() -> Iterator[str]:
    yield "`make generated` writes this page. [The contracts](../contracts.md) say what makes a value valid."
    for name, contract in CONTRACTS.items():
        yield ""
        yield f"## {contract.title}"
        yield ""
        yield f"[`{name}.schema.json`](../contracts/{name}.schema.json), number {contract.number}."
        yield ""
        yield from _table("field", "may be missing")
        yield from _fields(contract)


def _fields(contract: Contract) -> Iterator[str]:
    for field in msgspec.structs.fields(contract.kind):
        yield _row(f"`{field.encode_name}`", "no" if field.required else "yes")


def _commands() -> Iterator[str]:
    yield "`make generated` writes this page: what `--help` says."
    for words, command in _all_commands(main, (PROGRAM,)):
        context = click.Context(command, info_name=" ".join(words), terminal_width=_WIDTH, max_content_width=_WIDTH)
        yield ""
        yield f"## {' '.join(words)}"
        yield ""
        yield from ("```text", *(line.rstrip() for line in command.get_help(context).splitlines()), "```")


def _all_commands(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if not isinstance(command, LazyGroup):
        yield words, command
        return
    for name in command.list_commands(click.Context(command)):
        found = command.get_command(click.Context(command), name)
        if found is not None:
            yield from _all_commands(found, (*words, name))


def _table(*heads: str) -> Iterator[str]:
    yield _row(*heads)
    yield f"| {' | '.join('---' for _ in heads)} |"


def _row(*cells: str) -> str:
    return f"| {' | '.join(' '.join(cell.split()).replace('|', chr(92) + '|') for cell in cells)} |"
