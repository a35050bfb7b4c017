"""`saving-alerts merchants publish | history | rollback`: which directory is live, and which was."""

from dataclasses import dataclass
from pathlib import Path

import click

from saving_alerts.commands.deployment import settings_or_exit
from saving_alerts.commands.files import read_file
from saving_alerts.commands.merchants.accepted import note_accepted, refuse_loss
from saving_alerts.commands.merchants.reading import good_directory
from saving_alerts.commands.merchants.store import with_merchants_store
from saving_alerts.commands.output import say
from saving_alerts.commands.publishing import (
    AS_JSON,
    WAIT,
    history_of,
    print_history,
    publish_unless_live,
    publishes,
    refuse_unless_onto,
    rolls_back,
    tell,
    version_before,
)
from saving_alerts.ports.accepted_directory import AcceptedDirectory
from saving_alerts.reference_data.document_store import Publication
from saving_alerts.reference_data.merchants_store import CurrentDirectory, MerchantsStore
from saving_alerts.settings import Settings

ACCEPT_LOSS = click.option(
    "--accept-loss", is_flag=True, help="Also if it has lost so many merchants that workers would refuse it."
)


@dataclass(frozen=True, slots=True)
class _Wish:
    """Who wants to publish, and how."""

    by: str
    note: str
    accept_loss: bool


@click.command()
@publishes("merchants")
@ACCEPT_LOSS
@WAIT
def publish(file: Path, by: str, note: str, onto: str | None, *, accept_loss: bool, wait: bool) -> None:
    """Check a merchant directory and put it in the place of the live one.

    It is refused if workers would refuse it, if it has lost too many merchants, or if somebody else published
    meanwhile. Every version is kept.

    \b
    Example:
      saving-alerts merchants publish merchants.jsonl --by dana --note "stores of November" --wait
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    settings = settings_or_exit()
    body = read_file(file, settings.max_merchants_bytes)
    directory, wish = good_directory(str(file), body, settings), _Wish(by, note, accept_loss)

    async def work(shelf: MerchantsStore) -> Publication:
        live = await shelf.current()
        refuse_unless_onto(live, onto)
        return await _publish(settings, shelf, live, body, directory, wish)

    tell(settings, "merchants", with_merchants_store(settings, work), wait=wait)


@click.command()
@rolls_back("merchants")
@ACCEPT_LOSS
@WAIT
def rollback(version: str | None, by: str, note: str, *, accept_loss: bool, wait: bool) -> None:
    """Put an earlier version in the place of the live one: the one before it, unless VERSION says which.

    \b
    Example:
      saving-alerts merchants rollback --by dana --note "half of it is missing" --wait
      saving-alerts merchants rollback 3f2a9c01b7de --by dana
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    settings = settings_or_exit()

    async def work(shelf: MerchantsStore) -> Publication:
        live = await shelf.current()
        wanted = version or await version_before(shelf, live)
        body, wish = await shelf.body(wanted), _Wish(by, note or f"back to {wanted}", accept_loss)
        return await _publish(settings, shelf, live, body, good_directory(wanted, body, settings), wish)

    tell(settings, "merchants", with_merchants_store(settings, work), wait=wait)


@click.command()
@AS_JSON
def history(*, as_json: bool) -> None:
    """List what was published, by whom and why, newest first. Times are UTC.

    \b
    Example:
      saving-alerts merchants history
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    known, live = with_merchants_store(settings_or_exit(), history_of)
    print_history(known, live, as_json=as_json)


async def _publish(
    settings: Settings,
    shelf: MerchantsStore,
    live: CurrentDirectory,
    body: bytes,
    directory: AcceptedDirectory,
    wish: _Wish,
) -> Publication:
    """S3 first: docs/adr/0028-directories-that-shrink.md says why."""
    lost = await refuse_loss(settings, directory, live, accept_loss=wish.accept_loss)
    publication = await publish_unless_live(shelf, body, live, wish.by, wish.note)
    if lost is not None:
        run = f"run `saving-alerts merchants accept {directory.version}`"
        await note_accepted(settings, directory, f"published, but workers refuse it until you {run}")
        say(f"accepted: {lost}")
    return publication
