"""An alert of a user who is kept back as control: it goes all the way, and is charged without a push."""

from collections.abc import Iterator

from tests.claims_model import budgets, redis, slots
from tests.claims_model.endings import is_over, may_have_been_sent, refused, sent_before, unheard, why_over
from tests.claims_model.push_api import is_at_the_limit, over_slot
from tests.claims_model.state import SETTLED, UNLIKE, Answer, Entry, Rules, State, Step, Task, own_entry, put

Steps = Iterator[Step]
# Those of `Rules` that are about control alone.
CONTROL_RULES = frozenset(
    {
        "control_is_kept_back",
        "ghost_is_marked",
        "ghost_checks_caps",
        "ghost_leaves_claims",
        "unheard_ghost_is_control",
        "ghost_is_outbid",
        "ghost_has_slot",
    }
)


def is_kept_back(state: State, event: int) -> bool:
    """Of the two events the first can be. Its arm is in its alert."""
    return event == 0 and state.left.controls > 0


def reassigned(state: State) -> State:
    """Other rules are live when the alert is made again, after a crash between two stages."""
    controls = 0 if state.left.controls else 2
    return state._replace(left=state.left._replace(controls=controls, reassigned=state.left.reassigned - 1))


def settled_as(rules: Rules, state: State, event: int, task: Task) -> Answer:
    """What an entry of this position says became of it; this task remembers its own attempt all the same."""
    kind = state.entries[own_entry(rules, state, event)].kind
    if kind == "control":
        if may_have_been_sent(rules, task) and rules.task_remembers:
            return "uncertain"
        return "control" if rules.ghost_is_marked else "pushed"
    return "pushed" if kind == "pushed" else "uncertain"


def is_ghost(rules: Rules, state: State, event: int, task: Task) -> bool:
    """Where an own claim is there, its owner may have sent: the event goes on as one of the treated.

    So does one that was sent, or may have been, by this task, whatever Redis has forgotten since.
    """
    if not task.control or not rules.control_is_kept_back or may_have_been_sent(rules, task):
        return False
    own = state.entries[own_entry(rules, state, event)].kind
    return own not in ("live", "ended") or not rules.ghost_leaves_claims


def ghost(rules: Rules, state: State, worker: int, event: int, task: Task) -> Steps:
    """One script: it looks for the own entry, checks the caps, and writes what is charged, or writes nothing."""
    own = own_entry(rules, state, event)
    reply = _reply(rules, state, own, task)
    if reply == "already sent":
        ending = settled_as(rules, state, event, task)
        yield "hears that it was settled", sent_before(rules, state, worker, event, task, ending)
    elif reply == "capped":
        yield "hears that it is capped", refused(rules, state, worker, event, task, "capped")
    elif reply == "outbid":
        yield "hears that it is outbid", refused(rules, state, worker, event, task, "outbid")
    elif reply == "spent":
        told = refused(rules, state, worker, event, task, "spent")
        yield "hears that the budget is spent", told._replace(broken=budgets.in_vain(state, own))
    elif is_over(state, event):
        yield "looks, and is out of time", refused(rules, state, worker, event, task, why_over(state, event))
    elif reply == "granted":
        written = _written(rules, state, own, task)._replace(broken=_broken_by(state, own))
        yield "is charged as control", sent_before(rules, written, worker, event, task, "control")
        if state.left.lost_answers:
            asked = task._replace(phase="asked")
            yield "is charged as control and hears nothing", unheard(written.with_task(worker, event, asked), event)
            yield "asks to be charged, in vain", unheard(state.with_task(worker, event, asked), event)


def unanswered(rules: Rules, state: State, worker: int, event: int, task: Task) -> Steps:
    """It may be charged already, and Redis does not answer until it is over."""
    if is_over(state, event) and state.left.lost_answers:
        if rules.unheard_ghost_is_control:
            over = sent_before(rules, state, worker, event, task, "control")
        else:
            over = state.with_task(worker, event, task._replace(phase="publish", ending=why_over(state, event)))
        yield "is out of time, and may be charged as control", unheard(over, event)


def _reply(rules: Rules, state: State, own: int, task: Task) -> redis.Reservation:
    if state.entries[own].kind in SETTLED:
        return "already sent"
    if budgets.are_there(state):
        return "spent" if budgets.is_spent(state) and rules.ghost_asks_budget else "granted"
    if state.entries[1 - own].kind == "live" and rules.live_claim_excludes:
        return "busy"
    if slots.are_gathered(state):
        is_outbid = rules.ghost_is_outbid and slots.is_outbid(rules, state, own, together=task.together)
        return "outbid" if is_outbid else "granted"
    is_capped = rules.ghost_checks_caps and redis.is_charged(rules, state, 1 - own)
    return "capped" if is_capped else "granted"


def _broken_by(state: State, own: int) -> str:
    """A treated user would have got nothing here."""
    if budgets.are_there(state):
        return UNLIKE if budgets.is_spent(state) else ""
    if slots.are_gathered(state):
        return over_slot(state, own)
    is_full = state.accepted[1 - own] in ("in window", "after charge")
    return UNLIKE if is_full and not is_at_the_limit(state) else ""


def _written(rules: Rules, state: State, own: int, task: Task) -> State:
    is_elected = state.elected[own] or (task.together and not state.accepted[1 - own])
    if not rules.ghost_takes_none:
        state = budgets.taken(rules, state)
    written = state._replace(old=put(state.old, own, False), elected=put(state.elected, own, is_elected))
    together, timed = task.together and rules.ghost_has_slot, slots.are_near(state) and rules.ghost_has_slot
    return written.with_entry(own, Entry("control", together=together, timed=timed))
