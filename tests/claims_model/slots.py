"""Two alerts of a user that were gathered for one slot: at most one of them is pushed (docs/claims.md, rule 11)."""

from tests.claims_model.state import ORPHANED, SETTLED, WIPED, Rules, State, Task, put

SLOT_RULES = frozenset(
    {
        *("gathered_sends_outbid", "slot_is_remembered", "takeover_joins_slots", "send_keeps_slot", "table_outbids"),
        "slot_has_times",
    }
)


def are_gathered(state: State) -> bool:
    return bool(state.left.slots)


def are_near(state: State) -> bool:
    """Whether the times of both events lie within the length of one slot."""
    return state.left.slots == 2


def can_be_gathered(state: State, worker: int) -> bool:
    """What is gathered is not acknowledged. Who has gathered both remembers it to the end of both."""
    return are_gathered(state) and (state.gathered[worker] or not any(state.acked))


def gathered(state: State, worker: int) -> State:
    return state._replace(gathered=put(state.gathered, worker, True))


def orphaned(state: State, worker: int) -> State:
    """Who gathered is gone."""
    state = state._replace(gathered=put(state.gathered, worker, False))
    return _hit(state, ORPHANED)


def wiped(state: State) -> State:
    """The Table knows who was sent, and neither who was gathered with them nor when their slots began."""
    if are_near(state):
        return state._replace(slot_lost=state.slot_lost | WIPED)
    return _hit(state, WIPED)


def _hit(state: State, what: int) -> State:
    matters = any(state.elected) and state.left.wipes + (state.slot_lost & WIPED) > 0
    return state._replace(slot_lost=state.slot_lost | what) if matters or state.slot_lost else state


def is_outbid(rules: Rules, state: State, event: int, *, together: bool) -> bool:
    """Whether the other event's charge stands against this one: who asks, or who is charged, knows of the slot."""
    other = state.entries[1 - event]
    if other.kind not in (*SETTLED, "ended"):
        return False
    if other.timed and rules.slot_has_times:
        return True
    return (together and rules.gathered_sends_outbid) or (other.together and rules.slot_is_remembered)


def is_outbid_by_table(rules: Rules, state: State, worker: int, event: int, task: Task) -> bool:
    return task.together and rules.table_outbids and rules.table and bool(state.tables[worker][1 - event])


def claimed(rules: Rules, state: State, event: int, *, together: bool, was_together: bool) -> State:
    """The claim of this event says who was gathered with it.

    A new one has the slot of both. One that is taken over has it where nothing of the other stands: both may have been
    claimed before they were gathered.
    """
    entry = state.entries[event]
    joined = was_together or (together and (rules.takeover_joins_slots or not entry.taken_over))
    state = state.with_entry(event, entry._replace(together=joined, timed=are_near(state)))
    is_free = state.entries[1 - event].kind == "none" and not state.accepted[1 - event]
    if together and (is_free or not entry.taken_over):
        return state._replace(elected=put(state.elected, event, True))
    return state


def given_back(state: State, event: int) -> State:
    return state._replace(elected=put(state.elected, event, False))


def is_second_push(state: State, event: int) -> bool:
    """Or a charge as control beside a push."""
    other = 1 - event
    is_charged = bool(state.accepted[other]) or "control" in (state.entries[other].kind, state.answers[other])
    return (any(state.elected) or are_near(state)) and is_charged


def is_lost(state: State) -> bool:
    """Redis forgot the slot, and so did who gathered both; where nobody did, nothing else knew of it."""
    lost = state.slot_lost
    return lost == WIPED | ORPHANED or (are_near(state) and bool(lost & WIPED) and not any(state.elected))
