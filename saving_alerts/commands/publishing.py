"""What the commands that publish rules and merchants have in common."""

import asyncio
from collections.abc import Awaitable, Callable
from operator import attrgetter
from typing import TypeVar

import click
import msgspec

from saving_alerts.adapters.s3 import S3ObjectStore, S3Policy
from saving_alerts.commands.clock import in_utc, now
from saving_alerts.commands.exits import BadNewsError, CommandRefusedError
from saving_alerts.commands.files import FILE
from saving_alerts.commands.output import document, say
from saving_alerts.commands.version import VersionType
from saving_alerts.ports.errors import PortError
from saving_alerts.ports.object_store import SwappingStore
from saving_alerts.reference_data.document_store import (
    ChangedMeanwhileError,
    Current,
    DocumentStore,
    Publication,
    UnknownVersionError,
    before,
)
from saving_alerts.settings import Settings

Result = TypeVar("Result")

Command = Callable[..., None]

BY = click.option("--by", required=True, help="Who publishes. It stands in the history.")
NOTE = click.option("--note", required=True, help="What changes, and why. It stands in the history.")
WHY = click.option("--note", default="", help="Why. It stands in the history.")
WAIT = click.option("--wait", is_flag=True, help="Return when every worker reports the version, by its heartbeat.")
AS_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document, for machines.")


def version_of(document: str) -> Callable[[Command], Command]:
    """The argument of a command that takes a published version, or goes by the live one."""
    return click.argument("version", required=False, type=VersionType(document))


def publishes(document: str) -> Callable[[Command], Command]:
    """What every `publish` is told: the file, by whom, why, and instead of which version."""
    what = "The version that you began with: refused if another one is live."
    onto = click.option("--onto", type=VersionType(document), help=what)
    return lambda command: FILE(BY(NOTE(onto(command))))


def rolls_back(document: str) -> Callable[[Command], Command]:
    """What every `rollback` is told: to which version, by whom, and why."""
    return lambda command: version_of(document)(BY(WHY(command)))


def with_bucket(settings: Settings, work: Callable[[SwappingStore], Awaitable[Result]]) -> Result:
    """Run what talks to S3; its failures, and refusals, end in one sentence."""
    try:
        return asyncio.run(_opened(settings, work))
    except (ChangedMeanwhileError, UnknownVersionError) as error:
        raise BadNewsError(str(error)) from error
    except PortError as error:
        raise CommandRefusedError(str(error)) from error


async def _opened(settings: Settings, work: Callable[[SwappingStore], Awaitable[Result]]) -> Result:
    async with S3ObjectStore(S3Policy(bucket=settings.s3_bucket, endpoint_url=settings.s3_endpoint_url)) as store:
        return await work(store)


def refuse_unless_onto(current: Current, onto: str | None) -> None:
    if onto is not None and onto != current.version:
        raise ChangedMeanwhileError(f"you began with {onto}, but {current.version} is live")


async def publish_unless_live(
    shelf: DocumentStore, body: bytes, current: Current, by: str, note: str, approved_by: str | None = None
) -> Publication:
    if shelf.version_of(body) == current.version:
        raise ChangedMeanwhileError(f"version {current.version} is live already, so nothing was published")
    return await shelf.publish(body, current, by, note, now(), approved_by)


async def version_before(shelf: DocumentStore, current: Current) -> str:
    """The version that a rollback goes to unless somebody names another one."""
    wanted = before(await shelf.history(), current.version)
    if wanted is None:
        see = f"name a version, see `{shelf.name} history`"
        raise UnknownVersionError(f"the history does not know what was live before: {see}")
    return wanted


async def history_of(shelf: DocumentStore) -> tuple[tuple[Publication, ...], str | None]:
    return await shelf.history(), (await shelf.current()).version


def print_history(known: tuple[Publication, ...], live: str | None, *, as_json: bool) -> None:
    if as_json:
        document(msgspec.json.encode({"live": live, "history": known}))
    else:
        say(*_history_lines(known, live))


def _history_lines(known: tuple[Publication, ...], live: str | None) -> list[str]:
    lines = [_line(each, is_live=each is known[-1] and each.version == live) for each in reversed(known)]
    if live is not None and (not known or known[-1].version != live):
        lines.insert(0, f"{live}  live, but not published with this command: nobody knows by whom")
    return lines or ["nothing was published yet"]


def _line(each: Publication, *, is_live: bool) -> str:
    by = each.by if each.approved_by is None else f"{each.by}, approved by {each.approved_by}"
    return f"{each.version}  {in_utc(each.at)}  {by}  {'live  ' if is_live else ''}{each.note}"


def tell(settings: Settings, document: str, publication: Publication, *, wait: bool) -> None:
    """Say what was published, and wait for the workers if asked to. `document` is "rules" or "merchants"."""
    was = f"in place of {publication.replaced}" if publication.replaced else "the first one"
    say(f"version {publication.version} is published, {was}; workers look every {settings.reload_seconds:g} s")
    if wait:
        from saving_alerts.commands.waiting import until_live  # noqa: PLC0415 - Redis's client: --wait only

        say(asyncio.run(until_live(settings, publication.version, attrgetter(f"{document}_version"))))
