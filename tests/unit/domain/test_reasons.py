"""What the rows of the reasons say, and that none is without one."""

import runpy
from pathlib import Path

import pytest

from saving_alerts.domain import reasons
from saving_alerts.domain.reasons import Reason, Row


def test_every_reason_has_a_row_with_its_name_and_words() -> None:
    assert all(isinstance(reason.row, Row) and reason.row.text for reason in Reason)
    assert [reason.row.name for reason in Reason] == [str(reason) for reason in Reason]


def test_a_reason_without_a_row_fails_at_import(tmp_path: Path) -> None:
    copy = tmp_path / "reasons.py"
    source = Path(reasons.__file__).read_text(encoding="utf-8")
    copy.write_text(source.replace("    _value_: str\n", '    BORED = "bored"\n    _value_: str\n'), encoding="utf-8")

    with pytest.raises(AttributeError):
        runpy.run_path(str(copy))


def test_of_several_decisions_a_push_counts_most_and_a_dead_letter_least() -> None:
    strengths = {reason: reason.row.strength for reason in Reason if reason.row.strength != 1}

    assert strengths == {
        Reason.PUSHED: 4,
        Reason.WOULD_PUSH: 4,
        Reason.PUSH_UNCERTAIN: 3,
        Reason.CONTROL: 2,
        Reason.DEAD_LETTER: 0,
    }


def test_what_was_or_may_have_been_pushed_or_was_kept_back_charges_a_cap() -> None:
    charging = {reason for reason in Reason if reason.row.charges_cap}

    assert charging == {Reason.PUSHED, Reason.WOULD_PUSH, Reason.PUSH_UNCERTAIN, Reason.CONTROL}


def test_what_the_rules_refuse_can_be_simulated() -> None:
    refused = {reason for reason in Reason if reason.row.refused_by_rules}

    assert refused == {Reason.RULE_REFUSED, Reason.QUIET_HOURS, Reason.HELD_OUT}
    assert all(reason.row.simulated for reason in refused)
