"""What holds at the end of every universe, whatever went wrong in it."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import pairwise

from saving_alerts.delivery.record_builder import UNTRIED
from saving_alerts.domain.reasons import Reason
from tests.deterministic.budgets import above
from tests.deterministic.facts import AcceptedPush, EventFacts
from tests.deterministic.plan import CAP_SECONDS, MARGIN_SECONDS
from tests.deterministic.world import World

SENT = (Reason.PUSHED, Reason.PUSH_UNCERTAIN)
MARGIN = timedelta(seconds=MARGIN_SECONDS)
WINDOW = timedelta(seconds=CAP_SECONDS) - MARGIN


def look_at_the_end(world: World) -> None:
    accepted = _accepted(world)
    by_user = defaultdict(list)
    for fact in world.facts.values():
        by_user[fact.user_id].append(fact)
    over_cap = _over_cap(accepted, by_user) if not world.plan.choose_within_seconds else ()
    of_pushes = _of_pushes(accepted, world.keeps_back)
    over_budget = above(world.plan, [push.at for push in accepted]) if world.plan.budget else ()
    for promise in (*of_pushes, *over_cap, *over_budget, *_of_answers(world, accepted, by_user)):
        world.trace.breaks(promise)


def _accepted(world: World) -> list[AcceptedPush]:
    deadlines: dict[tuple[str, str], list[EventFacts]] = defaultdict(list)
    for fact in world.facts.values():
        deadlines[fact.user_id, fact.event_id].append(fact)
    return [
        AcceptedPush(
            sent.push.user_id,
            sent.push.trace.event_id,
            sent.at,
            max(fact.deadline for fact in deadlines[sent.push.user_id, sent.push.trace.event_id]),
        )
        for sent in world.push_api.accepted
    ]


def _of_pushes(accepted: list[AcceptedPush], keeps_back: Callable[[str], bool]) -> Iterator[str]:
    events = [(push.user_id, push.event_id) for push in accepted]
    yield from (f"a second push for {event}" for event in sorted(set(events)) if events.count(event) > 1)
    yield from (f"a push for {push.event_id} after its deadline" for push in accepted if push.at > push.deadline)
    yield from (f"{push.user_id} is kept back, and got a push" for push in accepted if keeps_back(push.user_id))


def _over_cap(accepted: list[AcceptedPush], by_user: dict[str, list[EventFacts]]) -> Iterator[str]:
    for user_id, facts in by_user.items():
        times = sorted(push.at for push in accepted if push.user_id == user_id)
        too_soon = any(later - earlier < WINDOW for earlier, later in pairwise(times))
        if too_soon and not any(fact.is_at_the_limit or fact.unasked for fact in facts):
            yield f"{user_id} got more pushes than the cap allows, at {[str(at) for at in times]}"


def _of_answers(world: World, accepted: list[AcceptedPush], by_user: dict[str, list[EventFacts]]) -> Iterator[str]:
    pushed = {(push.user_id, push.event_id) for push in accepted}
    for user_id, facts in by_user.items():
        for fact in facts:
            yield from _of_one(world, fact, is_accepted=(user_id, fact.event_id) in pushed)
        yield from _denied(facts, {event_id for user, event_id in pushed if user == user_id})
        is_charged = any((user_id, fact.event_id) in pushed or _is_charged(fact) for fact in facts)
        if not is_charged and any(fact.answer in (Reason.CAPPED, Reason.DUPLICATE, Reason.OUTBID) for fact in facts):
            yield f"{user_id} is silenced: capped, although no push may have been sent"
    yield from world.slots.broken(pushed, [*world.facts.values()])
    if world.plan.is_faultless and not world.plan.budget:
        yield from (f"{user_id} got no push, and nothing went wrong" for user_id in _forgotten(by_user, pushed))


def _of_one(world: World, fact: EventFacts, *, is_accepted: bool) -> Iterator[str]:
    told = f"{fact.event_id} at {fact.position} is told {fact.answer}"
    if not fact.is_answered:
        yield f"{fact.event_id} at {fact.position} is lost"
    if fact.is_trigger and fact.receipts:
        yield f"{told}, and it is a trigger"
    if (
        max(fact.taken.values(), default=0) == 1
        and not world.kafka.repeats
        and len(fact.decisions) + fact.receipts != 1
    ):
        yield f"{fact.event_id} at {fact.position} has {[each.reason for each in fact.decisions]}, read once"
    if len({each.event_id for each in fact.decisions}) > 1:
        yield f"the decisions of {fact.position} are of several events"
    yield from _of_the_push(fact, told, is_accepted=is_accepted)


def _of_the_push(fact: EventFacts, told: str, *, is_accepted: bool) -> Iterator[str]:
    if fact.answer is Reason.PUSHED and not is_accepted:
        yield f"{told}, and nobody accepted it"
    if fact.answer is Reason.PUSH_UNCERTAIN and not (is_accepted or fact.unclear or fact.hit):
        yield f"{told}, and nothing was unclear about it: the user is silenced"
    for decision in fact.decisions:
        too_soon = decision.reason is Reason.EXPIRED and decision.decided_at < fact.deadline - MARGIN
        if too_soon:
            yield f"{told} before its deadline"
        if decision.reason is Reason.DEAD_LETTER and not _was_skipped(fact):
            yield f"{told}: {decision.details.get('error')}"


def _denied(facts: list[EventFacts], pushed: set[str]) -> Iterator[str]:
    """An event that stands at several positions is answered if one of them is."""
    for event_id in sorted(pushed):
        same = [fact for fact in facts if fact.event_id == event_id]
        excused = any(fact.slept_through or fact.unasked or fact.is_at_the_limit or _was_skipped(fact) for fact in same)
        if not excused and not any(fact.answer in SENT for fact in same):
            yield f"the push of {event_id} was accepted, and it is told {[str(fact.answer) for fact in same]}"


def _is_charged(fact: EventFacts) -> bool:
    """Whether a charge of its user can be of this event. What Redis did unheard or unasked is left open."""
    return (
        fact.unclear
        or fact.unheard
        or fact.unasked
        or _was_skipped(fact)
        or any(each.reason in (*SENT, Reason.CONTROL) for each in fact.decisions)
    )


def _was_skipped(fact: EventFacts) -> bool:
    """Taken for a poison pill, because workers died while it was tried alone."""
    return any(str(each.details.get("error", "")).startswith(UNTRIED[:9]) for each in fact.decisions)


def _forgotten(by_user: dict[str, list[EventFacts]], pushed: set[tuple[str, str]]) -> Iterator[str]:
    for user_id, facts in by_user.items():
        triggers = [fact for fact in facts if fact.is_trigger]
        has_left = any(fact.answer is Reason.LEFT for fact in facts)
        kept_back = any(fact.answer is Reason.CONTROL for fact in triggers)
        got_one = any((user_id, fact.event_id) in pushed for fact in triggers)
        if triggers and not (has_left or kept_back or got_one):
            yield user_id
