"""Breadth first through every state, so that the first way found to break a promise is a shortest one."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.claims_model import erasing, faults, passing_time, refilling
from tests.claims_model.numbers import are_counted, renumbered
from tests.claims_model.push_api import is_at_the_limit
from tests.claims_model.state import (
    CHARGED,
    DENIED,
    EVENTS,
    GIVEN_UP,
    MADE_UP,
    NOT_ERASED,
    SILENCED,
    THE_LIMIT,
    UNCLEAR,
    WORKERS,
    Faults,
    Rules,
    State,
    Step,
)
from tests.claims_model.worker import PHASES

STUCK = "a state from which no end can be reached"


@dataclass(frozen=True, slots=True)
class Model:
    """`side_by_side`: both events are in work at once, which the stage forbids and the claim must stand."""

    rules: Rules
    faults: Faults
    side_by_side: bool = True

    def start(self) -> State:
        return State(left=self.faults)

    def steps(self, state: State) -> Iterator[Step]:
        for label, after in self._steps(state):
            yield label, renumbered(after) if are_counted(state) else after

    def _steps(self, state: State) -> Iterator[Step]:
        yield from _of_workers(self.rules, state)
        yield from faults.deliveries(state, side_by_side=self.side_by_side)
        yield from faults.revocations(state)
        yield from passing_time.arrivals(self.rules, state)
        yield from passing_time.copies(self.rules, state)
        yield from passing_time.passing_time(self.rules, state)
        yield from erasing.erasing(self.rules, state)
        yield from refilling.refilling(state)
        yield from faults.late_flushes(self.rules, state)
        yield from faults.faults(self.rules, state)


def _of_workers(rules: Rules, state: State) -> Iterator[Step]:
    for worker in WORKERS:
        for event in EVENTS:
            task = state.task(worker, event)
            if task:
                for verb, after in PHASES[task.phase](rules, state, worker, event, task):
                    yield f"worker {worker}, event {event}: {verb}", after


def is_end(state: State) -> bool:
    return all(state.acked) and not any(state.tasks) and state.order in ("", "done", "lost")


def broken_promise(state: State) -> str:
    """The promise that this state breaks, or nothing."""
    if state.broken:
        return state.broken
    found = (_verdict_on_end(state) if is_end(state) else "") or _verdict_on_answers(state)
    return THE_LIMIT if found and is_at_the_limit(state) else found


def _verdict_on_answers(state: State) -> str:
    for late, accepted, answer in zip(state.late, state.accepted, state.answers, strict=True):
        if answer == "expired" and not late:
            return GIVEN_UP
        if answer == "pushed" and not accepted:
            return MADE_UP
    return ""


def _verdict_on_end(state: State) -> str:
    for accepted, answer in zip(state.accepted, state.answers, strict=True):
        if accepted and (answer not in CHARGED or answer == "control"):
            return DENIED
    if state.order == "lost":
        return NOT_ERASED
    is_charged = any(state.accepted) or UNCLEAR in state.in_doubt or bool({"uncertain", "control"} & set(state.answers))
    is_refused = bool({"capped", "outbid"} & set(state.answers))
    return SILENCED if is_refused and not is_charged else ""


@dataclass(slots=True)
class Found:
    """`broken`: the first promise found broken, and `trace`, the steps to it. Both empty: it holds."""

    states: int
    broken: str = ""
    trace: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        numbered = "\n".join(f"{number:3}. {step}" for number, step in enumerate(self.trace, 1))
        return f"{self.broken or 'holds'}, {self.states} states\n{numbered}"


@contextmanager
def uncollected() -> Iterator[None]:
    """States hold no cycles, and looking for some in a million tuples takes longer than the search."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@uncollected()
def search(model: Model, tolerated: frozenset[str] = frozenset()) -> Found:
    """All states up to the first broken promise; where a `tolerated` one is broken, the search does not go on."""
    parents: dict[State, State | None] = {model.start(): None}
    layer = [model.start()]
    while layer:
        following = []
        for state in layer:
            broken = broken_promise(state)
            if broken and broken not in tolerated:
                return Found(len(parents), broken, _trace(model, parents, state))
            for _, after in () if broken else model.steps(state):
                if after not in parents:
                    parents[after] = state
                    following.append(after)
        layer = following
    return Found(len(parents))


def _trace(model: Model, parents: dict[State, State | None], state: State) -> list[str]:
    told = []
    while (parent := parents[state]) is not None:
        told.append(next(label for label, after in model.steps(parent) if after == state))
        state = parent
    return told[::-1]


@uncollected()
def search_to_the_ends(model: Model) -> Found:
    """As `search`, and where every promise holds: the first state from which no order of steps leads to an end."""
    parents: dict[State, State | None] = {model.start(): None}
    numbers = {model.start(): 0}
    before: list[list[int]] = [[]]
    states = [model.start()]
    for state in states:  # grows while it is read
        if broken := broken_promise(state):
            return Found(len(states), broken, _trace(model, parents, state))
        for _, after in model.steps(state):
            if after not in numbers:
                numbers[after] = len(states)
                parents[after] = state
                states.append(after)
                before.append([])
            before[numbers[after]].append(numbers[state])
    can_end = _backwards(before, [number for number, state in enumerate(states) if is_end(state)])
    stuck = next((state for number, state in enumerate(states) if not can_end[number]), None)
    return Found(len(states)) if stuck is None else Found(len(states), STUCK, _trace(model, parents, stuck))


def _backwards(before: list[list[int]], ends: list[int]) -> bytearray:
    reached = bytearray(len(before))
    for number in ends:
        reached[number] = True
    waiting = list(ends)
    while waiting:
        for number in before[waiting.pop()]:
            if not reached[number]:
                reached[number] = True
                waiting.append(number)
    return reached
