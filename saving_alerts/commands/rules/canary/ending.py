"""How a canary ends by a command: what is written to S3 and to the topic of the kill switches, and in which order."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from saving_alerts.commands.clock import now
from saving_alerts.commands.exits import BadNewsError
from saving_alerts.commands.kill.writing import Change, turned_on_in
from saving_alerts.commands.publishing import publish_unless_live
from saving_alerts.domain.canary.order import CanaryOrder, Ended
from saving_alerts.domain.kill_actions import Action, Turned
from saving_alerts.domain.kill_switches import KillScope, KillSwitch, StandingSwitch, TurnedOn, key_of, switch_of
from saving_alerts.domain.rules.rule_set import MAX_FRESHNESS
from saving_alerts.ports.object_store import SwappingStore
from saving_alerts.reference_data.canary_orders import CanaryOrders
from saving_alerts.reference_data.document_store import Publication, rules_store
from saving_alerts.settings import Settings


async def promoted(settings: Settings, store: SwappingStore, order: CanaryOrder, ended: Ended) -> Publication:
    """The order says it first, so workers obey it from then on, and whoever repeats this goes on here.

    Raises ChangedMeanwhileError where somebody else was quicker.
    """
    shelf = rules_store(store, settings.s3_rules_key, settings.max_rules_bytes)
    orders, current = CanaryOrders(store, settings.s3_rules_key), await shelf.current()
    if order.ended is None:
        await orders.end(order, ended, await orders.standing())
    why = f": {ended.note}" if ended.note else ""
    note = f"{order.note} (canary {order.id} on {order.percent:g} % of the users, by {order.by}{why})"
    publication = await publish_unless_live(shelf, await shelf.body(order.version), current, ended.by, note)
    found = (await orders.standing()).order
    if isinstance(found, CanaryOrder) and found.id == order.id and found.ended is not None and found.is_aborted:
        raise BadNewsError(f"{found.ended.by} has aborted it meanwhile, and {order.version} is live: `rules rollback`?")
    await orders.close()
    return publication


async def aborted(settings: Settings, store: SwappingStore, canary: str, ended: Ended) -> None:
    """Raises ChangedMeanwhileError where somebody else was quicker, BadNewsError where it is live already."""
    orders = CanaryOrders(store, settings.s3_rules_key)
    standing = await orders.standing()
    order = standing.order
    if isinstance(order, CanaryOrder) and order.id == canary and not order.is_aborted:
        await orders.end(order, ended, standing)
    live = (await rules_store(store, settings.s3_rules_key, settings.max_rules_bytes).current()).version
    if isinstance(order, CanaryOrder) and live == order.version:
        raise BadNewsError(f"it was promoted meanwhile, and {live} is live: `rules rollback` brings back the others")


def taking_back(canary: str, ours: TurnedOn) -> Change:
    """Beside what a guard, or somebody else, has turned on for it. It lasts until it is put away."""

    def value(standing: StandingSwitch | None) -> KillSwitch | None:
        kept = [each for each in turned_on_in(standing) if each.by != ours.by]
        return switch_of(KillScope.CANARY, canary, [*kept, ours])

    def is_done(standing: StandingSwitch | None) -> bool:
        return ours in turned_on_in(standing)

    action = Action(turned=Turned.ON, by=ours.by, reason=ours.reason)
    return Change(key_of(KillScope.CANARY, canary).encode(), action, value, is_done)


def putting_away(canary: str, by: str, reason: str) -> Change:
    """Nothing names it any more but alerts that it has made: its switch ends when the last of them is too late."""
    until = now() + MAX_FRESHNESS

    def value(standing: StandingSwitch | None) -> KillSwitch | None:
        return switch_of(KillScope.CANARY, canary, _until(turned_on_in(standing), until))

    def is_done(standing: StandingSwitch | None) -> bool:
        return standing is None or (isinstance(standing, KillSwitch) and not standing.lasts)

    action = Action(turned=Turned.ON, by=by, reason=reason, until=until)
    return Change(key_of(KillScope.CANARY, canary).encode(), action, value, is_done)


def _until(turned_on: Sequence[TurnedOn], until: datetime) -> list[TurnedOn]:
    return [msgspec.structs.replace(each, until=min(each.until or until, until)) for each in turned_on]
