"""`saving-alerts rules publish | history | rollback | show`: what is live, and what was."""

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TypeVar, Unpack

import click

from saving_alerts.commands.clock import in_utc
from saving_alerts.commands.deployment import settings_or_exit
from saving_alerts.commands.exits import BadNewsError
from saving_alerts.commands.output import pour, say
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
    version_of,
    with_bucket,
)
from saving_alerts.commands.rules.canary.beginning import (
    Asked,
    Trial,
    begin,
    can_be_tried,
    order_on,
    refuse_while_tried,
)
from saving_alerts.commands.rules.file import good_rules, rules_in
from saving_alerts.domain.rules_file.mistakes import RulesRefusedError
from saving_alerts.ports.object_store import SwappingStore
from saving_alerts.reference_data.approvals import Approvals
from saving_alerts.reference_data.document_store import DocumentStore, Publication, rules_store
from saving_alerts.settings import Settings

Result = TypeVar("Result")


@click.command()
@publishes("rules")
@can_be_tried
@WAIT
def publish(file: Path, by: str, note: str, onto: str | None, *, wait: bool, **trial: Unpack[Trial]) -> None:
    """Check a rules file and put it in the place of the live one, or try it on some of the users first.

    It is refused whole if it has a mistake, or if somebody else published meanwhile. Every version is kept. What is
    tried is taken back by itself when it does something else than was foretold: see `rules canary`.

    \b
    Example:
      saving-alerts rules publish rules.json --by ines --note "Coffee only on weekends" --wait
      saving-alerts simulate --rules rules.json --json > result.json
      saving-alerts rules publish rules.json --by ines --note "Coffee" --canary 5% --for 2h --simulated result.json
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    body, found = good_rules(file)
    settings = settings_or_exit()
    if len(body) > settings.max_rules_bytes:
        raise BadNewsError(f"{len(body)} bytes, and the workers of these settings read {settings.max_rules_bytes}")
    if any(value is not None for value in trial.values()):
        begin(settings, Asked(body, found.version, by, note, onto, trial), wait=wait)
        return
    if settings.rules_need_approval:
        raise BadNewsError("workers of these settings take only what somebody else approves: use `rules propose`")
    publication = with_bucket(settings, lambda store: _publish(settings, store, body, onto, (by, note)))
    tell(settings, "rules", publication, wait=wait)


@click.command()
@rolls_back("rules")
@WAIT
def rollback(version: str | None, by: str, note: str, *, wait: bool) -> None:
    """Put an earlier version in the place of the live one: the one before it, unless VERSION says which.

    \b
    Example:
      saving-alerts rules rollback --by ines --note "too many pushes" --wait
      saving-alerts rules rollback 3f2a9c01b7de --by ines
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    settings = settings_or_exit()
    key, most, asked = settings.s3_rules_key, settings.max_rules_bytes, settings.rules_need_approval

    async def work(store: SwappingStore) -> Publication:
        approvals = Approvals(store, key) if asked else None
        await refuse_while_tried(settings, store)
        return await _roll_back(rules_store(store, key, most), approvals, version, by, note)

    publication = with_bucket(settings, work)
    tell(settings, "rules", publication, wait=wait)


@click.command()
@AS_JSON
def history(*, as_json: bool) -> None:
    """List what was published, by whom and why, newest first. Times are UTC.

    What is tried on some of the users, or was made everybody's by its time alone, stands before it.

    \b
    Example:
      saving-alerts rules history
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    settings = settings_or_exit()
    known, live = _with_rules_store(settings, history_of)
    order = with_bucket(settings, partial(order_on, settings))
    if order is not None and not as_json:
        say(f"{order.version}  {in_utc(order.begins)}  {order.by}  {order}: {order.note}")
    print_history(known, live, as_json=as_json)


@click.command()
@version_of("rules")
def show(version: str | None) -> None:
    """Print a version as it was published, the live one unless VERSION says which.

    \b
    Example:
      saving-alerts rules show > rules.json
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    body = _with_rules_store(settings_or_exit(), lambda shelf: shelf.body(version))
    pour(body)


async def _publish(
    settings: Settings, store: SwappingStore, body: bytes, onto: str | None, why: tuple[str, str]
) -> Publication:
    """`why`: by whom, and what for."""
    shelf = rules_store(store, settings.s3_rules_key, settings.max_rules_bytes)
    current = await shelf.current()
    refuse_unless_onto(current, onto)
    await refuse_while_tried(settings, store)
    return await publish_unless_live(shelf, body, current, *why)


async def _roll_back(
    shelf: DocumentStore, approvals: Approvals | None, version: str | None, by: str, note: str
) -> Publication:
    current = await shelf.current()
    wanted = version or await version_before(shelf, current)
    body = await shelf.body(wanted)
    try:
        rules_in(body)
    except RulesRefusedError as error:
        raise BadNewsError(f"{wanted} is refused by this release:", *error.lines) from error
    if approvals is not None and (why := await approvals.refusal(body)):
        raise BadNewsError(why)
    return await publish_unless_live(shelf, body, current, by, note or f"back to {wanted}")


def _with_rules_store(settings: Settings, work: Callable[[DocumentStore], Awaitable[Result]]) -> Result:
    key, most = settings.s3_rules_key, settings.max_rules_bytes
    return with_bucket(settings, lambda store: work(rules_store(store, key, most)))
