"""The numbers of claims. Only their order counts, so those in use are kept small: there are finitely many states.

Without copies of calls no number is ever compared, and all are 0.
"""

from collections.abc import Mapping

from tests.claims_model.state import DEAD, EVENTS, WORKERS, State, put


def are_counted(state: State) -> bool:
    return bool(state.left.copies or state.copy)


def next_number(state: State, worker: int) -> int:
    return max(_in_use(state, worker)) + 1 if are_counted(state) else 0


def renumbered(state: State) -> State:
    """The same order of every incarnation's numbers, with the lowest numbers."""
    for worker in (*WORKERS, DEAD):
        in_use = sorted(_in_use(state, worker))
        ranks = dict.fromkeys(in_use, 0) if not are_counted(state) else {each: rank for rank, each in enumerate(in_use)}
        if any(number != rank for number, rank in ranks.items()):
            state = _ranked(state, worker, ranks)
    return state


def _in_use(state: State, worker: int) -> set[int]:
    tasks = [state.task(worker, event) for event in EVENTS] if worker != DEAD else []
    return {
        0,
        state.released[worker],
        *(task.number for task in tasks if task),
        *(entry.number for entry in state.entries if entry.holder == worker),
        *([state.copy.number] if state.copy and state.copy.worker == worker else []),
    }


def _ranked(state: State, worker: int, ranks: Mapping[int, int]) -> State:
    for event in EVENTS:
        entry = state.entries[event]
        if entry.holder == worker:
            state = state.with_entry(event, entry._replace(number=ranks[entry.number]))
        task = state.task(worker, event) if worker != DEAD else None
        if task:
            state = state.with_task(worker, event, task._replace(number=ranks[task.number]))
    copy = state.copy
    if copy and copy.worker == worker:
        state = state._replace(copy=copy._replace(number=ranks[copy.number]))
    return state._replace(released=put(state.released, worker % 3, ranks[state.released[worker]]))
