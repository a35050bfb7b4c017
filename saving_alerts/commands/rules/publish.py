"""`saving-alerts rules publish | history | rollback | show`: what is live, and what was."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import click
import msgspec

from saving_alerts.adapters.s3 import S3ObjectStore, S3Policy
from saving_alerts.commands.clock import now
from saving_alerts.commands.deployment import settings_or_exit
from saving_alerts.commands.exits import BadNewsError, CommandRefusedError
from saving_alerts.commands.rules.file import FILE, good_rules, rules_in
from saving_alerts.commands.rules.version import VersionType
from saving_alerts.domain.moments import in_utc
from saving_alerts.domain.rules_file.compiler import version_of
from saving_alerts.domain.rules_file.mistakes import RulesRefusedError
from saving_alerts.ports.errors import PortError
from saving_alerts.reference_data.rules_store import (
    Current,
    Publication,
    RulesChangedError,
    RulesStore,
    UnknownVersionError,
    before,
)
from saving_alerts.settings import Settings

Result = TypeVar("Result")

BY = click.option("--by", required=True, help="Who publishes. It stands in the history.")
WAIT = click.option("--wait", is_flag=True, help="Return when every worker reports the version, by its heartbeat.")
VERSION = click.argument("version", required=False, type=VersionType())


@click.command()
@FILE
@BY
@click.option("--note", required=True, help="What changes, and why. It stands in the history.")
@click.option("--onto", type=VersionType(), help="The version that you began with: refused if another one is live.")
@WAIT
def publish(file: Path, by: str, note: str, onto: str | None, *, wait: bool) -> None:
    """Check a rules file and put it in the place of the live one.

    It is refused whole if it has a mistake, or if somebody else published meanwhile. Every version is kept.

    \b
    Example:
      saving-alerts rules publish rules.json --by ines --note "Coffee only on weekends" --wait
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    body, _ = good_rules(file)
    settings = settings_or_exit()
    if len(body) > settings.max_rules_bytes:
        raise BadNewsError(f"{len(body)} bytes, and the workers of these settings read {settings.max_rules_bytes}")
    publication = _with_rules_store(settings, lambda shelf: _publish(shelf, body, by, note, onto))
    _tell(settings, publication, wait=wait)


@click.command()
@VERSION
@BY
@click.option("--note", default="", help="Why. It stands in the history.")
@WAIT
def rollback(version: str | None, by: str, note: str, *, wait: bool) -> None:
    """Put an earlier version in the place of the live one: the one before it, unless VERSION says which.

    \b
    Example:
      saving-alerts rules rollback --by ines --note "too many pushes" --wait
      saving-alerts rules rollback 3f2a9c01b7de --by ines
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    settings = settings_or_exit()
    publication = _with_rules_store(settings, lambda shelf: _roll_back(shelf, version, by, note))
    _tell(settings, publication, wait=wait)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document, for machines.")
def history(*, as_json: bool) -> None:
    """List what was published, by whom and why, newest first. Times are UTC.

    \b
    Example:
      saving-alerts rules history
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    known, live = _with_rules_store(settings_or_exit(), _history)
    if as_json:
        print(msgspec.json.encode({"live": live, "history": known}).decode())
    else:
        print("\n".join(_history_lines(known, live)))


@click.command()
@VERSION
def show(version: str | None) -> None:
    """Print a version as it was published, the live one unless VERSION says which.

    \b
    Example:
      saving-alerts rules show > rules.json
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    body = _with_rules_store(settings_or_exit(), lambda shelf: shelf.body(version))
    click.get_binary_stream("stdout").write(body)


async def _publish(shelf: RulesStore, body: bytes, by: str, note: str, onto: str | None) -> Publication:
    current = await shelf.current()
    if onto is not None and onto != current.version:
        raise RulesChangedError(f"you began with {onto}, but {current.version} is live")
    return await _unless_live(shelf, body, current, by, note)


async def _unless_live(shelf: RulesStore, body: bytes, current: Current, by: str, note: str) -> Publication:
    if version_of(body) == current.version:
        raise RulesChangedError(f"version {current.version} is live already, so nothing was published")
    return await shelf.publish(body, current, by, note, now())


async def _roll_back(shelf: RulesStore, version: str | None, by: str, note: str) -> Publication:
    current = await shelf.current()
    wanted = version or before(await shelf.history(), current.version)
    if wanted is None:
        raise UnknownVersionError("the history does not know what was live before: name a version, see `rules history`")
    body = await shelf.body(wanted)
    try:
        rules_in(body)
    except RulesRefusedError as error:
        raise BadNewsError(f"{wanted} is refused by this release:\n" + "\n".join(error.lines)) from error
    return await _unless_live(shelf, body, current, by, note or f"back to {wanted}")


async def _history(shelf: RulesStore) -> tuple[tuple[Publication, ...], str | None]:
    return await shelf.history(), (await shelf.current()).version


def _history_lines(known: tuple[Publication, ...], live: str | None) -> list[str]:
    lines = [_line(each, is_live=each is known[-1] and each.version == live) for each in reversed(known)]
    if live is not None and (not known or known[-1].version != live):
        lines.insert(0, f"{live}  live, but not published with this command: nobody knows by whom")
    return lines or ["nothing was published yet"]


def _line(each: Publication, *, is_live: bool) -> str:
    at = in_utc(each.at)
    return f"{each.version}  {at:%Y-%m-%d %H:%M:%S}  {each.by}  {'live  ' if is_live else ''}{each.note}"


def _with_rules_store(settings: Settings, work: Callable[[RulesStore], Awaitable[Result]]) -> Result:
    """Run what talks to S3; its failures, and refusals, end in one sentence."""
    try:
        return asyncio.run(_opened(settings, work))
    except (RulesChangedError, UnknownVersionError) as error:
        raise BadNewsError(str(error)) from error
    except PortError as error:
        raise CommandRefusedError(str(error)) from error


async def _opened(settings: Settings, work: Callable[[RulesStore], Awaitable[Result]]) -> Result:
    async with S3ObjectStore(S3Policy(bucket=settings.s3_bucket, endpoint_url=settings.s3_endpoint_url)) as store:
        return await work(RulesStore(store, settings.s3_rules_key, settings.max_rules_bytes))


def _tell(settings: Settings, publication: Publication, *, wait: bool) -> None:
    was = f"in place of {publication.replaced}" if publication.replaced else "the first one"
    print(f"version {publication.version} is published, {was}; workers look every {settings.reload_seconds:g} s")
    if wait:
        from saving_alerts.commands.rules.wait import until_live  # noqa: PLC0415 - Redis's client: --wait only

        print(asyncio.run(until_live(settings, publication.version)))
