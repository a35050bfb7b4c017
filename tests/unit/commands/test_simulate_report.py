"""The figures of `simulate`: a line for everything it can find."""

from collections import Counter

from saving_alerts.commands.simulate.report import figures
from saving_alerts.domain.reasons import Reason
from saving_alerts.simulation.partition_replay import Question, Simulation
from saving_alerts.simulation.totals import Totals
from tests.support.fakes.clock import START
from tests.support.sample_events import snapshot

NOT_PUSHED = [
    *("not_a_trigger", "expired", "budget_spent", "rule_refused", "quiet_hours", "held_out", "duplicate"),
    *("outbid", "left", "control", "capped"),
]


def test_the_pushes_of_each_text_in_turn_have_a_line() -> None:
    data = snapshot()
    question = Question(data.rules, data.rules, data.merchants, START)
    after = Totals(variants=Counter({("coffee", "plain"): 3, ("coffee", "friendly"): 1}))

    told = [each for each in figures(question, Simulation(Totals(), after, [], START)) if ", text " in each.name]

    assert told == [("rule coffee, text friendly: pushes", 0, 1), ("rule coffee, text plain: pushes", 0, 3)]


def test_what_a_rule_kept_back_has_a_line() -> None:
    data = snapshot()
    question = Question(data.rules, data.rules, data.merchants, START)
    found = Simulation(Totals(), Totals(controls=Counter({"coffee": 3})), [], START)

    told = [each for each in figures(question, found) if "kept back" in each.name]

    assert told == [("rule coffee: kept back as control", 0, 3)]


def test_why_not_is_told_in_the_order_of_the_reasons_and_capped_last() -> None:
    data = snapshot()
    question = Question(data.rules, data.rules, data.merchants, START)
    found = Simulation(Totals(Counter(Reason)), Totals(), [], START)

    told = [figure for figure in figures(question, found) if figure.name.startswith("not pushed: ")]

    assert told == [(f"not pushed: {reason}", 1, 0) for reason in NOT_PUSHED]
