"""`saving-alerts merchants accept`: the directory in S3 is meant to be so small."""

import asyncio
from operator import attrgetter

import click

from saving_alerts.commands.deployment import settings_or_exit
from saving_alerts.commands.merchants.accepted import note_accepted
from saving_alerts.commands.merchants.store import with_merchants_store
from saving_alerts.commands.output import say
from saving_alerts.commands.version import VersionType
from saving_alerts.commands.waiting import until_live
from saving_alerts.ports.accepted_directory import AcceptedDirectory
from saving_alerts.reference_data.document_store import ChangedMeanwhileError, UnknownVersionError
from saving_alerts.reference_data.merchants_store import CurrentDirectory, MerchantsStore
from saving_alerts.settings import Settings


@click.command()
@click.argument("version", type=VersionType("merchants"))
def accept(version: str) -> None:
    """Let workers take the directory in S3 although it has lost many merchants.

    VERSION is the one that they refused, as it stands in the refusal. It returns when every worker reports it.

    \b
    Example:
      saving-alerts merchants accept 3f2a9c01b7de

    Exit code: 0, or 1 when another version stands in S3 or a worker does not take it, or 2 when Redis or S3 cannot be
    reached.
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    settings = settings_or_exit()
    directory = with_merchants_store(settings, lambda shelf: _accept(settings, shelf, version))
    say(f"version {version} is accepted: {directory.merchants:,} merchants; later ones are compared with it")
    say(asyncio.run(until_live(settings, version, attrgetter("merchants_version"), done="accepted")))


async def _accept(settings: Settings, shelf: MerchantsStore, version: str) -> AcceptedDirectory:
    directory = _of_version(await shelf.current(), version)
    await note_accepted(settings, directory, "nothing was accepted")
    return directory


def _of_version(live: CurrentDirectory, version: str) -> AcceptedDirectory:
    if live.version is None:
        raise UnknownVersionError("there is no merchant directory in S3, so there is none to accept")
    if live.version != version:
        raise ChangedMeanwhileError(f"the merchants in S3 are {live.version} now, so {version} was not accepted")
    if live.directory is None:
        why = live.reader.refusal if live.reader else None
        raise ChangedMeanwhileError(f"{version} is not refused for what it has lost, and cannot be accepted: {why}")
    return live.directory
