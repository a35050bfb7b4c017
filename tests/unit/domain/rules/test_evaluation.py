"""A rule says yes when all of its clauses do; who says no is named; the early look skips nothing that would win."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from fnmatch import fnmatchcase
from functools import partial
from itertools import permutations
from string import Template
from typing import TypedDict, Unpack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from saving_alerts.domain.coupons import Channel, Coupon, Discount, DiscountKind
from saving_alerts.domain.events import App, EventType, PushConsent, SavingEvent
from saving_alerts.domain.merchants import Merchant
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules import evaluation
from saving_alerts.domain.rules.clauses import Clause, Weekday
from saving_alerts.domain.rules.deep_links import link_problem
from saving_alerts.domain.rules.evaluation import Match, NoMatch, Refusal, every_refusal
from saving_alerts.domain.rules.evaluation_context import EvaluationContext
from saving_alerts.domain.rules.expressions import When, compile_when
from saving_alerts.domain.rules.messages import Message, Text
from saving_alerts.domain.rules.quiet_hours import QuietHours
from saving_alerts.domain.rules.ranking import Ranking
from saving_alerts.domain.rules.rule import Rule
from saving_alerts.domain.rules.rule_set import RuleSet

NOW = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
ALWAYS_QUIET = QuietHours(time(0), time(23, 59))
MESSAGE = Message({"en": Text(Template("t"), Template("b"))}, "en")
MERCHANT = Merchant(merchant_id="m-1", names={"en": "Shop"}, deep_link_hosts=("Shop.example",))
LINK = "https://shop.example/c"


class Clauses(TypedDict, total=False):
    """What a rule may have beside its types; `rule` without them says yes to everything."""

    allow: tuple[str, ...]
    deny: tuple[str, ...]
    min_discount_percent: float | None
    quiet_hours: QuietHours | None
    max_distance_m: float | None
    weekdays: frozenset[Weekday] | None
    min_app_version: Version | None
    rollout_percent: float
    rank_coupons_by: Ranking
    when: When | None
    active_from: date | None
    active_until: date | None
    min_dwell_seconds: float | None
    open_for_minutes: float | None
    unknown_hours_pass: bool


def rule(
    rule_id: str = "r-1",
    event_types: frozenset[EventType] = frozenset({EventType.GEOFENCE_ENTERED}),
    **clauses: Unpack[Clauses],
) -> Rule:
    return replace(Rule(rule_id, event_types, ("*",), (), None, None, MESSAGE), **clauses)


def expression(text: str) -> When:
    return compile_when(text, frozenset({EventType.GEOFENCE_ENTERED}))


def event(
    kind: EventType = EventType.GEOFENCE_ENTERED,
    merchant_id: str | None = "m-1",
    timezone: str = "UTC",
    user_id: str = "u-1",
    app: str = "9.4.1",
    dwell_seconds: float | None = None,
) -> SavingEvent:
    return SavingEvent(
        event_id="e-1",
        schema=1,
        type=kind,
        user_id=user_id,
        merchant_id=merchant_id,
        store_id="s-1",
        occurred_at=NOW,
        received_at=NOW,
        timezone=timezone,
        locale="en",
        app=App(app, "ios"),
        push=PushConsent(consent=True),
        dwell_seconds=dwell_seconds,
    )


def coupon(
    coupon_id: str = "c-1",
    amount: float = 20,
    kind: DiscountKind = DiscountKind.PERCENT,
    *,
    days: int = 1,
    deep_link: str = LINK,
) -> Coupon:
    return Coupon(
        coupon_id=coupon_id,
        merchant_id="m-1",
        title={"en": "Coupon"},
        discount=Discount(kind, amount, "EUR"),
        valid_from=NOW,
        valid_until=NOW + timedelta(days=days),
        channel=Channel.BOTH,
        deep_link=deep_link,
    )


def rule_set(rules: Iterable[Rule]) -> RuleSet:
    return RuleSet("v", (), {}, tuple(rules))


def evaluate(
    rules: Iterable[Rule],
    event: SavingEvent,
    merchant: Merchant | None,
    coupons: tuple[Coupon, ...],
    now: datetime,
    distance_m: float | None = None,
) -> Match | NoMatch:
    """With every rule that does not listen named too."""
    data = rule_set(rules)
    result = evaluation.evaluate(data, EvaluationContext(event, merchant, now, distance_m), coupons)
    if isinstance(result, Match):
        return result
    return replace(result, refusals=tuple(every_refusal(data, event, result.refusals)))


def refused_without_coupons(
    rules: Iterable[Rule], event: SavingEvent, merchant: Merchant | None, now: datetime, distance_m: float | None = None
) -> NoMatch | None:
    data = rule_set(rules)
    result = evaluation.refused_without_coupons(data, EvaluationContext(event, merchant, now, distance_m))
    if result is None:
        return None
    return replace(result, refusals=tuple(every_refusal(data, event, result.refusals)))


def euros(amount: float, coupon_id: str = "c-1") -> Coupon:
    return coupon(coupon_id, amount, DiscountKind.AMOUNT)


def test_a_rule_whose_clauses_all_say_yes_wins_with_its_coupon() -> None:
    assert evaluate([rule()], event(), MERCHANT, (coupon(),), NOW) == Match(rule(), coupon(), ())


def test_the_first_rule_that_says_yes_wins_and_the_refusals_before_it_are_kept() -> None:
    refusing, winning, later = rule("r-1", min_discount_percent=90), rule("r-2"), rule("r-3")

    chosen = evaluate([refusing, winning, later], event(), MERCHANT, (coupon(),), NOW)

    assert chosen == Match(winning, coupon(), (Refusal("r-1", Clause.MIN_DISCOUNT_PERCENT),))


@pytest.mark.parametrize(
    ("refusing", "clause"),
    [
        pytest.param(
            partial(rule, event_types=frozenset({EventType.OFFER_VIEWED})), "event_types", id="another event type"
        ),
        pytest.param(partial(rule, allow=("m-2", "x-*")), "merchants", id="a merchant that is not allowed"),
        pytest.param(partial(rule, deny=("m-*",)), "merchants", id="a merchant that is denied"),
        pytest.param(partial(rule, allow=("M-1",)), "merchants", id="other letters"),
        pytest.param(partial(rule, min_discount_percent=20.1), "min_discount_percent", id="too small a discount"),
        pytest.param(partial(rule, max_distance_m=99), "max_distance_m", id="too far away"),
        pytest.param(partial(rule, weekdays=frozenset({Weekday.SUNDAY})), "weekdays", id="another day"),
        pytest.param(partial(rule, min_app_version=Version("9.10")), "min_app_version", id="too old an app"),
        pytest.param(partial(rule, when=expression("event.app.os == 'android'")), "when", id="the expression says no"),
        pytest.param(partial(rule, rollout_percent=0.001), "rollout_percent", id="not rolled out to this user"),
        pytest.param(partial(rule, quiet_hours=ALWAYS_QUIET), "quiet_hours", id="quiet hours"),
    ],
)
def test_the_first_clause_that_says_no_is_named(refusing: Callable[[], Rule], clause: str) -> None:
    result = evaluate([refusing()], event(), MERCHANT, (coupon(),), NOW, 100)

    assert isinstance(result, NoMatch)
    assert result.refusals == (Refusal("r-1", Clause(clause)),)


def test_a_merchant_that_nobody_knows_is_refused() -> None:
    result = evaluate([rule()], event(), None, (coupon(),), NOW)

    assert result == NoMatch(Reason.RULE_REFUSED, (Refusal("r-1", Clause.MERCHANT_KNOWN),))


def test_an_event_without_a_merchant_is_refused() -> None:
    result = evaluate([rule()], event(merchant_id=None), MERCHANT, (coupon(),), NOW)

    assert result == NoMatch(Reason.RULE_REFUSED, (Refusal("r-1", Clause.MERCHANTS),))


def test_without_rules_nothing_is_chosen() -> None:
    assert evaluate([], event(), MERCHANT, (coupon(),), NOW) == NoMatch(Reason.RULE_REFUSED, ())


@pytest.mark.parametrize("allow", [("m-1",), ("m-*",), ("m-?",), ("m-[0-9]",), ("x", "*")], ids=" ".join)
def test_merchants_are_listed_by_globs(allow: tuple[str, ...]) -> None:
    assert isinstance(evaluate([rule(allow=allow)], event(), MERCHANT, (coupon(),), NOW), Match)


def test_a_discount_of_exactly_the_minimum_is_enough() -> None:
    assert isinstance(evaluate([rule(min_discount_percent=20)], event(), MERCHANT, (coupon(),), NOW), Match)


@pytest.mark.parametrize(("minimum", "clause"), [(0, "min_discount_percent"), (None, None)], ids=["asked", "not asked"])
def test_a_fixed_amount_passes_only_where_no_percentage_is_asked_for(minimum: float | None, clause: str | None) -> None:
    result = evaluate([rule(min_discount_percent=minimum)], event(), MERCHANT, (euros(50),), NOW)

    assert [refusal.clause for refusal in result.refusals] == ([clause] if clause else [])


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        pytest.param(coupon("a", 30), coupon("b", 20), id="more percent"),
        pytest.param(coupon("a", 1), euros(100, "b"), id="percent before an amount"),
        pytest.param(euros(5, "a"), euros(4, "b"), id="a higher amount"),
        pytest.param(coupon("a", days=2), coupon("b", days=1), id="lasts longer"),
        pytest.param(coupon("b"), coupon("a"), id="the id settles the rest"),
    ],
)
def test_the_best_coupon_is_chosen_whatever_the_order(better: Coupon, worse: Coupon) -> None:
    chosen = [evaluate([rule()], event(), MERCHANT, coupons, NOW) for coupons in ((better, worse), (worse, better))]

    assert chosen == [Match(rule(), better, ())] * 2


def test_a_better_coupon_with_an_unsafe_link_is_passed_over() -> None:
    unsafe = coupon("c-2", 90, deep_link="https://evil.example/")

    assert evaluate([rule()], event(), MERCHANT, (unsafe, coupon()), NOW) == Match(rule(), coupon(), ())


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/",
        "https://shop.example.evil.example/",
        "https://shop.example@evil.example/",
        "https://evil.example\\@shop.example/",
        "https://evil.example/https://shop.example/",
        "https://evil.example?shop.example",
        "https://evil.example#@shop.example",
        "javascript:alert(1)",
        "shop.example",
        "https://[shop.example/",
        "/c",
    ],
)
def test_a_push_never_leads_to_a_host_that_the_merchant_does_not_own(link: str) -> None:
    result = evaluate([rule()], event(), MERCHANT, (coupon(deep_link=link),), NOW)

    assert result == NoMatch(Reason.RULE_REFUSED, (Refusal("r-1", Clause.DEEP_LINK_HOSTS),))


@pytest.mark.parametrize("link", [LINK, "https://SHOP.example:443/c", "https://shop.example"])
def test_a_push_leads_to_a_host_that_the_merchant_owns(link: str) -> None:
    assert isinstance(evaluate([rule()], event(), MERCHANT, (coupon(deep_link=link),), NOW), Match)


def test_a_merchant_without_hosts_may_lead_to_any() -> None:
    anywhere = Merchant(merchant_id="m-1", names={})

    assert isinstance(evaluate([rule()], event(), anywhere, (coupon(deep_link="https://any.example"),), NOW), Match)
    assert isinstance(evaluate([rule()], event(), anywhere, (coupon(deep_link="app:x"),), NOW), NoMatch)


MONDAY = frozenset({Weekday.MONDAY})


@pytest.mark.parametrize(
    "accepting",
    [
        pytest.param(partial(rule, max_distance_m=100), id="exactly as far"),
        pytest.param(partial(rule, weekdays=MONDAY), id="this day"),
        pytest.param(partial(rule, min_app_version=Version("9.4.1")), id="exactly this version"),
        pytest.param(partial(rule, min_app_version=Version("9.4.1rc1")), id="a version before it"),
        pytest.param(partial(rule, when=expression("coupon.discount.amount > 19.9")), id="the expression says yes"),
        pytest.param(partial(rule, rollout_percent=100), id="rolled out to all"),
    ],
)
def test_a_clause_that_holds_says_yes(accepting: Callable[[], Rule]) -> None:
    assert isinstance(evaluate([accepting()], event(), MERCHANT, (coupon(),), NOW, 100), Match)


def test_a_phone_that_does_not_say_where_it_is_was_not_near() -> None:
    result = evaluate([rule(max_distance_m=100_000)], event(), MERCHANT, (coupon(),), NOW, None)

    assert result.refusals == (Refusal("r-1", Clause.MAX_DISTANCE_M),)


def test_an_app_whose_version_nobody_can_read_is_not_new_enough() -> None:
    result = evaluate([rule(min_app_version=Version("0"))], event(app="newest"), MERCHANT, (coupon(),), NOW)

    assert result.refusals == (Refusal("r-1", Clause.MIN_APP_VERSION),)


@pytest.mark.parametrize(
    ("timezone", "is_chosen"), [("Asia/Tokyo", False), ("UTC", True), ("Pacific/Honolulu", True), ("Mars/Base", False)]
)
def test_the_weekday_is_the_one_of_the_user(timezone: str, *, is_chosen: bool) -> None:
    late_on_monday = datetime(2026, 11, 23, 23, tzinfo=UTC)

    result = evaluate([rule(weekdays=MONDAY)], event(timezone=timezone), MERCHANT, (coupon(),), late_on_monday)

    assert isinstance(result, Match) is is_chosen


def has_rule(user: int, percent: float, rule_id: str = "r-1") -> bool:
    result = evaluate([rule(rule_id, rollout_percent=percent)], event(user_id=f"u-{user}"), MERCHANT, (coupon(),), NOW)
    return isinstance(result, Match)


def test_a_rollout_reaches_its_share_of_the_users() -> None:
    assert sum(has_rule(user, 20) for user in range(5_000)) == pytest.approx(1_000, rel=0.1)


def test_whoever_has_a_rule_keeps_it_while_the_percentage_grows() -> None:
    lost = [user for user in range(500) if has_rule(user, 20) and not has_rule(user, 20.5)]

    assert lost == []


def test_it_is_not_always_the_same_users_who_go_first() -> None:
    both = sum(has_rule(user, 50) and has_rule(user, 50, "r-2") for user in range(2_000))

    assert both == pytest.approx(500, rel=0.15)


def test_the_place_of_a_user_in_a_rollout_is_the_same_on_every_machine_and_release() -> None:
    assert [user for user in range(60) if has_rule(user, 10)] == [10, 16, 20, 57]
    assert sum(has_rule(user, 20) for user in range(5_000)) == 1_064


def test_an_expression_that_fails_says_no_and_why() -> None:
    result = evaluate([rule(when=failing_when())], event(), MERCHANT, (coupon(),), NOW)

    assert [(refusal.clause, refusal.error is not None) for refusal in result.refusals] == [(Clause.WHEN, True)]


def failing_when() -> When:
    """Good for every sample, and for this event a division by zero."""
    return expression("event.timezone != 'UTC' || 1 / (local.hour - 10) > 1")


def test_the_next_best_coupon_is_tried_when_the_expression_refuses_the_best() -> None:
    cheap = rule(when=expression("coupon.discount.amount < 25.0"))

    chosen = evaluate([cheap], event(), MERCHANT, (coupon("a", 50), coupon("b", 20), coupon("c", 10)), NOW)

    assert isinstance(chosen, Match)
    assert (chosen.coupon.coupon_id, chosen.fitting) == ("b", 3)


@pytest.mark.parametrize(
    ("ranking", "best"),
    [
        (Ranking.HIGHEST_PERCENT, "percent"),
        (Ranking.HIGHEST_AMOUNT, "amount"),
        (Ranking.ENDING_SOONEST, "soon"),
    ],
)
def test_coupons_are_ranked_as_the_rule_says(ranking: Ranking, best: str) -> None:
    coupons = (
        coupon("percent", 90, days=3),
        coupon("amount", 5, DiscountKind.AMOUNT, days=2),
        coupon("soon", 1, days=1),
    )

    chosen = [evaluate([rule(rank_coupons_by=ranking)], event(), MERCHANT, each, NOW) for each in permutations(coupons)]

    assert {each.coupon.coupon_id for each in chosen if isinstance(each, Match)} == {best}


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        pytest.param(coupon("a", 3), coupon("b", 2), id="more percent"),
        pytest.param(coupon("a", 1), euros(5, "b"), id="percent before an amount"),
        pytest.param(euros(5, "a"), euros(4, "b"), id="a higher amount"),
        pytest.param(coupon("b"), coupon("a"), id="the id settles the rest"),
    ],
)
def test_of_those_that_end_at_one_moment_the_best_is_promised(better: Coupon, worse: Coupon) -> None:
    soonest = rule(rank_coupons_by=Ranking.ENDING_SOONEST)

    chosen = [evaluate([soonest], event(), MERCHANT, coupons, NOW) for coupons in ((better, worse), (worse, better))]

    assert chosen == [Match(soonest, better, ())] * 2


OUT = rule("out", rollout_percent=0.001)
QUIET = rule("quiet", quiet_hours=ALWAYS_QUIET)


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        pytest.param([QUIET], Reason.QUIET_HOURS, id="only quiet hours"),
        pytest.param([QUIET, rule("r-2", deny=("*",))], Reason.QUIET_HOURS, id="one of two failed only on them"),
        pytest.param(
            [rule(min_discount_percent=90, quiet_hours=ALWAYS_QUIET)], Reason.RULE_REFUSED, id="and on the discount"
        ),
        pytest.param([rule(deny=("*",), quiet_hours=ALWAYS_QUIET)], Reason.RULE_REFUSED, id="and on the merchant"),
        pytest.param([OUT], Reason.HELD_OUT, id="only rollout"),
        pytest.param([OUT, QUIET], Reason.QUIET_HOURS, id="one on rollout, one on quiet hours"),
        pytest.param(
            [rule(rollout_percent=0.001, quiet_hours=ALWAYS_QUIET)], Reason.RULE_REFUSED, id="rollout and quiet hours"
        ),
        pytest.param([rule(min_discount_percent=90, rollout_percent=0.001)], Reason.RULE_REFUSED, id="and rollout"),
    ],
)
def test_the_reason_is_quiet_hours_or_rollout_when_a_rule_failed_on_nothing_else(
    rules: list[Rule], reason: Reason
) -> None:
    result = evaluate(rules, event(), MERCHANT, (coupon(),), NOW)

    assert isinstance(result, NoMatch)
    assert result.reason is reason


def test_a_rule_without_quiet_hours_wins_at_night() -> None:
    result = evaluate([QUIET, rule("r-2")], event(), MERCHANT, (coupon(),), NOW)

    assert isinstance(result, Match)
    assert result.rule.id == "r-2"


def test_the_early_look_says_nothing_while_one_rule_may_say_yes() -> None:
    assert refused_without_coupons([QUIET, rule("r-2", min_discount_percent=100)], event(), MERCHANT, NOW) is None


def test_the_early_look_names_every_refusal() -> None:
    result = refused_without_coupons([QUIET, rule("r-2", deny=("*",))], event(), MERCHANT, NOW)

    assert result == NoMatch(
        Reason.QUIET_HOURS, (Refusal("quiet", Clause.QUIET_HOURS), Refusal("r-2", Clause.MERCHANTS))
    )


def test_triggers_are_what_some_rule_listens_to() -> None:
    other = rule(event_types=frozenset({EventType.OFFER_VIEWED, EventType.COUPON_SAVED}))

    rules = RuleSet("v", (), {}, (rule(), other))

    assert rules.triggers == {EventType.GEOFENCE_ENTERED, EventType.OFFER_VIEWED, EventType.COUPON_SAVED}


def listens(rule: Rule, event: SavingEvent) -> bool:
    """As the file says it, without an index."""
    merchant_id = event.merchant_id
    if merchant_id is None or event.type not in rule.event_types:
        return False
    return any(fnmatchcase(merchant_id, each) for each in rule.allow) and not any(
        fnmatchcase(merchant_id, each) for each in rule.deny
    )


WHENS = [expression("coupon.discount.amount > 50.0"), expression("local.hour > 12"), failing_when()]

# Properties over many rules, events and coupons.

kinds = st.sampled_from([EventType.GEOFENCE_ENTERED, EventType.OFFER_VIEWED, EventType.APP_OPENED])
globs = st.lists(st.sampled_from(["*", "m-*", "m-1", "m-2", "[", "?"]), max_size=2).map(tuple)
windows = st.none() | st.builds(QuietHours, st.times(), st.times())
percents = st.none() | st.floats(0, 100)
many_rules = st.lists(
    st.builds(
        rule,
        st.sampled_from(["a", "b", "c"]),
        st.frozensets(kinds, min_size=1),
        allow=globs,
        deny=globs,
        min_discount_percent=percents,
        quiet_hours=windows,
        max_distance_m=st.none() | st.floats(1, 1000),
        weekdays=st.none() | st.frozensets(st.sampled_from(Weekday), min_size=1),
        min_app_version=st.none() | st.sampled_from([Version("9.4"), Version("10")]),
        rollout_percent=st.sampled_from([100, 50, 0.001]),
        rank_coupons_by=st.sampled_from(Ranking),
        when=st.none() | st.sampled_from(WHENS),
    ),
    max_size=4,
    unique_by=lambda each: each.id,
)
distances = st.none() | st.floats(0, 1000)
many_coupons = st.lists(
    st.builds(
        coupon,
        st.sampled_from(["c-1", "c-2"]),
        st.floats(0.001, 120),
        st.sampled_from(DiscountKind),
        deep_link=st.sampled_from([LINK, "https://evil.example", "app:x", "https://[", "\\"]),
    ),
    max_size=4,
).map(tuple)
events = st.builds(
    event,
    kinds,
    st.sampled_from(["m-1", "m-2", None]),
    st.sampled_from(["UTC", "Asia/Tokyo", "Mars/Olympus"]),
    st.sampled_from(["u-1", "u-2", "u-3"]),
    st.sampled_from(["9.4.1", "10.0", "newest"]),
)
merchants = st.sampled_from([None, MERCHANT, Merchant(merchant_id="m-2", names={})])
moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - given a zone


@given(rules=many_rules, event=events, merchant=merchants, coupons=many_coupons, now=moments, distance=distances)
def test_the_early_look_never_refuses_what_would_be_chosen(
    rules: list[Rule],
    event: SavingEvent,
    merchant: Merchant | None,
    coupons: tuple[Coupon, ...],
    now: datetime,
    distance: float | None,
) -> None:
    if isinstance(evaluate(rules, event, merchant, coupons, now, distance), Match):
        assert refused_without_coupons(rules, event, merchant, now, distance) is None


@given(rules=many_rules, event=events, merchant=merchants, coupons=many_coupons, now=moments, distance=distances)
def test_every_refusal_of_the_early_look_is_one_of_the_full_one(
    rules: list[Rule],
    event: SavingEvent,
    merchant: Merchant | None,
    coupons: tuple[Coupon, ...],
    now: datetime,
    distance: float | None,
) -> None:
    early = refused_without_coupons(rules, event, merchant, now, distance)

    if early is not None:
        full = evaluate(rules, event, merchant, coupons, now, distance)
        assert isinstance(full, NoMatch)
        assert [refusal.rule_id for refusal in full.refusals] == [refusal.rule_id for refusal in early.refusals]


@given(rules=many_rules, event=events, merchant=merchants, coupons=many_coupons, now=moments, distance=distances)
def test_a_choice_satisfies_every_clause(
    rules: list[Rule],
    event: SavingEvent,
    merchant: Merchant | None,
    coupons: tuple[Coupon, ...],
    now: datetime,
    distance: float | None,
) -> None:
    chosen = evaluate(rules, event, merchant, coupons, now, distance)

    if isinstance(chosen, Match):
        minimum, percent = chosen.rule.min_discount_percent, chosen.coupon.discount.percent
        assert event.type in chosen.rule.event_types
        assert chosen.coupon in coupons
        assert minimum is None or (percent is not None and percent >= minimum)
        assert chosen.coupon.discount.problem is None
        assert merchant is not None
        assert link_problem(chosen.coupon.deep_link, merchant.deep_link_hosts, frozenset()) is None
        before = rules[: rules.index(chosen.rule)]
        assert [each.id for each in before if listens(each, event)] == [each.rule_id for each in chosen.refusals]
