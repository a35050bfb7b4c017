"""One request to the push API, and everything that can come of it."""

from collections.abc import Iterator

from tests.claims_model.endings import ended, put_off, unclear
from tests.claims_model.push_api import accept, can_be_accepted
from tests.claims_model.state import Request, Rules, State, Step, Task, put

Steps = Iterator[Step]


def request_without_lease(rules: Rules) -> Request:
    return "dead" if rules.lease_bounds_request else "beyond"


def sent(rules: Rules, state: State, worker: int, event: int, task: Task) -> Steps:
    can_be = can_be_accepted(rules, state, event, task.request)
    knows_key = bool(state.accepted[event]) and rules.same_key
    pushed = task._replace(phase="write", request="", ending="pushed")
    if can_be:
        accepted = accept(state, event, task.request)
        yield "is answered 201", accepted.with_task(worker, event, pushed)
        yield "arrives, and its answer is lost", unclear(accepted, worker, event, task)
    elif knows_key:
        yield "is answered 409", state.with_task(worker, event, pushed)
    under_way = put(state.under_way, event, task.request if can_be else state.under_way[event])
    yield "gets no answer", unclear(state._replace(under_way=under_way), worker, event, task)
    yield "is answered 429", put_off(rules, state, worker, event, task)
    if not (knows_key and rules.known_key_first):
        yield from _answered_no(rules, state, worker, event, task)


def _answered_no(rules: Rules, state: State, worker: int, event: int, task: Task) -> Steps:
    yield "is answered 400", ended(rules, state, worker, event, task, "refused")
    if task.request != "dead":
        return
    if rules.too_late_is_no_end:
        yield "is answered 412", put_off(rules, state, worker, event, task)
    else:
        final = task._replace(phase="release", request="", ending="expired")
        yield "is answered 412, and takes it for the end", state.with_task(worker, event, final)
