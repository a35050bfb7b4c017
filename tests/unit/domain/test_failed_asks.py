"""What failed at the Coupon API fits into a record, whatever the API writes into its errors."""

from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.failed_asks import MAX_ANSWERS, MAX_CHARACTERS, FailedAsks, details_of, one_more


@given(st.lists(st.text(max_size=300)))
def test_every_failure_is_counted_and_few_are_named(answers: list[str]) -> None:
    failed: FailedAsks = {}
    for answer in answers:
        one_more(failed, answer)

    assert sum(failed.values()) == len(answers)
    assert len(failed) <= MAX_ANSWERS + 1
    assert all(len(each) <= MAX_CHARACTERS for each in failed)


def test_nothing_is_said_where_none_failed() -> None:
    assert details_of({}) == {}
