"""The scripts. Each is one step; a look is one that `reserve` would have granted (`worker`)."""

from typing import Literal

from tests.claims_model import budgets, slots
from tests.claims_model.numbers import are_counted
from tests.claims_model.state import SETTLED, Entry, Rules, State, has_token, own_entry, put

Reservation = Literal[
    "granted", "taken over", "already sent", "busy", "busy with itself", "outbid", "capped", "spent", "outnumbered"
]


def reserve(
    rules: Rules,
    state: State,
    worker: int,
    event: int,
    *,
    number: int = 0,
    asks_again: bool = False,
    together: bool = False,
) -> tuple[Reservation, State]:
    """`asks_again`: by the same claim, where claims are not numbered. `together`: gathered with the other event."""
    event = own_entry(rules, state, event)
    own = state.entries[event]
    if own.kind in SETTLED:
        return "already sent", state
    asks_again = own.kind in ("live", "ended") and has_token(state, own, worker, number) and (asks_again or number > 0)
    outnumbered = 0 < number <= state.released[worker] and rules.released_is_not_granted
    if outnumbered and not (asks_again and rules.own_token_first):
        return "outnumbered", state
    reply, after = _reserve(rules, state, worker, event, asks_again=asks_again, together=together)
    if after is state:
        return reply, state
    if slots.are_gathered(state):
        after = slots.claimed(rules, after, event, together=together, was_together=own.together)
    return reply, _with_number(after, event, number)


def _with_number(state: State, event: int, number: int) -> State:
    return state.with_entry(event, state.entries[event]._replace(number=number))


def _reserve(
    rules: Rules, state: State, worker: int, event: int, *, asks_again: bool, together: bool
) -> tuple[Reservation, State]:
    own = state.entries[event]
    if own.kind == "live" and own.holder == worker and asks_again:
        return ("taken over" if own.taken_over else "granted"), state
    if own.kind == "live" and own.holder != worker and rules.other_incarnations_wait:
        return "busy with itself", state
    if own.kind == "ended" and not rules.own_position_takes_over:
        return "capped", state
    if own.kind != "none":
        if budgets.refuses_takeover(rules, state):
            return "spent", state
        return "taken over", _claimed(state, worker, event, taken_over=True)
    return _reserve_anew(rules, state, worker, event, together=together)


def _reserve_anew(rules: Rules, state: State, worker: int, event: int, *, together: bool) -> tuple[Reservation, State]:
    other = 1 - event
    if budgets.are_there(state):
        if budgets.is_spent(state):
            return "spent", state
        return "granted", _claimed(budgets.taken(rules, state), worker, event, taken_over=False)
    if rules.live_claim_excludes and state.entries[other].kind == "live":
        return "busy", state
    if slots.are_gathered(state):
        if slots.is_outbid(rules, state, event, together=together):
            return "outbid", state
    elif is_charged(rules, state, other):
        return "capped", state
    return "granted", _claimed(state, worker, event, taken_over=False)


def is_charged(rules: Rules, state: State, event: int) -> bool:
    kind = state.entries[event].kind
    counts = kind in SETTLED or (kind == "ended" and rules.ended_claim_stays_charged)
    return counts and not state.old[event]


def _claimed(state: State, worker: int, event: int, *, taken_over: bool) -> State:
    return state.with_entry(event, Entry("live", worker, taken_over))._replace(old=put(state.old, event, False))


def renew(rules: Rules, state: State, worker: int, event: int, number: int) -> tuple[bool, State]:
    event = own_entry(rules, state, event)
    entry = state.entries[event]
    if not has_token(state, entry, worker, number):
        return False, state
    if entry.kind == "live":
        return True, state
    if entry.kind == "ended" and not rules.ended_claim_is_not_renewed:
        return True, _with_number(_claimed(state, worker, event, taken_over=entry.taken_over), event, number)
    return False, state


def release(rules: Rules, state: State, worker: int, event: int, number: int) -> tuple[bool, State]:
    """Whether nothing is charged at this position any more."""
    event = own_entry(rules, state, event)
    entry = _found(rules, state, event)
    if 0 < number <= state.released[worker] and not rules.own_token_first:
        return True, state
    if entry.kind in SETTLED:
        return False, state
    marked = _marked(state, worker, number)
    if entry.kind == "none" or not has_token(state, entry, worker, number):
        is_of_another = entry.kind in ("live", "ended") and entry.holder != worker
        nothing_found = budgets.nothing_found(rules, marked) if entry.kind == "none" else marked
        return not (is_of_another and rules.others_claim_is_not_denied), nothing_found
    ended_stays = entry.kind == "ended" and rules.ended_claim_is_not_released
    if ended_stays or (entry.taken_over and rules.takeover_is_not_released):
        return False, state
    return True, slots.given_back(budgets.given_back(rules, marked).with_entry(event, Entry()), event)


def _marked(state: State, worker: int, number: int) -> State:
    if not are_counted(state):
        return state
    return state._replace(released=put(state.released, worker, max(state.released[worker], number)))


def confirm(rules: Rules, state: State, worker: int, event: int, *, uncertain: bool, together: bool = False) -> State:
    event = own_entry(rules, state, event)
    entry = _found(rules, state, event)
    if entry.kind == "pushed" or (entry.kind == "uncertain" and uncertain):
        return state
    if not rules.confirmed_even_if_gone and entry.holder != worker:
        return state
    # The window of the cap begins anew, so what was accepted before lies within it.
    accepted = "in window" if state.accepted[event] == "after charge" else state.accepted[event]
    together = (entry.together or together) and rules.send_keeps_slot
    timed = slots.are_near(state) and rules.send_keeps_slot
    confirmed = state.with_entry(event, Entry("uncertain" if uncertain else "pushed", together=together, timed=timed))
    confirmed = budgets.confirmed(rules, confirmed)
    return confirmed._replace(accepted=put(state.accepted, event, accepted), old=put(state.old, event, False))


def _found(rules: Rules, state: State, event: int) -> Entry:
    entry = state.entries[event]
    return Entry() if entry.erased and not rules.every_call_finds_the_erased else entry


def erase(rules: Rules, state: State) -> State | None:
    """What stands under the user stands under a token now. None: refused, because a claim lives."""
    if rules.live_claim_is_not_erased and any(entry.kind == "live" for entry in state.entries):
        return None
    released = state.released if rules.erased_releases_stay else (0, 0, 0)
    entries = tuple(_erased(entry) if rules.erased_charge_stays else Entry() for entry in state.entries)
    return state._replace(entries=entries, released=released)


def _erased(entry: Entry) -> Entry:
    """A claim that lived could not be found by its holder, and would be a charge like one that has ended."""
    if entry.kind == "none":
        return entry
    return entry._replace(kind="ended" if entry.kind == "live" else entry.kind, erased=True)
