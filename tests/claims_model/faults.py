"""Kafka and the faults: who works on what, and what becomes of it."""

from collections.abc import Iterator

from tests.claims_model import budgets, erasing, slots
from tests.claims_model.control import is_kept_back, reassigned
from tests.claims_model.recording import flushed
from tests.claims_model.state import (
    DEAD,
    EVENTS,
    HIT,
    ORPHANED,
    TIMED_PHASES,
    WIPED,
    WORKERS,
    Entry,
    Faults,
    Rules,
    State,
    Step,
    Task,
    is_alive,
    put,
)

Steps = Iterator[Step]
# What a drain does not wait for: no claim is held, or one that is kept after an unclear attempt, or all is written but
# the decision. The rest is over before the drain is: an attempt takes less, or else it is a crash.
DROPPED_PHASES = ("waiting", "asked", "between", "publish")


def deliveries(state: State, *, side_by_side: bool) -> Steps:
    """Kafka hands its owner what is not acked, in order; side by side also the second event during the first."""
    owner = state.owner
    for event in EVENTS:
        if state.acked[event] or state.task(owner, event):
            continue
        in_order = all(state.acked[:event]) or slots.are_gathered(state)  # the best of a slot comes first
        if side_by_side or (state.task(owner, 1 - event) is None and in_order):
            taken = Task(control=is_kept_back(state, event))
            if not state.gathered[owner]:
                yield f"worker {owner} takes event {event}", state.with_task(owner, event, taken)
            if slots.can_be_gathered(state, owner):
                together = slots.gathered(state, owner).with_task(owner, event, taken._replace(together=True))
                yield f"worker {owner} takes event {event}, gathered with the other", together


def revocations(state: State) -> Steps:
    """A worker whose partition was taken notices, finishes what it is in the middle of, and drops the rest."""
    worker = 1 - state.owner
    for event in EVENTS:
        task = state.task(worker, event)
        if task and task.phase in DROPPED_PHASES:
            yield f"worker {worker} abandons event {event}", _abandoned(state, worker, event)


def _abandoned(state: State, worker: int, event: int) -> State:
    task = state.task(worker, event)
    if task is None:
        return state
    under_way = put(state.under_way, event, task.request if is_alive(task.request) else state.under_way[event])
    hit = _in_doubt(state, event) if state.holds(worker, event) else state
    return hit._replace(under_way=under_way).with_task(worker, event, None)


def _in_doubt(state: State, event: int) -> State:
    return state._replace(in_doubt=put(state.in_doubt, event, max(state.in_doubt[event], HIT)))


def late_flushes(rules: Rules, state: State) -> Steps:
    """Faust's producer gets around to it some time; after the ack only without docs/claims.md, rule 9."""
    for worker in WORKERS:
        if not rules.table_is_flushed_before_ack and flushed(state, worker) != state:
            yield f"worker {worker} flushes the changelog", flushed(state, worker)


def faults(rules: Rules, state: State) -> Steps:
    left = state.left
    for worker in WORKERS:
        tasks = [state.task(worker, event) for event in EVENTS]
        if left.crashes and any(tasks):
            yield f"worker {worker} CRASHES", _crashed(rules, state, worker, left._replace(crashes=left.crashes - 1))
        if left.pauses and any(task and task.phase in TIMED_PHASES for task in tasks):
            yield f"worker {worker} is PAUSED", _paused(state, worker, left)
    if left.takeovers:
        taken_over = left._replace(takeovers=left.takeovers - 1)
        yield "the partition is TAKEN OVER", _moved(rules, state, taken_over, owner=1 - state.owner)
    if left.rebalances and all(task is None or task.phase in DROPPED_PHASES for task in state.tasks):
        rebalanced = left._replace(rebalances=left.rebalances - 1)
        yield "REBALANCE", _rebalanced(rules, state, rebalanced, owner=1 - state.owner)
        yield "REBALANCE, and the partition comes back", _rebalanced(rules, state, rebalanced, owner=state.owner)
    if left.wipes and any(entry.kind != "none" for entry in state.entries):
        yield "Redis is WIPED", _wiped(rules, state, left._replace(wipes=left.wipes - 1))
    if left.reassigned:
        yield "the first alert is made again IN THE OTHER ARM", reassigned(state)
    yield from _stops(state)


def _stops(state: State) -> Steps:
    """What people do, at any time."""
    left = state.left
    if left.kills:
        yield "the kill switch is on", state._replace(killed=True, left=left._replace(kills=left.kills - 1))
    if left.opt_outs and not state.opted_out:
        yield "the user opts out", state._replace(opted_out=True, left=left._replace(opt_outs=left.opt_outs - 1))
    if left.opt_ins and state.opted_out:
        yield "the user opts in", state._replace(opted_out=False, left=left._replace(opt_ins=left.opt_ins - 1))


def _crashed(rules: Rules, state: State, worker: int, left: Faults) -> State:
    """Its successor starts with nothing but the changelog, as another incarnation."""
    hit = _hit(state, ORPHANED, matters=left.wipes > 0)
    for event in EVENTS:
        hit = _abandoned(hit, worker, event)
        entry = hit.entries[event]
        if entry.holder == worker:
            hit = hit.with_entry(event, entry._replace(holder=DEAD))
    hit = erasing.interrupted(rules, hit) if worker == hit.owner else hit
    return slots.orphaned(_forgotten(rules, hit, worker), worker)._replace(
        tables=put(hit.tables, worker, hit.durable), left=left
    )


def _forgotten(rules: Rules, state: State, worker: int) -> State:
    """Its numbers are those of an incarnation that is no more; the next one's begin anew."""
    copy = state.copy
    if copy and copy.worker == worker:
        state = state._replace(copy=copy._replace(worker=DEAD))
    of_the_dead = state.released[worker] if rules.dead_are_remembered else 0
    return state._replace(released=put(put(state.released, DEAD % 3, of_the_dead), worker, 0))


def _paused(state: State, worker: int, left: Faults) -> State:
    """Perhaps until its session ends: then it does not know that the partition is another's."""
    for event in EVENTS:
        task = state.task(worker, event)
        if task and task.phase in TIMED_PHASES:
            state = _in_doubt(state, event).with_task(worker, event, task._replace(slow=True))
    return state._replace(left=left._replace(pauses=left.pauses - 1, takeovers=left.takeovers + 1))


def _rebalanced(rules: Rules, state: State, left: Faults, *, owner: int) -> State:
    """Kafka waits for the former owner, which drops what it has not finished. The new one can be the same process."""
    for event in EVENTS:
        state = _abandoned(state, state.owner, event)
    return _moved(rules, state, left, owner=owner)


def _moved(rules: Rules, state: State, left: Faults, *, owner: int) -> State:
    """The new owner reads the changelog, and the order that stands."""
    state = erasing.interrupted(rules, _hit(state, ORPHANED, matters=left.wipes > 0))
    state = slots.orphaned(state, state.owner)
    return state._replace(owner=owner, tables=put(state.tables, owner, state.durable), left=left)


def _wiped(rules: Rules, state: State, left: Faults) -> State:
    hit = budgets.wiped(rules, slots.wiped(_hit(state, WIPED, matters=any(left))))
    return hit._replace(entries=(Entry(), Entry()), released=(0, 0, 0), left=left)


def _hit(state: State, what: int, *, matters: bool) -> State:
    """Remember what happened to an event between its reserve and its durable Table entry."""
    for event in EVENTS:
        is_in_work = not state.acked[event] and not state.durable[event]
        if is_in_work and (state.lost[event] or (matters and state.entries[event].kind != "none")):
            state = state._replace(lost=put(state.lost, event, state.lost[event] | what))
    return state
