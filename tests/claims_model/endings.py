"""How a task's work on an event turns to its end: by a yes elsewhere, by a no, or by silence."""

from tests.claims_model.state import HIT, UNCLEAR, Answer, Phase, Rules, State, Task, put


def may_have_been_sent(rules: Rules, task: Task) -> bool:
    return rules.only_yes_ends_well and (task.unclear or task.taken_over)


def is_over(state: State, event: int) -> bool:
    return state.late[event] or state.killed or state.opted_out


def why_over(state: State, event: int) -> Answer:
    if state.late[event]:
        return "expired"
    return "killed" if state.killed else "no_consent"


def sent_before(rules: Rules, state: State, worker: int, event: int, task: Task, ending: Answer) -> State:
    phase: Phase = "write" if rules.redelivery_writes_table else "publish"
    return state.with_task(worker, event, task._replace(phase=phase, ending=ending, number=0))


def refused(rules: Rules, state: State, worker: int, event: int, task: Task, answer: Answer) -> State:
    """Redis or the Table says no, and no claim is held."""
    if may_have_been_sent(rules, task) and rules.task_remembers:
        return state.with_task(worker, event, task._replace(phase="write", ending="uncertain", number=0))
    return state.with_task(worker, event, task._replace(phase="publish", ending=answer, number=0))


def ended(rules: Rules, state: State, worker: int, event: int, task: Task, answer: Answer) -> State:
    """Over, without a yes. An empty answer: not over, but to be claimed again."""
    if may_have_been_sent(rules, task):
        return state.with_task(worker, event, task._replace(phase="write", request="", ending="uncertain"))
    return state.with_task(worker, event, task._replace(phase="release", request="", ending=answer))


def put_off(rules: Rules, state: State, worker: int, event: int, task: Task) -> State:
    """Not over, and no attempt now: the claim goes back where nothing can have been sent under it."""
    unclear = task.unclear and rules.unclear_is_not_released
    taken_over = task.taken_over and rules.takeover_is_not_released
    if rules.only_yes_ends_well and (unclear or taken_over):
        return state.with_task(worker, event, task._replace(phase="between", request=""))
    return state.with_task(worker, event, task._replace(phase="release", request="", ending=""))


def unheard(state: State, event: int) -> State:
    left = state.left._replace(lost_answers=state.left.lost_answers - 1)
    return state._replace(left=left, in_doubt=put(state.in_doubt, event, max(state.in_doubt[event], HIT)))


def unclear(state: State, worker: int, event: int, task: Task) -> State:
    doubtful = state._replace(in_doubt=put(state.in_doubt, event, UNCLEAR))
    return doubtful.with_task(worker, event, task._replace(phase="between", request="", unclear=True))
