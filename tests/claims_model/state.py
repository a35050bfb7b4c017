"""What there is in the modelled world, and the rules that can be switched off in it."""

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeVar

Phase = Literal["waiting", "asked", "held", "sent", "between", "release", "write", "confirm", "publish", "flush", "ack"]
# Whether the API would still accept a request: `beyond` outlived its lease, which only happens without
# docs/claims.md, rule 4.
Request = Literal["", "alive", "dead", "beyond"]
Answer = Literal[
    "", "expired", "killed", "no_consent", "refused", "capped", "outbid", "spent", "control", "uncertain", "pushed"
]
EntryKind = Literal["none", "live", "ended", "pushed", "uncertain", "control"]
# `after charge`: the cap's window began before this push was accepted. `old`: the window is over.
Accepted = Literal["", "in window", "after charge", "old"]
# How far an order to erase the user is; `lost`: it is gone, and what it was to erase may still stand.
Order = Literal["", "waits", "claims erased", "rows erased", "done", "lost"]
Item = TypeVar("Item")

EVENTS = WORKERS = (0, 1)
TIMED_PHASES: tuple[Phase, ...] = ("held", "sent", "release")  # short enough for the lease left at their start
DEAD = -1  # the incarnation of a process that is no more
STRENGTH: dict[Answer, int] = {
    "": 0,
    "expired": 1,
    "killed": 1,
    "no_consent": 1,
    "refused": 1,
    "capped": 1,
    "outbid": 1,
    "spent": 1,
    "control": 2,
    "uncertain": 3,
    "pushed": 4,
}
CHARGED: tuple[Answer, ...] = ("control", "uncertain", "pushed")
SETTLED: tuple[EntryKind, ...] = ("pushed", "uncertain", "control")

HIT, UNCLEAR = 1, 2  # a fault hit who held the claim; an attempt was without a clear answer
WIPED, ORPHANED = 1, 2  # Redis forgot the claim; the worker that knew of it crashed or lost the partition

SECOND_PUSH = "a second push for one event"
OVER_CAP = "more pushes than the cap allows"
OVER_SLOT = "a second push, or a charge as control beside one, for one slot"
LATE = "a push accepted after its deadline"
SILENCED = "a user silenced although no push may have been sent"
DENIED = "an accepted push that its answer denies"
GIVEN_UP = "an event told expired before its deadline"
MADE_UP = "an answer that tells of a push nobody accepted"
NOT_ERASED = "an order to erase that is gone although its work was not done"
KEPT_BACK = "a push to a user who was kept back as control"
OVER_BUDGET = "more pushes than the budget of the day has"
IN_VAIN = "an event told that the budget is spent, although nothing takes it"
UNLIKE = "a push over a cap that a control alert has filled: the arms are not alike"
THE_LIMIT = "the limit: Redis was lost, and the worker too, before the Table entry was durable"


@dataclass(frozen=True, slots=True)
class Rules:
    """The protocol. Switch one off to see what it is there for; the comment is its number in docs/claims.md."""

    waits_come_first: bool = True  # 1: nothing is waited for while a claim is held
    live_claim_excludes: bool = True  # 2: other events of the user are busy
    other_incarnations_wait: bool = True  # 2: so is the same event on another worker
    ended_claim_stays_charged: bool = True  # 2: other events are capped by it
    own_position_takes_over: bool = True  # 2: only its own position finishes it
    own_entry_first: bool = True  # 2: looked for before the deadline and the kill switch
    ended_claim_is_not_renewed: bool = True  # 2
    ended_claim_is_not_released: bool = True  # 2 and 6
    unreleased_is_uncertain: bool = True  # 2 and 6: a charge that stays is never told as a clear no
    leases_end: bool = True  # 2
    other_owner_is_remembered: bool = True  # 2: also while Redis does not answer
    attempt_fits_in_lease: bool = True  # 3
    same_key: bool = True  # 4
    lease_bounds_request: bool = True  # 4
    deadline_bounds_request: bool = True  # 4
    only_yes_ends_well: bool = True  # 5: after an unclear attempt or a takeover
    unclear_is_not_released: bool = True  # 6
    takeover_is_not_released: bool = True  # 6
    released_is_not_granted: bool = True  # 6: nor any lower number of that incarnation
    own_token_first: bool = True  # 6: looked for before the highest released number
    dead_are_remembered: bool = True  # 6: the highest released number of incarnations that are no more
    known_key_first: bool = True  # 7
    too_late_is_no_end: bool = True  # 7: after a 412 the claim is asked for again
    task_remembers: bool = True  # 8
    confirmed_even_if_gone: bool = True  # 8
    event_id_tells_apart: bool = True  # 2 and 9: another event at the same position has an entry of its own
    table: bool = True  # 9
    table_is_flushed_before_ack: bool = True  # 9
    redelivery_writes_table: bool = True  # 9: also what Redis says was sent before
    others_claim_is_not_denied: bool = True  # 2 and 6: `release` says that it stays
    gathered_sends_outbid: bool = True  # 11: who is gathered with an event that is charged gets nothing
    slot_is_remembered: bool = True  # 11: also when it comes again alone: the charge says who was gathered with it
    takeover_joins_slots: bool = True  # 11: a claim that is taken over stands for who is gathered now, too
    send_keeps_slot: bool = True  # 11: so does what is charged for good
    slot_has_times: bool = True  # 11: who was not gathered with it, and lies within its length, gets nothing either
    table_outbids: bool = True  # 9 and 11: the Table knows who was sent, if it is gathered again
    live_claim_is_not_erased: bool = True  # 10
    erased_charge_stays: bool = True  # 10: under a token
    erased_releases_stay: bool = True  # 10: so do the numbers that were released
    every_call_finds_the_erased: bool = True  # 10: `confirm` and `release` as well as `reserve`
    erased_row_stays: bool = True  # 10: so does what the Table knows
    tokens_before_tombstones: bool = True  # 10
    order_goes_last: bool = True  # 10: after all that it orders
    control_is_kept_back: bool = True  # 12, as what follows
    ghost_is_marked: bool = True  # what is charged for a control alert is told apart from a send
    ghost_checks_caps: bool = True  # in the one step that writes it
    ghost_leaves_claims: bool = True  # an own claim that is there decides: its event is of the other arm
    unheard_ghost_is_control: bool = True  # one that may have been written is told
    ghost_is_outbid: bool = True  # 11 and 12: in the one step that would write it
    ghost_has_slot: bool = True  # 11 and 12: what is charged says who was gathered with it
    claim_takes_budget: bool = True  # 13, as what follows: in the one step that grants it
    takeover_takes_none: bool = True  # its claim has a part of the budget already
    budget_goes_back: bool = True  # with the claim
    only_claims_give_back: bool = True  # a `release` that finds no claim gives nothing back
    lost_budget_is_spent: bool = True  # what may have been taken before Redis lost its data counts as taken
    ghost_asks_budget: bool = True  # 12 and 13: where it is spent nobody is charged as control
    ghost_takes_none: bool = True  # 12 and 13: nothing is sent


class Faults(NamedTuple):
    """How often each may happen; in a state, how often it still may. Answers lost by the push API are always free."""

    crashes: int = 0
    rebalances: int = 0
    pauses: int = 0  # each may cost the worker its partition
    takeovers: int = 0  # what is left of pauses: the partition is another's, and this worker does not know
    wipes: int = 0
    lost_answers: int = 0  # of Redis: done, or not done, and not heard
    kills: int = 0
    opt_outs: int = 0  # of the user, so of both events
    opt_ins: int = 0  # each lifts an opt-out
    unknown: int = 0  # a worker that holds a claim does not know the consent: it puts the attempt off
    windows: int = 0  # the cap's window after a charge passes; it is longer than any deadline
    copies: int = 0  # a `reserve` that was granted arrives once more, at any time: the driver had sent it twice
    erasures: int = 0  # the user is to be forgotten
    # 1: both events can be gathered for one slot, and the cap is so wide that nobody meets it. 2: they also lie within
    # the length of one slot, so that one is pushed at most even where nobody ever gathered them together.
    slots: int = 0
    refills: int = 0  # an operator has Redis learn what the changelog has
    budgets: int = 0  # 1: the events are of two users, whom no cap stops, and have a budget of one push
    controls: int = 0  # 1: the first event is kept back as control; 2: it is so now, and was not at first
    reassigned: int = 0  # its alert is made again in the other arm, with other rules
    reborn: int = 0  # the source was made again between the two events: both stand at the same position


class Task(NamedTuple):
    """One worker's work on one event, and what it remembers."""

    phase: Phase = "waiting"
    unclear: bool = False
    taken_over: bool = False
    elsewhere: bool = False  # by the last answer another worker has it in work
    lease: bool = False  # the last lease it heard of lives
    slow: bool = False  # it was paused: whatever it knew about time is void
    request: Request = ""
    ending: Answer = ""
    number: int = 0  # of its claim, where copies are looked at
    control: bool = False  # its alert is kept back
    together: bool = False  # it was gathered with the other event


class Entry(NamedTuple):
    """What Redis knows of a position."""

    kind: EntryKind = "none"
    holder: int = DEAD
    taken_over: bool = False
    number: int = 0  # where copies are looked at
    erased: bool = False  # it stands under a token
    together: bool = False  # it says that the other event was gathered with it
    timed: bool = False  # it says when its slot began


class Copy(NamedTuple):
    """A `reserve` under way that nobody waits for."""

    worker: int
    event: int
    number: int


class State(NamedTuple):
    tasks: tuple[Task | None, ...] = (None, None, None, None)  # of worker 0, then of worker 1
    entries: tuple[Entry, ...] = (Entry(), Entry())
    under_way: tuple[Request, ...] = ("", "")  # a request nobody waits for any more
    late: tuple[bool, ...] = (False, False)
    accepted: tuple[Accepted, ...] = ("", "")
    answers: tuple[Answer, ...] = ("", "")
    acked: tuple[bool, ...] = (False, False)
    in_doubt: tuple[int, ...] = (0, 0)  # what justifies `uncertain`: HIT or UNCLEAR
    old: tuple[bool, ...] = (False, False)  # the charge's window is over
    lost: tuple[int, ...] = (0, 0)  # what happened between its reserve and its durable Table entry: WIPED, ORPHANED
    changelog: tuple[Answer, ...] = ("", "")
    tokens: tuple[Answer, ...] = ("", "")  # what the changelog has under a token, whosever it was
    tables: tuple[tuple[Answer, ...], ...] = (("", ""), ("", ""))  # as each worker sees it
    order: Order = ""
    refill: tuple[Answer, ...] = ("", "")  # what was read of the changelog, and is not in Redis yet
    released: tuple[int, ...] = (0, 0, 0)  # the highest number of each worker that was released, and of the DEAD one
    copy: Copy | None = None
    owner: int = 0
    elected: tuple[bool, ...] = (False, False)  # claimed for a slot of both, before anything of the other stood
    gathered: tuple[bool, ...] = (False, False)  # each worker: it has gathered both, and remembers it
    taken: int = 0  # of the budget, as Redis counts
    budget_lost: bool = False  # Redis lost its data: what is taken is what may have been
    slot_lost: int = 0  # what happened after an event had the slot of both: WIPED, ORPHANED
    killed: bool = False
    opted_out: bool = False
    left: Faults = Faults()
    broken: str = ""

    def task(self, worker: int, event: int) -> Task | None:
        return self.tasks[2 * worker + event]

    def with_task(self, worker: int, event: int, task: Task | None) -> "State":
        return self._replace(tasks=put(self.tasks, 2 * worker + event, task))

    def with_entry(self, event: int, entry: Entry) -> "State":
        return self._replace(entries=put(self.entries, event, entry))

    @property
    def durable(self) -> tuple[Answer, ...]:
        """What the changelog has of each event, under the user or under a token."""
        return tuple(stronger(row, token) for row, token in zip(self.changelog, self.tokens, strict=True))

    def holds(self, worker: int, event: int) -> bool:
        return self.entries[event].kind == "live" and self.entries[event].holder == worker


Step = tuple[str, State]


def own_entry(rules: Rules, state: State, event: int) -> int:
    """Where what is known of this event stands."""
    return 0 if state.left.reborn and not rules.event_id_tells_apart else event


def has_token(state: State, entry: Entry, worker: int, number: int) -> bool:
    return entry.holder == worker and entry.number == number


def is_alive(request: Request) -> bool:
    return request in ("alive", "beyond")


def stronger(first: Answer, second: Answer) -> Answer:
    return second if STRENGTH[second] > STRENGTH[first] else first


def put(items: tuple[Item, ...], index: int, item: Item) -> tuple[Item, ...]:
    return (*items[:index], item, *items[index + 1 :])
