"""`saving-alerts rules diff`: what another version or file says otherwise."""

from pathlib import Path

import click

from saving_alerts.commands.deployment import settings_or_exit
from saving_alerts.commands.exits import BadNewsError
from saving_alerts.commands.files import read_file
from saving_alerts.commands.output import say
from saving_alerts.commands.publishing import with_bucket
from saving_alerts.commands.rules.file import rules_in
from saving_alerts.commands.version import is_version
from saving_alerts.domain.rules_file.compiler import MAX_RULES_BYTES
from saving_alerts.domain.rules_file.differences import differences
from saving_alerts.domain.rules_file.mistakes import RulesRefusedError
from saving_alerts.ports.object_store import SwappingStore
from saving_alerts.reference_data.document_store import rules_store

LIVE = "live"


@click.command()
@click.argument("before")
@click.argument("after")
def diff(before: str, after: str) -> None:
    """Say in words what AFTER says otherwise than BEFORE.

    Each is a file, a published version, or "live". Two files need no settings and no network. How a file is written
    does not matter.

    \b
    Example:
      saving-alerts rules diff live rules.json
      saving-alerts rules diff 3f2a9c01b7de 81d5e0a4c2f6

    Exit code: 0, or 1 when one of them has a mistake, or 2 when it cannot be read.
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    found = differences(_good(before), _good(after))
    say(*(found or [f"{before} and {after} say the same"]))


def _good(named: str) -> bytes:
    raw = _published(named) if named == LIVE or is_version(named) else read_file(Path(named), MAX_RULES_BYTES)
    try:
        rules_in(raw)
    except RulesRefusedError as error:
        raise BadNewsError(f"{named} has mistakes:", *error.lines) from error
    return raw


def _published(named: str) -> bytes:
    settings = settings_or_exit()
    version = None if named == LIVE else named

    async def body(store: SwappingStore) -> bytes:
        return await rules_store(store, settings.s3_rules_key, settings.max_rules_bytes).body(version)

    return with_bucket(settings, body)
