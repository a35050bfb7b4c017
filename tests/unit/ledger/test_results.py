"""The numbers are those of a count by hand, in whatever order and however often decisions and results are written."""

from collections import Counter
from datetime import timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.decisions import Decision
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.results.assignments import assigned_by
from saving_alerts.domain.results.join import Join
from saving_alerts.domain.results.responses import Kind
from saving_alerts.domain.results.result import Result
from saving_alerts.domain.results.tally import By, Compared, Counts, Row, Tally
from saving_alerts.domain.results.telling import against_control
from saving_alerts.domain.rules.control import is_control
from saving_alerts.domain.uplift.intervals import Arm
from saving_alerts.kafka.codecs import encode
from saving_alerts.ledger.results import PartitionTally, Question
from saving_alerts.simulation.disk_tables import disk_tables
from tests.support.fakes.clock import START
from tests.support.sample_results import MINUTE, carried, dispatched, response, written

WINDOW = timedelta(hours=24)
EVERYTHING = Question(START)


def tallied(decisions: list[Decision], results: list[Result], question: Question = EVERYTHING) -> Tally:
    tally = Tally()
    with disk_tables() as tables:
        partition = PartitionTally(question, tables)
        partition.take_decisions([written(encode(each)) for each in decisions])
        partition.take_results([written(encode(each)) for each in results])
        partition.add_to(tally)
    return tally


def results_of(decisions: list[Decision], *done: tuple[int, Kind]) -> list[Result]:
    """What shoppers did, by the number of the event whose push they name."""
    join = Join(WINDOW, 1_000)
    for offset, each in enumerate(decisions):
        alert = assigned_by(each)
        assert alert is not None
        join.take_alert(alert, offset)
    found: list[Result] = []
    for offset, (number, kind) in enumerate(done):
        named = next(each for each in decisions if each.position.offset == number)
        what = response(100 + offset, kind, user_id=named.user_id, decision_id=carried(number), at=START + 30 * MINUTE)
        found += join.take_response(what, offset)
    return found


def test_pushes_are_counted_by_rule_version_text_and_store() -> None:
    decisions = [
        dispatched(0, user_id="a", variant="plain", store_id="s-1"),
        dispatched(1, user_id="b", variant="plain", store_id="s-2"),
        dispatched(2, Reason.PUSH_UNCERTAIN, user_id="c", variant="friendly", store_id="s-1"),
        dispatched(3, Reason.PUSH_REFUSED, user_id="d", attempts=["refused 400"]),
        dispatched(4, user_id="e", rule_id="tea"),
    ]
    results = results_of(
        decisions, (0, Kind.OPENED), (0, Kind.REDEEMED), (2, Kind.OPENED), (3, Kind.REDEEMED), (0, Kind.OPENED)
    )

    found = tallied(decisions, [*results, *results])

    assert found.rows == {
        Row("coffee", By.RULE): Counts(3, 2, 1),
        Row("coffee", By.VERSION, "v1"): Counts(3, 2, 1),
        Row("coffee", By.TEXT, "plain"): Counts(2, 1, 1),
        Row("coffee", By.TEXT, "friendly"): Counts(1, 1, 0),
        Row("coffee", By.STORE, "s-1"): Counts(2, 2, 1),
        Row("coffee", By.STORE, "s-2"): Counts(1, 0, 0),
        Row("tea", By.RULE): Counts(1, 0, 0),
        Row("tea", By.VERSION, "v1"): Counts(1, 0, 0),
    }


def test_one_rule_can_be_asked_for_and_what_was_before_is_left_out() -> None:
    decisions = [
        dispatched(0),
        dispatched(1, user_id="b", rule_id="tea"),
        dispatched(2, user_id="c", rule_id="tea", at=START - MINUTE),
    ]

    found = tallied(decisions, [], Question(START, "tea"))

    assert found.rows == {Row("tea", By.RULE): Counts(1), Row("tea", By.VERSION, "v1"): Counts(1)}


numbers = st.integers(0, 7)
DONE = st.lists(st.tuples(numbers, st.sampled_from(Kind)), max_size=20)


@given(st.lists(numbers, min_size=1, max_size=20), DONE, st.randoms())
def test_however_often_and_in_whatever_order_each_counts_once(
    written: list[int], done: list[tuple[int, Kind]], order: Random
) -> None:
    decisions = [dispatched(number, user_id=f"u-{number}") for number in written]
    results = results_of(decisions, *(each for each in done if each[0] in written))
    order.shuffle(results)

    found = tallied(decisions, results)

    by_hand = Counter(kind for number, kind in set(done) if number in written)
    expected = Counts(len(set(written)), by_hand[Kind.OPENED], by_hand[Kind.REDEEMED])
    assert found.rows[Row("coffee", By.RULE)] == expected
    assert found.arms[Compared("coffee", None)].of(next(iter(found.arms[Compared("coffee", None)].users))) == Arm(
        len(set(written)), by_hand[Kind.REDEEMED]
    )


def test_a_shoppers_event_that_was_joined_twice_counts_for_the_later_alert() -> None:
    """Its decision came late: the first result was for the alert before it."""
    decisions = [dispatched(0), dispatched(1, at=START + MINUTE)]
    before, after = (_alone(each) for each in decisions)

    for results in ([before, after], [after, before]):
        found = tallied(decisions, results)
        assert found.rows[Row("coffee", By.RULE)] == Counts(2, 0, 1)


def _alone(decision: Decision) -> Result:
    join = Join(WINDOW, 10)
    alert = assigned_by(decision)
    assert alert is not None
    join.take_alert(alert, 0)
    (found,) = join.take_response(response(9, at=START + 5 * MINUTE), 0)
    return found


def test_users_count_once_in_the_arm_of_their_first_alert() -> None:
    decisions = [
        dispatched(0, user_id="a", control_percent=20),
        dispatched(1, user_id="a", control_percent=20, at=START + MINUTE),
        dispatched(2, user_id="b", control_percent=20),
        dispatched(3, Reason.PUSH_REFUSED, user_id="c", control_percent=20, attempts=["refused 400"]),
    ]
    results = results_of(decisions, (0, Kind.REDEEMED), (1, Kind.REDEEMED), (3, Kind.REDEEMED))

    comparison = tallied(decisions, results).comparison(Compared("coffee", 20), 14, 0.02)

    assert comparison is not None
    assert (comparison.treated, comparison.control) == (Arm(3, 2), Arm(0, 0))


def made_world(
    rule_id: str, uplift: float, seed: int, *, users: int = 12_000, lost_control: float = 0
) -> list[tuple[Decision, bool]]:
    """Users of one rule, a fifth of whom is kept back; a tenth redeems without any push. Each with whether they redeem.

    `lost_control`: the share of control users of whom no decision is on record.
    """
    drawn, world = Random(seed), list[tuple[Decision, bool]]()
    for number in range(users):
        user = f"u-{rule_id}-{number}"
        is_kept_back = is_control(20, rule_id, user)
        if is_kept_back and drawn.random() < lost_control:
            continue
        reason = Reason.CONTROL if is_kept_back else Reason.PUSHED
        redeems = drawn.random() < 0.10 + (0 if is_kept_back else uplift)
        world.append(
            (dispatched(seed * 100_000 + number, reason, user_id=user, rule_id=rule_id, control_percent=20), redeems)
        )
    return world


def compared(world: list[tuple[Decision, bool]]) -> list[str]:
    """What the command says of it, all of it by the join and the tally."""
    join, results = Join(WINDOW, 100_000), list[Result]()
    for offset, (decision, _) in enumerate(world):
        alert = assigned_by(decision)
        assert alert is not None
        join.take_alert(alert, offset)
    for offset, (decision, redeems) in enumerate(world):
        if redeems:
            results += join.take_response(response(10**7 + offset, user_id=decision.user_id), offset)
    return [told for _, told in against_control(tallied([decision for decision, _ in world], results), 14, 0.02)]


def test_in_a_made_world_rule_a_helps_by_5_points_and_rule_b_not_at_all() -> None:
    """Must show."""
    world = [*made_world("rule-a", 0.05, 1), *made_world("rule-b", 0.0, 4, users=30_000)]

    told = compared(world)

    assert told[0].startswith("rule rule-a, 20 % control: of the users redeemed ")
    assert told[1].startswith("  helps: +")
    assert told[2].startswith("rule rule-b, 20 % control: of the users redeemed ")
    assert told[3].startswith("  no effect of 2 points or more, either way: ")


def test_a_broken_split_is_named_in_place_of_a_difference() -> None:
    _, told = compared(made_world("rule-a", 0.05, 1, lost_control=0.2))

    assert told.startswith("  the split is broken: ")
    assert "where 20.00% were to be" in told
    assert "points" not in told
