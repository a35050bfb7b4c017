"""What a worker can do next for one event: `saving_alerts.pipeline.dispatch` and the end of its stage, step by step."""

from collections.abc import Callable, Iterator

from tests.claims_model import budgets, control, redis, slots
from tests.claims_model.attempting import request_without_lease, sent
from tests.claims_model.endings import (
    ended,
    is_over,
    may_have_been_sent,
    put_off,
    refused,
    sent_before,
    unheard,
    why_over,
)
from tests.claims_model.numbers import next_number
from tests.claims_model.recording import ack, confirm, flush, publish, write
from tests.claims_model.state import Answer, Copy, Phase, Rules, State, Step, Task, own_entry

Steps = Iterator[Step]


def waiting(rules: Rules, state: State, worker: int, event: int, task: Task) -> Steps:
    """No claim. The Table first: then Redis need not be asked."""
    table = state.tables[worker] if rules.table else ("", "")
    own = own_entry(rules, state, event)
    if table[own]:
        yield "finds its push in the Table", sent_before(rules, state, worker, event, task, table[own])
    elif (
        not budgets.are_there(state) and not slots.are_gathered(state) and table[1 - event] and not state.old[1 - event]
    ):
        yield "is capped by the Table", refused(rules, state, worker, event, task, "capped")
    elif slots.is_outbid_by_table(rules, state, worker, event, task) and state.entries[own].kind == "none":
        yield "is outbid by the Table", refused(rules, state, worker, event, task, "outbid")
    elif not rules.own_entry_first and is_over(state, event):
        yield "is out of time", refused(rules, state, worker, event, task, why_over(state, event))
    else:
        yield from _reserve(rules, state, worker, event, task)
        yield from _out_of_time_and_unanswered(rules, state, worker, event, task)


def _out_of_time_and_unanswered(rules: Rules, state: State, worker: int, event: int, task: Task) -> Steps:
    """Another worker had it in work when Redis last answered: it may have sent."""
    if task.elsewhere and is_over(state, event) and state.left.lost_answers:
        says_so = rules.other_owner_is_remembered or may_have_been_sent(rules, task)
        ending: Answer = "uncertain" if says_so else why_over(state, event)
        phase: Phase = "write" if says_so else "publish"
        over = state.with_task(worker, event, task._replace(phase=phase, ending=ending, number=0))
        yield "is out of time, Redis does not answer, another worker had it", unheard(over, event)


def _reserve(rules: Rules, state: State, worker: int, event: int, task: Task) -> Steps:
    if control.is_ghost(rules, state, event, task):
        yield from control.ghost(rules, state, worker, event, task)
        return
    task = task._replace(number=task.number or next_number(state, worker))
    asks_again = task.phase == "asked"
    reply, after = redis.reserve(
        rules, state, worker, event, number=task.number, asks_again=asks_again, together=task.together
    )
    if reply == "granted" and may_look(rules, task) and is_over(state, event):
        unclaimed = task._replace(number=0)
        yield "looks, and is out of time", refused(rules, state, worker, event, unclaimed, why_over(state, event))
        return
    if reply != "outnumbered" and state.left.lost_answers:
        asked = task._replace(phase="asked")
        yield "reserves and hears nothing", unheard(after.with_task(worker, event, asked), event)
    if reply in ("granted", "taken over"):
        yield from _claimed(rules, after, worker, event, task, taken_over=reply == "taken over")
    else:
        yield from _not_claimed(rules, state, worker, event, task, reply)


def _claimed(rules: Rules, state: State, worker: int, event: int, task: Task, *, taken_over: bool) -> Steps:
    told = "reserves: taken over" if taken_over else "reserves: granted"
    held = _granted(rules, state, worker, event, task, taken_over=taken_over)
    yield told, held
    if state.left.copies:
        left = state.left._replace(copies=state.left.copies - 1)
        yield f"{told}, and sends it twice", held._replace(left=left, copy=Copy(worker, event, task.number))


def _not_claimed(rules: Rules, state: State, worker: int, event: int, task: Task, reply: redis.Reservation) -> Steps:
    match reply:
        case "already sent":
            ending = control.settled_as(rules, state, event, task)
            yield "hears that it was sent", sent_before(rules, state, worker, event, task, ending)
        case "capped":
            yield "hears that it is capped", refused(rules, state, worker, event, task, "capped")
        case "outbid":
            yield "hears that it is outbid", refused(rules, state, worker, event, task, "outbid")
        case "spent":
            ended_as = refused(rules, state, worker, event, task, "spent")
            yield "hears that the budget is spent", ended_as._replace(broken=budgets.in_vain(state, event))
        case "outnumbered":
            anew = task._replace(phase="waiting", number=0)
            yield "hears of a higher number that was released", state.with_task(worker, event, anew)
        case "busy with itself" if state.left.lost_answers and not task.elsewhere:
            told = task._replace(phase="waiting", elsewhere=True, number=0)
            yield "hears that another worker has it", state.with_task(worker, event, told)
        case "busy" if is_over(state, event):
            over = refused(rules, state, worker, event, task, why_over(state, event))
            yield "is out of time while another is busy", over


def may_look(rules: Rules, task: Task) -> bool:
    """Whether nothing of this task's can be known of: then a look that writes nothing is enough for a no."""
    return task.phase == "waiting" and not task.elsewhere and not may_have_been_sent(rules, task)


def _granted(rules: Rules, state: State, worker: int, event: int, task: Task, *, taken_over: bool) -> State:
    remembers = rules.task_remembers
    held = task._replace(
        phase="held",
        lease=True,
        slow=False,
        elsewhere=False,
        unclear=task.unclear and remembers,
        taken_over=taken_over or (task.taken_over and remembers),
    )
    return state.with_task(worker, event, held)


def asked(rules: Rules, state: State, worker: int, event: int, task: Task) -> Steps:
    """A claim whose answer was lost: the same token asks again."""
    yield from _reserve(rules, state, worker, event, task)
    if control.is_ghost(rules, state, event, task):
        yield from control.unanswered(rules, state, worker, event, task)
        return
    if is_over(state, event) and state.left.lost_answers:
        may_be_charged = rules.unreleased_is_uncertain or may_have_been_sent(rules, task)
        ending: Answer = "uncertain" if may_be_charged else why_over(state, event)
        phase: Phase = "write" if ending == "uncertain" else "publish"
        over = state.with_task(worker, event, task._replace(phase=phase, ending=ending, number=0))
        yield "is out of time and cannot ask Redis", unheard(over, event)
    if is_over(state, event) and not may_have_been_sent(rules, task):
        back = task._replace(phase="release", ending=why_over(state, event))
        yield "is out of time and releases what it asked for", state.with_task(worker, event, back)


def held(rules: Rules, state: State, worker: int, event: int, task: Task) -> Steps:
    if is_over(state, event):
        yield "is out of time", ended(rules, state, worker, event, task, why_over(state, event))
    else:
        request = task._replace(phase="sent", request="alive" if task.lease else request_without_lease(rules))
        yield "sends a request", state.with_task(worker, event, request)
        if state.left.unknown:
            left = state.left._replace(unknown=state.left.unknown - 1)
            later = put_off(rules, state._replace(left=left), worker, event, task)
            yield "does not know the consent, and puts it off", later
    if task.slow:
        yield "sees that the lease is short", state.with_task(worker, event, task._replace(phase="between"))


def between(rules: Rules, state: State, worker: int, event: int, task: Task) -> Steps:
    """A claim is held, perhaps no longer: renew it before anything else."""
    is_renewed, after = redis.renew(rules, state, worker, event, task.number)
    if is_renewed:
        renewed = task._replace(phase="held", lease=True, slow=False)
        yield "renews its claim", after.with_task(worker, event, renewed)
    else:
        yield (
            "cannot renew its claim",
            state.with_task(worker, event, task._replace(phase="waiting", lease=False, number=0)),
        )


def release(rules: Rules, state: State, worker: int, event: int, task: Task) -> Steps:
    is_released, after = redis.release(rules, state, worker, event, task.number)
    yield "releases its claim", _released(rules, after, worker, event, task, is_released=is_released)
    if state.left.lost_answers:
        kept = _released(rules, state, worker, event, task, is_released=False)
        yield "cannot ask Redis to release its claim", unheard(kept, event)


def _released(rules: Rules, state: State, worker: int, event: int, task: Task, *, is_released: bool) -> State:
    free = task._replace(lease=False, slow=False, number=0)
    if not task.ending:
        return state.with_task(worker, event, free._replace(phase="waiting"))
    if is_released or not rules.unreleased_is_uncertain:
        return state.with_task(worker, event, free._replace(phase="publish"))
    return state.with_task(worker, event, free._replace(phase="write", ending="uncertain"))


PHASES: dict[Phase, Callable[[Rules, State, int, int, Task], Steps]] = {
    "waiting": waiting,
    "asked": asked,
    "held": held,
    "sent": sent,
    "between": between,
    "release": release,
    "write": write,
    "confirm": confirm,
    "publish": publish,
    "flush": flush,
    "ack": ack,
}
