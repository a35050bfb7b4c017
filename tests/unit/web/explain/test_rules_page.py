"""The rules in force: what they ask for, what shoppers read, since when, and what they did."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from string import Template

from saving_alerts.domain.budgets import Budget
from saving_alerts.domain.rules.control import Control
from saving_alerts.domain.rules.messages import Message, Text
from saving_alerts.ledger.rule_counts import RuleCount, RuleCounts
from saving_alerts.reference_data.document_store import Publication
from saving_alerts.web.explain.rules_page import InForce, rules_html
from tests.support.fakes.clock import START
from tests.support.sample_canary import HOURS, an_order
from tests.support.sample_events import ALWAYS_QUIET, snapshot, with_texts_in_turn

RULES = snapshot(ALWAYS_QUIET).rules
PUBLISHED = Publication(version="rules-1", by="ines", note="<b>winter</b>", at=START, replaced=None)
IN_FORCE = InForce(RULES, (PUBLISHED,), {"at-the-store": START - timedelta(days=2)})


def test_a_rule_is_shown_with_its_text_as_a_shopper_reads_it() -> None:
    shown = rules_html(IN_FORCE, None, START)

    assert "<strong>20% at Bakery Nord</strong><br>All breads" in shown
    assert "live since 2026-11-21 10:15 UTC" in shown
    assert "<code>quiet_hours</code>: 00:00 to 23:59, the file&#39;s" in shown
    assert '<a href="?counts=1">' in shown


def test_texts_are_in_the_language_of_their_locale() -> None:
    texts = {"de": Text(Template("$discount bei $merchant"), Template("$coupon"))}
    (rule,) = RULES.rules
    rules = replace(RULES, rules=(replace(rule, message=Message(texts, "de")),))

    shown = rules_html(replace(IN_FORCE, rules=rules), None, START)

    assert '<blockquote lang="de"><p><strong>20\xa0% bei Bäckerei Nord</strong><br>Alle Brote</p>' in shown


def test_what_a_rule_did_stands_beside_it() -> None:
    did = RuleCount(Counter({"pushed": 1234, "capped": 5}), Counter({"min_discount_percent": 70}))

    shown = rules_html(IN_FORCE, RuleCounts({"at-the-store": did}, 2_000, START), START)

    assert "<li>5 capped</li><li>1,234 pushed</li><li>70 refused by min_discount_percent</li>" in shown
    assert "Counted from 2,000 decisions, the newest ones, since 2026-11-23 10:15 UTC" in shown


def test_what_came_of_the_pushes_stands_beside_the_rule_where_results_are_recorded() -> None:
    plain, offered = (rules_html(IN_FORCE, None, START, has_results=has) for has in (False, True))
    shown = rules_html(IN_FORCE, None, START, {"at-the-store": ["7 pushes", "it <helps>"]}, has_results=True)
    nothing = rules_html(IN_FORCE, None, START, {}, has_results=True)

    assert ("?results=1" in plain, "?results=1" in offered, "?results=1" in shown) == (False, True, False)
    assert "<ul><li>7 pushes</li><li>it &lt;helps&gt;</li></ul>" in shown
    assert "no push, and nobody kept back as control" in nothing


def test_how_many_are_kept_back_stands_with_the_rule() -> None:
    (rule,) = RULES.rules
    rules = replace(RULES, rules=(replace(rule, control=Control(7.5, "salt")),))

    assert "<code>control_percent</code>: 7.5" in rules_html(replace(IN_FORCE, rules=rules), None, START)


def test_budgets_stand_with_the_caps() -> None:
    few = {"merchant:m-1": Budget(1_500), "rule:at-the-store": Budget(9, "Europe/Berlin", "Mo-Sa 09:00-20:00")}
    many = {f"merchant:m-{number}": Budget(5) for number in range(23)}
    pages = [rules_html(replace(IN_FORCE, rules=replace(RULES, budgets=each)), None, START) for each in (few, many, {})]

    assert (
        "Budgets: merchant:m-1 1,500 a day; rule:at-the-store 9 a day, Europe/Berlin, Mo-Sa 09:00-20:00.<" in pages[0]
    )
    assert "; and 3 more.<" in pages[1]
    assert "Budgets" not in pages[2]


def test_where_nobody_knows_since_when_a_rule_is_live_nothing_is_claimed() -> None:
    shown = rules_html(replace(IN_FORCE, live_since={}, history=()), RuleCounts({}), START)

    assert "live since the history does not say" in shown
    assert "chosen for no event" not in shown


def test_nothing_that_others_wrote_is_markup() -> None:
    shown = rules_html(IN_FORCE, None, START)

    assert "&lt;b&gt;winter&lt;/b&gt;" in shown
    assert "<b>" not in shown


def test_texts_in_turn_are_all_shown_with_who_reads_them() -> None:
    rules = with_texts_in_turn(snapshot(ALWAYS_QUIET)).rules

    shown = rules_html(replace(IN_FORCE, rules=rules), None, START)

    assert "<strong>20% at Bakery Nord</strong>" in shown
    assert "<strong>Hello! 20%</strong>" in shown
    assert '<p class="quiet" lang="en">en, friendly for 50% of the users</p>' in shown


def test_what_is_tried_beside_them_stands_at_the_top() -> None:
    order = an_order()
    tried, over, none = (
        rules_html(replace(IN_FORCE, order=each), None, now)
        for each, now in ((order, START), (order, START + HOURS), (None, START))
    )

    assert f"Canary {order.id}: version {order.version} is tried on 5 % of the users, until 2026-11-23 12:15" in tried
    assert "by ines: coffee on weekends" in tried
    assert f"everybody has version {order.version} instead, since 2026-11-23 12:15 UTC" in over
    assert "Canary" not in none
