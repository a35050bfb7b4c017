"""What delivery may cost is held against the same steps by hand in the same run."""

from benchmarks.delivery import BUDGETS, BY_HAND, OURS, above

BY_HAND_TIMES = dict.fromkeys(BUDGETS, 10.0)


def test_what_is_within_its_budget_is_not_named() -> None:
    ours = {case: 10.0 * times for case, times in BUDGETS.items()}

    assert above({OURS: ours, BY_HAND: BY_HAND_TIMES}) == []


def test_what_is_above_it_is_named_with_both() -> None:
    ours = {case: 10.0 * times for case, times in BUDGETS.items()} | {"validate": 20.0}

    (found,) = above({OURS: ours, BY_HAND: BY_HAND_TIMES})

    assert found == "validate takes 2.00 times as long with delivery as by hand; its budget is 1.6 times"
