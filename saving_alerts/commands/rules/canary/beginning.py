"""`saving-alerts rules publish --canary`: try rules on some of the users, until a guard breaks or the time is over."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from operator import attrgetter
from pathlib import Path
from typing import TypedDict

import click
import msgspec

from saving_alerts.commands.clock import in_utc, now
from saving_alerts.commands.durations import DURATION
from saving_alerts.commands.exits import BadNewsError, CommandRefusedError
from saving_alerts.commands.output import say
from saving_alerts.commands.publishing import refuse_unless_onto, with_bucket
from saving_alerts.commands.rules.evidence import foretold_in
from saving_alerts.commands.shares import ShareType
from saving_alerts.domain.canary.evidence import Evidence, guards_of
from saving_alerts.domain.canary.order import (
    LEAST_PERCENT,
    LEAST_RATE,
    MAX_NOTE_CHARACTERS,
    MOST_PERCENT,
    MOST_RATE,
    Bounds,
    CanaryOrder,
    Foretold,
)
from saving_alerts.ports.object_store import SwappingStore
from saving_alerts.reference_data.approvals import Approvals
from saving_alerts.reference_data.canary_orders import CanaryOrders
from saving_alerts.reference_data.document_store import ChangedMeanwhileError, rules_store
from saving_alerts.settings import Settings

Command = Callable[..., None]
ALL_PERCENT = 100
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=14)
MARK_BYTES = 3


class Trial(TypedDict):
    """What `publish` is told of a canary. All are None for one that goes live at once."""

    canary: float | None
    lasting: timedelta | None
    simulated: Path | None
    foretold: float | None
    refused: float | None


@dataclass(frozen=True, slots=True)
class Asked:
    """A file, its version, and what was asked for."""

    body: bytes
    version: str
    by: str
    note: str
    onto: str | None
    trial: Trial


def can_be_tried(command: Command) -> Command:
    """The options of `publish` for a canary."""
    options = (
        click.option(
            "--canary",
            type=ShareType(LEAST_PERCENT, MOST_PERCENT),
            help=f"Try it on so many of the users first, like 5%; at most {MOST_PERCENT}%.",
        ),
        click.option("--for", "lasting", type=DURATION, help="For how long, like 2h: then it is everybody's."),
        click.option(
            "--simulated",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="What `simulate --json` foretold of this file.",
        ),
        click.option(
            "--foretold",
            type=ShareType(ALL_PERCENT * LEAST_RATE, ALL_PERCENT * MOST_RATE),
            help="In place of it: of the events with coupons, how many are to be pushed.",
        ),
        click.option(
            "--refused",
            type=ShareType(0.1, MOST_PERCENT - 1),
            help="Of the pushes, how many the push API refuses as ever; twice as many are too many.  "
            "[default: as in the last day, at least 5%]",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def begin(settings: Settings, asked: Asked, *, wait: bool) -> None:
    """Put the version and its order into the bucket, and say what its guards go by."""
    lasting, foretold = look_at(settings, asked)
    order = with_bucket(settings, lambda store: _begun(settings, store, asked, lasting, foretold))
    say(f"{order} is begun; workers look every {settings.reload_seconds:g} s", *_told(order))
    if wait:
        from saving_alerts.commands.waiting import until_live  # noqa: PLC0415 - Redis's client: --wait only

        say(asyncio.run(until_live(settings, order.id, attrgetter("canary"), "the canary is begun")))


def look_at(settings: Settings, asked: Asked) -> tuple[timedelta, Foretold]:
    """For how long, and what its guards go by; ends the command where that says too little."""
    refuse_long(asked.by, asked.note)
    return _lasting(asked.trial), _foretold(settings, asked)


def refuse_long(*texts: str) -> None:
    """Nobody would read an order with more."""
    longest = max(map(len, texts))
    if longest > MAX_NOTE_CHARACTERS:
        raise CommandRefusedError(f"a text of {longest} characters: at most {MAX_NOTE_CHARACTERS} are kept")


def _lasting(trial: Trial) -> timedelta:
    lasting = trial["lasting"]
    if trial["canary"] is None or lasting is None:
        raise click.UsageError("--canary and --for go together, with --simulated or --foretold")
    if not SHORTEST <= lasting <= LONGEST:
        raise click.UsageError(f"--for is at least {SHORTEST.seconds // 60} minute and at most {LONGEST.days} days")
    return lasting


def _foretold(settings: Settings, asked: Asked) -> Foretold:
    simulated, said, refused = asked.trial["simulated"], asked.trial["foretold"], asked.trial["refused"]
    if (simulated is None) is (said is None):
        raise click.UsageError("a canary needs either --simulated or --foretold: else nobody can say what is too much")
    foretold = (
        foretold_in(simulated, asked.version) if simulated is not None else Foretold(pushes=(said or 0) / ALL_PERCENT)
    )
    if refused is None:
        from saving_alerts.commands.rules.canary.lately import refused_lately  # noqa: PLC0415 - Redis's client: here only

        bounds = asyncio.run(refused_lately(settings))
    else:
        bounds = Bounds(foretold=refused / ALL_PERCENT, limit=2 * refused / ALL_PERCENT)
    return msgspec.structs.replace(foretold, push_refused=bounds)


async def _begun(
    settings: Settings, store: SwappingStore, asked: Asked, lasting: timedelta, foretold: Foretold
) -> CanaryOrder:
    shelf = rules_store(store, settings.s3_rules_key, settings.max_rules_bytes)
    orders, live = CanaryOrders(store, settings.s3_rules_key), (await shelf.current()).version
    refuse_unless_onto(await shelf.current(), asked.onto)
    if live is None:
        raise ChangedMeanwhileError("no rules are live yet, so there is nothing to try others against: publish some")
    if live == asked.version:
        raise ChangedMeanwhileError(f"version {live} is live already, so nothing was published")
    if settings.rules_need_approval and (why := await Approvals(store, settings.s3_rules_key).refusal(asked.body)):
        raise BadNewsError(f"workers of these settings try only what two people stand behind: {why}")
    standing = await orders.standing()
    if (other := standing.open_on(live)) is not None:
        raise ChangedMeanwhileError(not_while(other))
    order = _order(asked, live, lasting, foretold)
    await shelf.keep(asked.body)
    await orders.begin(order, standing)
    return order


def _order(asked: Asked, live: str, lasting: timedelta, foretold: Foretold) -> CanaryOrder:
    begins = now()
    return CanaryOrder(
        id=f"{asked.version}-{secrets.token_hex(MARK_BYTES)}",
        version=asked.version,
        instead_of=live,
        percent=asked.trial["canary"] or 0,
        begins=begins,
        ends=begins + lasting,
        by=asked.by,
        note=asked.note,
        foretold=foretold,
    )


def not_while(order: CanaryOrder) -> str:
    """Why nothing else can be published while this one has a say."""
    ways = "first `rules canary promote` or `rules canary abort`"
    if order.is_for_everybody(now()):
        return f"canary {order.id} is in force for everybody, and is not written down yet: {ways}"
    return f"{order} is tried by {order.by} ({order.note}): {ways}"


async def refuse_while_tried(settings: Settings, store: SwappingStore) -> None:
    """Raises ChangedMeanwhileError while a canary has a say: two sets are enough for users and for people.

    One that has none now must not have one again, when what it was begun with is published once more.
    """
    order = await order_on(settings, store)
    if order is not None:
        raise ChangedMeanwhileError(not_while(order))
    await CanaryOrders(store, settings.s3_rules_key).close()


async def order_on(settings: Settings, store: SwappingStore) -> CanaryOrder | None:
    """The canary that has a say on the rules that are live."""
    live = (await rules_store(store, settings.s3_rules_key, settings.max_rules_bytes).current()).version
    return (await CanaryOrders(store, settings.s3_rules_key).standing()).open_on(live)


def _told(order: CanaryOrder) -> list[str]:
    guards = guards_of(order, Evidence())
    limits = [f"  guard {each.name}: {each.foretold:.2%} foretold, the limit is {each.limit:.2%}" for each in guards]
    return [*limits, f"it is everybody's from {in_utc(order.ends)} on, unless a guard breaks or somebody aborts it"]
