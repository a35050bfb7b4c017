"""`saving-alerts rules propose | approve`: rules that two people stand behind, by who STS says that they are."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TypeVar, Unpack

import click

from saving_alerts.adapters.sts import StsIdentity
from saving_alerts.commands.clock import in_utc, now
from saving_alerts.commands.deployment import settings_or_exit
from saving_alerts.commands.exits import BadNewsError, CommandRefusedError
from saving_alerts.commands.files import FILE
from saving_alerts.commands.output import confirm, say
from saving_alerts.commands.publishing import (
    NOTE,
    WAIT,
    publish_unless_live,
    refuse_unless_onto,
    tell,
    with_bucket,
)
from saving_alerts.commands.rules.canary.beginning import Asked, Trial, begin, can_be_tried, look_at, refuse_while_tried
from saving_alerts.commands.rules.file import good_rules, rules_in
from saving_alerts.commands.version import VersionType
from saving_alerts.domain.rules_file.differences import differences
from saving_alerts.domain.rules_file.doubts import doubts
from saving_alerts.domain.rules_file.mistakes import RulesRefusedError
from saving_alerts.ports.errors import PortError
from saving_alerts.ports.identity import Principal
from saving_alerts.reference_data.approvals import MAX_NOTE_CHARACTERS
from saving_alerts.reference_data.document_store import ChangedMeanwhileError, DocumentStore, Publication, rules_store
from saving_alerts.reference_data.proposals import NotApprovedError, Proposals, Proposed, refuse_author
from saving_alerts.settings import Settings

Result = TypeVar("Result")


@click.command()
@FILE
@NOTE
@click.option("--onto", type=VersionType("rules"), help="The version that you began with: refused if another is live.")
def propose(file: Path, note: str, onto: str | None) -> None:
    """Check a rules file and put it where somebody else can approve it.

    Workers do not read it yet. Who proposes is who STS says that these AWS credentials are.

    \b
    Example:
      saving-alerts rules propose rules.json --note "Coffee only on weekends"
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    body, found = good_rules(file)
    settings = settings_or_exit()
    if len(body) > settings.max_rules_bytes:
        raise BadNewsError(f"{len(body)} bytes, and the workers of these settings read {settings.max_rules_bytes}")
    if len(note) > MAX_NOTE_CHARACTERS:
        raise CommandRefusedError(f"a note of {len(note)} characters: at most {MAX_NOTE_CHARACTERS} are kept")
    by = _caller(settings)

    async def work(shelf: DocumentStore, proposals: Proposals) -> None:
        current = await shelf.current()
        refuse_unless_onto(current, onto)
        await shelf.keep(body)
        await proposals.propose(body, by, note, current.version, now())

    _run(settings, work)
    say(f"version {found.version} is proposed by {by.name}")
    say(f"somebody else reads it and puts it live: saving-alerts rules approve {found.version}")


@click.command()
@click.argument("version", type=VersionType("rules"))
@click.option("--yes", is_flag=True, help="Do not ask: you have read what it changes.")
@can_be_tried
@WAIT
def approve(version: str, *, yes: bool, wait: bool, **trial: Unpack[Trial]) -> None:
    """Stand behind what somebody else proposed, and put it in the place of the live rules.

    It says what changes, and asks. Who approves is who STS says that these AWS credentials are: the author cannot. With
    --canary it is tried on some of the users first, as with `rules publish`.

    \b
    Example:
      saving-alerts rules approve 3f2a9c01b7de --wait
      saving-alerts rules approve 3f2a9c01b7de --canary 5% --for 2h --simulated result.json
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    settings = settings_or_exit()
    by = _caller(settings)
    proposed, live = _run(settings, lambda shelf, proposals: _proposed(shelf, proposals, version))
    _refuse(proposed, by)
    say(*_told(proposed, live))
    if not yes:
        confirm(f"publish {version}, as {by.name}?")
    with_bucket(settings, partial(refuse_while_tried, settings))
    if any(value is not None for value in trial.values()):
        _try(settings, proposed, by, trial, wait=wait)
        return
    publication = _run(settings, lambda shelf, proposals: _publish(shelf, proposals, proposed, by))
    if publication is None:
        say(f"version {version} is live already; it is approved now")
    else:
        tell(settings, "rules", publication, wait=wait)


def _try(settings: Settings, proposed: Proposed, by: Principal, trial: Trial, *, wait: bool) -> None:
    """The order names the author, as a publication does; who approved stands behind the bytes."""
    onto, note = proposed.proposal.onto, f"{proposed.proposal.note} (approved by {by.name})"
    asked = Asked(proposed.body, proposed.version, _author(proposed), note, onto, trial)
    look_at(settings, asked)  # before anybody stands behind it
    _run(settings, lambda _shelf, proposals: proposals.approve(proposed, by, now()))
    begin(settings, asked, wait=wait)


async def _proposed(shelf: DocumentStore, proposals: Proposals, version: str) -> tuple[Proposed, bytes | None]:
    """The proposal, and the live rules."""
    proposed = await proposals.proposed(await shelf.body(version))
    live = await shelf.current()
    return proposed, None if live.version is None else await shelf.body(None)


def _told(proposed: Proposed, live: bytes | None) -> list[str]:
    written = proposed.proposal
    _refuse_mistakes("the proposal", proposed.body)
    changes = ["  these are the first rules"] if live is None else _changes(live, proposed.body)
    doubtful = [f"  doubtful: {each}" for each in doubts(proposed.body, now().date())]
    head = f"{proposed.version}, proposed {in_utc(written.at)} by {_author(proposed)}: {written.note}"
    return [head, *changes, *doubtful]


def _author(proposed: Proposed) -> str:
    """The name is what the author wrote; the id is what the key proves."""
    return f"{proposed.proposal.name} ({proposed.author})"


def _changes(live: bytes, body: bytes) -> list[str]:
    _refuse_mistakes("what is live", live)
    return [f"  {each}" for each in differences(live, body)] or ["  it says the same as the live rules"]


def _refuse_mistakes(whose: str, body: bytes) -> None:
    try:
        rules_in(body)
    except RulesRefusedError as error:
        raise BadNewsError(f"{whose} is refused by this release:", *error.lines) from error


async def _publish(shelf: DocumentStore, proposals: Proposals, proposed: Proposed, by: Principal) -> Publication | None:
    """None if it is live already. What was published since it was proposed is not undone."""
    current = await shelf.current()
    if current.version not in {proposed.version, proposed.proposal.onto}:
        was, now_live = proposed.proposal.onto or "no rules", current.version or "nothing"
        raise ChangedMeanwhileError(f"it was proposed in place of {was}, but {now_live} is live: propose it anew")
    await proposals.approve(proposed, by, now())
    if current.version == proposed.version:
        return None
    written = proposed.proposal
    return await publish_unless_live(
        shelf, proposed.body, current, _author(proposed), written.note, f"{by.name} ({by.id})"
    )


def _caller(settings: Settings) -> Principal:
    try:
        return asyncio.run(StsIdentity(settings.sts_endpoint_url).caller())
    except PortError as error:
        raise CommandRefusedError(f"nobody can say who you are: {error}") from error


def _refuse(proposed: Proposed, by: Principal) -> None:
    try:
        refuse_author(proposed, by)
    except NotApprovedError as error:
        raise BadNewsError(str(error)) from error


def _run(settings: Settings, work: Callable[[DocumentStore, Proposals], Awaitable[Result]]) -> Result:
    key, most = settings.s3_rules_key, settings.max_rules_bytes
    try:
        return with_bucket(settings, lambda store: work(rules_store(store, key, most), Proposals(store, key)))
    except NotApprovedError as error:
        raise BadNewsError(str(error)) from error
