"""What follows once the end is clear, effect by effect: Table, Redis, decision, flush, ack (docs/claims.md, rule 9)."""

from collections.abc import Iterator

from tests.claims_model import redis
from tests.claims_model.state import (
    CHARGED,
    SILENCED,
    Phase,
    Rules,
    State,
    Step,
    Task,
    own_entry,
    put,
    stronger,
)

Steps = Iterator[Step]


def write(rules: Rules, state: State, worker: int, event: int, task: Task) -> Steps:
    own = own_entry(rules, state, event)
    table = put(state.tables[worker], own, stronger(state.tables[worker][own], task.ending))
    written = state._replace(tables=put(state.tables, worker, table)) if rules.table else state
    yield "writes the Table", written.with_task(worker, event, task._replace(phase="confirm"))


def confirm(rules: Rules, state: State, worker: int, event: int, task: Task) -> Steps:
    confirmed = state
    if task.ending != "control":  # what was charged as control stands there, if it does
        uncertain = task.ending == "uncertain"
        confirmed = redis.confirm(rules, state, worker, event, uncertain=uncertain, together=task.together)
    publishing = task._replace(phase="publish", lease=False, slow=False)
    yield f"confirms: {task.ending}", confirmed.with_task(worker, event, publishing)


def publish(rules: Rules, state: State, worker: int, event: int, task: Task) -> Steps:
    answers = put(state.answers, event, stronger(state.answers[event], task.ending))
    groundless = task.ending == "uncertain" and not state.in_doubt[event] and not state.accepted[event]
    told = state._replace(answers=answers, broken=SILENCED if groundless else "")
    flushes = task.ending in CHARGED and rules.table and rules.table_is_flushed_before_ack
    phase: Phase = "flush" if flushes else "ack"
    yield f"publishes: {task.ending}", told.with_task(worker, event, Task(phase, ending=task.ending))


def flush(rules: Rules, state: State, worker: int, event: int, task: Task) -> Steps:
    yield "flushes the changelog", flushed(state, worker).with_task(worker, event, task._replace(phase="ack"))


def flushed(state: State, worker: int) -> State:
    """What stands there under a token, or stronger, is not written again."""
    known = zip(state.changelog, state.durable, state.tables[worker], strict=True)
    return state._replace(changelog=tuple(new if stronger(there, new) != there else old for old, there, new in known))


def ack(rules: Rules, state: State, worker: int, event: int, task: Task) -> Steps:
    gone = state.with_task(worker, event, None)
    if worker == state.owner:
        yield "acks", gone._replace(acked=put(state.acked, event, True))
    else:
        yield "acks in vain", gone
