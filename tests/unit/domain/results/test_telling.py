"""What a tally says in words, rule by rule."""

from datetime import UTC, datetime

from saving_alerts.domain.results.assignments import Arm
from saving_alerts.domain.results.tally import By, Compared, Counts, Row, Tally, UserOutcome
from saving_alerts.domain.results.telling import against_control, lines_by_rule

AT = datetime(2026, 11, 23, tzinfo=UTC)


def tally() -> Tally:
    found = Tally(rows={Row("coffee", By.RULE): Counts(4, 2, 1), Row("coffee", By.TEXT, "plain"): Counts(2, 1, 0)})
    for arm, users in ((Arm.TREATED, 90), (Arm.CONTROL, 10)):
        for number in range(users):
            found.add_user(Compared("coffee", 10), UserOutcome(arm, AT, redeemed=number % 10 == 0))
    found.add_user(Compared("tea", None), UserOutcome(Arm.TREATED, AT))
    return found


def test_each_sentence_against_control_names_its_rule() -> None:
    told = list(against_control(tally(), 14))

    assert told[0] == (
        "coffee",
        "rule coffee, 10 % control: of the users redeemed 9 of 90 (10.0%), of control 1 of 10 (10.0%)",
    )
    assert told[-1] == ("tea", "rule tea: nobody was kept back as control, so nobody knows whether it helps")


def test_a_rule_has_its_pushes_those_of_its_texts_and_its_sentences() -> None:
    lines = lines_by_rule(tally(), 14)

    assert lines["coffee"][:2] == [
        "4 pushes, opened 2 (50.0%), redeemed 1 (25.0%)",
        "text plain: 2 pushes, opened 1 (50.0%), redeemed 0 (0.0%)",
    ]
    assert len(lines["coffee"]) == 4
    assert len(lines["tea"]) == 1
