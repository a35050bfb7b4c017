"""Why each rule of docs/claims.md is there: without it the search finds a promise broken, and how."""

from dataclasses import fields

import pytest

from tests.claims_model.budgets import BUDGET_RULES
from tests.claims_model.control import CONTROL_RULES
from tests.claims_model.search import STUCK, Model, search, search_to_the_ends
from tests.claims_model.slots import SLOT_RULES
from tests.claims_model.state import (
    DENIED,
    LATE,
    MADE_UP,
    NOT_ERASED,
    OVER_CAP,
    SECOND_PUSH,
    SILENCED,
    THE_LIMIT,
    Faults,
    Rules,
    State,
)

IN_ORDER, SIDE_BY_SIDE = False, True
NO_FAULT = Faults()
CRASH, PAUSE, WIPE = Faults(crashes=1), Faults(pauses=1), Faults(wipes=1)
REBORN = Faults(reborn=1)
ERASURE = Faults(erasures=1)
WIPE_AND_CRASH = Faults(wipes=1, crashes=1)
KNOWN_LIMITS = frozenset({DENIED, THE_LIMIT})

# The rule that is switched off, the faults it is needed against, and the promise that breaks within so many steps.
NEEDED = [
    ("waits_come_first", NO_FAULT, IN_ORDER, SILENCED, 9),
    ("live_claim_excludes", NO_FAULT, SIDE_BY_SIDE, OVER_CAP, 8),
    ("other_incarnations_wait", PAUSE, IN_ORDER, SILENCED, 18),
    ("other_owner_is_remembered", Faults(crashes=1, lost_answers=1), IN_ORDER, SILENCED, 14),
    ("ended_claim_stays_charged", NO_FAULT, SIDE_BY_SIDE, OVER_CAP, 9),
    ("own_position_takes_over", CRASH, IN_ORDER, SILENCED, 12),
    ("own_entry_first", CRASH, IN_ORDER, SILENCED, 13),
    ("ended_claim_is_not_renewed", PAUSE, SIDE_BY_SIDE, SILENCED, 15),
    ("ended_claim_is_not_released", PAUSE, SIDE_BY_SIDE, SILENCED, 13),
    ("unreleased_is_uncertain", PAUSE, IN_ORDER, SILENCED, 13),
    ("unreleased_is_uncertain", Faults(lost_answers=1), IN_ORDER, SILENCED, 12),
    ("attempt_fits_in_lease", NO_FAULT, IN_ORDER, SILENCED, 9),
    ("same_key", NO_FAULT, IN_ORDER, SECOND_PUSH, 7),
    ("lease_bounds_request", Faults(windows=1), IN_ORDER, OVER_CAP, 20),
    ("deadline_bounds_request", NO_FAULT, IN_ORDER, LATE, 5),
    ("only_yes_ends_well", NO_FAULT, IN_ORDER, OVER_CAP, 15),
    ("unclear_is_not_released", NO_FAULT, SIDE_BY_SIDE, OVER_CAP, 12),
    ("takeover_is_not_released", CRASH, SIDE_BY_SIDE, OVER_CAP, 15),
    ("released_is_not_granted", Faults(copies=1), IN_ORDER, SILENCED, 12),
    ("own_token_first", Faults(copies=1, lost_answers=1), SIDE_BY_SIDE, SILENCED, 16),
    ("dead_are_remembered", Faults(copies=1, crashes=1), IN_ORDER, SILENCED, 14),
    ("task_remembers", WIPE, IN_ORDER, OVER_CAP, 16),
    ("event_id_tells_apart", REBORN, IN_ORDER, MADE_UP, 14),
    ("event_id_tells_apart", REBORN, SIDE_BY_SIDE, OVER_CAP, 8),
    ("table", WIPE, IN_ORDER, OVER_CAP, 13),
    ("table_is_flushed_before_ack", WIPE_AND_CRASH, IN_ORDER, OVER_CAP, 15),
    ("redelivery_writes_table", WIPE_AND_CRASH, IN_ORDER, OVER_CAP, 17),
    ("others_claim_is_not_denied", Faults(crashes=1, lost_answers=1), IN_ORDER, SILENCED, 15),
    ("live_claim_is_not_erased", ERASURE, IN_ORDER, SILENCED, 10),
    ("erased_charge_stays", ERASURE, SIDE_BY_SIDE, OVER_CAP, 12),
    ("erased_releases_stay", Faults(erasures=1, copies=1), IN_ORDER, SILENCED, 16),
    ("every_call_finds_the_erased", Faults(erasures=1, pauses=1), IN_ORDER, SILENCED, 18),
    ("erased_row_stays", Faults(erasures=1, crashes=1, wipes=1), IN_ORDER, OVER_CAP, 20),
    ("tokens_before_tombstones", Faults(erasures=1, crashes=1, wipes=1), IN_ORDER, OVER_CAP, 20),
    ("order_goes_last", Faults(erasures=1, crashes=1), IN_ORDER, NOT_ERASED, 20),
]
# It takes half a minute to find.
LONG_SEARCHES = {"own_token_first"}
# No promise needs these. What they are good for is shown one by one below.
NOT_NEEDED = {"known_key_first", "confirmed_even_if_gone", "too_late_is_no_end"}


@pytest.mark.parametrize(
    ("rule", "faults", "side_by_side", "breaks", "steps"),
    [pytest.param(*row, marks=pytest.mark.long if row[0] in LONG_SEARCHES else ()) for row in NEEDED],
    ids=[row[0] for row in NEEDED],
)
@pytest.mark.timeout(300)
def test_without_the_rule_a_promise_breaks(
    rule: str,
    faults: Faults,
    side_by_side: bool,  # noqa: FBT001 - a row of the table
    breaks: str,
    steps: int,
) -> None:
    found = search(Model(without(rule), faults, side_by_side), tolerated=KNOWN_LIMITS)

    assert found.broken == breaks, found
    assert len(found.trace) <= steps, found


def test_without_an_end_of_leases_the_event_of_a_crashed_worker_waits_for_ever() -> None:
    found = search_to_the_ends(Model(without("leases_end"), CRASH, IN_ORDER))

    assert found.broken == STUCK
    assert len(found.trace) <= 4, found


def test_every_rule_is_looked_at() -> None:
    assert {field.name for field in fields(Rules)} == {row[0] for row in NEEDED} | NOT_NEEDED | {
        "leases_end"
    } | CONTROL_RULES | SLOT_RULES | BUDGET_RULES


@pytest.mark.parametrize("rule", sorted(NOT_NEEDED))
@pytest.mark.parametrize(
    ("faults", "side_by_side"),
    [
        (CRASH, SIDE_BY_SIDE),
        (WIPE, IN_ORDER),
        (WIPE_AND_CRASH, IN_ORDER),
        pytest.param(PAUSE, IN_ORDER, marks=pytest.mark.long),
    ],
    ids=["a crash", "a wipe", "a wipe and a crash", "a pause"],
)
def test_three_rules_could_be_spared(rule: str, faults: Faults, side_by_side: bool) -> None:  # noqa: FBT001 - a row
    found = search(Model(without(rule), faults, side_by_side), tolerated=KNOWN_LIMITS)

    assert not found.broken, found


TAKEN_OVER_AFTER_ACCEPTANCE = [
    "worker 0 takes event 0",
    "worker 0, event 0: reserves: granted",
    "worker 0, event 0: sends a request",
    "worker 0, event 0: is answered 201",
    "worker 0 CRASHES",
    "the lease on event 0 ends",
    "worker 0 takes event 0",
    "worker 0, event 0: reserves: taken over",
    "worker 0, event 0: sends a request",
]


def test_an_api_that_looks_at_the_key_first_says_what_became_of_a_push() -> None:
    """Else an accepted push ends as `push_uncertain` when its repetition is refused: safe, but less is known."""
    refused = [*TAKEN_OVER_AFTER_ACCEPTANCE, "worker 0, event 0: is answered 400"]

    end = play(Model(without("known_key_first"), CRASH), refused)

    assert [task.ending for task in end.tasks if task] == ["uncertain"]
    assert refused[-1] not in offered(Model(Rules(), CRASH), TAKEN_OVER_AFTER_ACCEPTANCE)


ANSWERED_412_IN_TIME = [
    "worker 0 takes event 0",
    "worker 0, event 0: reserves: granted",
    "worker 0, event 0: sends a request",
    "worker 0 is PAUSED",
    "the lease on event 0 ends",
]


def test_who_claims_again_after_a_412_may_still_push() -> None:
    """Else an event with time left ends as `push_uncertain` after a pause: safe, but nobody hears of the coupon."""
    told, end = "worker 0, event 0: is answered 412", "worker 0, event 0: is answered 412, and takes it for the end"
    again = [
        *ANSWERED_412_IN_TIME,
        told,
        "worker 0, event 0: releases its claim",
        "worker 0, event 0: reserves: taken over",
    ]

    assert "worker 0, event 0: sends a request" in offered(Model(Rules(), PAUSE), again)
    given_up = play(
        Model(without("too_late_is_no_end"), PAUSE),
        [*ANSWERED_412_IN_TIME, end, "worker 0, event 0: releases its claim"],
    )
    assert [task.ending for task in given_up.tasks if task] == ["uncertain"]


WIPED_BEFORE_CONFIRM = [
    "worker 0 takes event 0",
    "worker 0, event 0: reserves: granted",
    "worker 0, event 0: sends a request",
    "worker 0, event 0: is answered 201",
    "Redis is WIPED",
    "worker 0, event 0: writes the Table",
    "worker 0, event 0: confirms: pushed",
    "worker 0 CRASHES",
    "worker 0 takes event 0",
]


def test_a_send_confirmed_without_a_claim_narrows_the_limit() -> None:
    """A crash before the Table is durable is then found out by the redelivered event."""
    told, claimed = "worker 0, event 0: hears that it was sent", "worker 0, event 0: reserves: granted"

    assert told in offered(Model(Rules(), WIPE_AND_CRASH), WIPED_BEFORE_CONFIRM)
    assert claimed in offered(Model(without("confirmed_even_if_gone"), WIPE_AND_CRASH), WIPED_BEFORE_CONFIRM)


def without(rule: str) -> Rules:
    return Rules(**{rule: False})


def play(model: Model, steps: list[str]) -> State:
    """The state after these steps."""
    state = model.start()
    for step in steps:
        state = dict(model.steps(state))[step]
    return state


def offered(model: Model, steps: list[str]) -> set[str]:
    """What can happen next."""
    return {label for label, _ in model.steps(play(model, steps))}
