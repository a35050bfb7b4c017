"""What the steps without I/O may cost is held against `json.loads` in the same run."""

from benchmarks.core import BUDGETS, REFERENCE, above


def test_a_step_within_its_budget_is_not_named() -> None:
    assert above({REFERENCE: 10.0} | {name: 10.0 * times for name, times in BUDGETS.items()}) == []


def test_a_step_above_it_is_named_with_both() -> None:
    within = {name: 10.0 * times for name, times in BUDGETS.items()}

    (found,) = above({REFERENCE: 10.0} | within | {"validate": 20.0})

    assert found == "validate takes 2.00 times as long as json.loads; its budget is 0.75 times"
