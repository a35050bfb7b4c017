"""Time, and the requests that are still under way in it."""

from collections.abc import Iterator

from tests.claims_model import redis
from tests.claims_model.push_api import accept, can_be_accepted
from tests.claims_model.state import (
    DEAD,
    EVENTS,
    SETTLED,
    TIMED_PHASES,
    WORKERS,
    Request,
    Rules,
    State,
    Step,
    Task,
    is_alive,
    put,
)

Steps = Iterator[Step]


def arrivals(rules: Rules, state: State) -> Steps:
    for event in EVENTS:
        request = state.under_way[event]
        if can_be_accepted(rules, state, event, request):
            arrived = state._replace(under_way=put(state.under_way, event, ""))
            yield f"a request for event {event} arrives after all", accept(arrived, event, request)


def copies(rules: Rules, state: State) -> Steps:
    """A `reserve` that the driver sent twice arrives once more, or never."""
    copy = state.copy
    if copy:
        gone = state._replace(copy=None)
        yield "the copy of a reserve is lost", gone
        reply, after = redis.reserve(rules, state, copy.worker, copy.event, number=copy.number)
        if after is not state:
            yield f"the copy of a reserve arrives: {reply}", after._replace(copy=None)


def passing_time(rules: Rules, state: State) -> Steps:
    for event in EVENTS:
        if not state.late[event]:
            yield f"the deadline of event {event} passes", _late(rules, state, event)
        if rules.leases_end and _claim_can_end(rules, state, event):
            yield f"the lease on event {event} ends", _lease_ended(rules, state, event)
        elif state.entries[event].kind != "live" and _orphans_can_end(rules, state, event):
            yield f"a lease on event {event} that Redis does not know any more ends", _lease_ended(rules, state, event)
        if state.left.windows and state.late[event] and _charge_can_be_old(state, event):
            yield f"the cap's window after event {event} passes", _window_over(state, event)


def _late(rules: Rules, state: State, event: int) -> State:
    late = state._replace(late=put(state.late, event, True))
    return _outlived(late, event, "dead") if rules.deadline_bounds_request else late


def _claim_can_end(rules: Rules, state: State, event: int) -> bool:
    entry = state.entries[event]
    if entry.kind != "live":
        return False
    task = state.task(entry.holder, event) if entry.holder != DEAD else None
    return task is None or not _is_in_time(rules, task)


def _is_in_time(rules: Rules, task: Task) -> bool:
    """Whether the lease left at the attempt's start still covers this."""
    if not task.lease or task.slow or task.phase not in TIMED_PHASES:
        return False
    return rules.waits_come_first if task.phase == "held" else rules.attempt_fits_in_lease


def _orphans_can_end(rules: Rules, state: State, event: int) -> bool:
    tasks = [task for task in (state.task(worker, event) for worker in WORKERS) if task and task.lease]
    if any(_is_in_time(rules, task) for task in tasks):
        return False
    return bool(tasks) or state.under_way[event] == "alive"


def _lease_ended(rules: Rules, state: State, event: int) -> State:
    entry = state.entries[event]
    ended = state.with_entry(event, entry._replace(kind="ended")) if entry.kind == "live" else state
    for worker in WORKERS:
        task = ended.task(worker, event)
        if task:
            ended = ended.with_task(worker, event, task._replace(lease=False))
    return _outlived(ended, event, "dead" if rules.lease_bounds_request else "beyond")


def _outlived(state: State, event: int, fate: Request) -> State:
    """No request for this event was sent later than now, so all of them outlived the lease, or the deadline."""
    for worker in WORKERS:
        task = state.task(worker, event)
        if task and is_alive(task.request):
            state = state.with_task(worker, event, task._replace(request=fate))
    under_way: Request = "" if fate == "dead" or not state.under_way[event] else fate
    return state._replace(under_way=put(state.under_way, event, under_way))


def _charge_can_be_old(state: State, event: int) -> bool:
    return state.entries[event].kind in ("ended", *SETTLED) and not state.old[event]


def _window_over(state: State, event: int) -> State:
    accepted = "old" if state.accepted[event] == "in window" else state.accepted[event]
    left = state.left._replace(windows=state.left.windows - 1)
    return state._replace(old=put(state.old, event, True), accepted=put(state.accepted, event, accepted), left=left)
