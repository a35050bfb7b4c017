"""A rule says yes when all of its clauses do; who says no is named; the early look skips nothing that would win."""

from datetime import UTC, datetime, time, timedelta
from string import Template

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.coupons import Channel, Coupon, Discount, DiscountKind
from saving_alerts.domain.decisions import Reason
from saving_alerts.domain.events import App, EventType, PushConsent, SavingEvent
from saving_alerts.domain.merchants import Merchant
from saving_alerts.domain.messages import Message, Text
from saving_alerts.domain.quiet_hours import QuietHours
from saving_alerts.domain.rules import Chosen, NoneChosen, Refusal, Rule, RuleSet, evaluate, refused_without_coupons

NOW = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
ALWAYS_QUIET = QuietHours(time(0), time(23, 59))
MESSAGE = Message({"en": Text(Template("t"), Template("b"))}, "en")
MERCHANT = Merchant(merchant_id="m-1", names={"en": "Shop"}, deep_link_hosts=("Shop.example",))
LINK = "https://shop.example/c"


def rule(
    rule_id: str = "r-1",
    event_types: frozenset[EventType] = frozenset({EventType.GEOFENCE_ENTERED}),
    *,
    allow: tuple[str, ...] = ("*",),
    deny: tuple[str, ...] = (),
    min_discount_percent: float | None = None,
    quiet_hours: QuietHours | None = None,
) -> Rule:
    return Rule(rule_id, event_types, allow, deny, min_discount_percent, quiet_hours, MESSAGE)


def event(
    kind: EventType = EventType.GEOFENCE_ENTERED, merchant_id: str | None = "m-1", timezone: str = "UTC"
) -> SavingEvent:
    return SavingEvent(
        event_id="e-1",
        schema=1,
        type=kind,
        user_id="u-1",
        merchant_id=merchant_id,
        store_id="s-1",
        occurred_at=NOW,
        received_at=NOW,
        timezone=timezone,
        locale="en",
        app=App("9.4.1", "ios"),
        push=PushConsent(consent=True),
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


def euros(amount: float, coupon_id: str = "c-1") -> Coupon:
    return coupon(coupon_id, amount, DiscountKind.AMOUNT)


def test_a_rule_whose_clauses_all_say_yes_wins_with_its_coupon() -> None:
    assert evaluate([rule()], event(), MERCHANT, (coupon(),), NOW) == Chosen(rule(), coupon(), ())


def test_the_first_rule_that_says_yes_wins_and_the_refusals_before_it_are_kept() -> None:
    refusing, winning, later = rule("r-1", deny=("m-1",)), rule("r-2"), rule("r-3")

    chosen = evaluate([refusing, winning, later], event(), MERCHANT, (coupon(),), NOW)

    assert chosen == Chosen(winning, coupon(), (Refusal("r-1", "merchants"),))


@pytest.mark.parametrize(
    ("refusing", "clause"),
    [
        pytest.param(rule(event_types=frozenset({EventType.OFFER_VIEWED})), "event_types", id="another event type"),
        pytest.param(rule(allow=("m-2", "x-*")), "merchants", id="a merchant that is not allowed"),
        pytest.param(rule(deny=("m-*",)), "merchants", id="a merchant that is denied"),
        pytest.param(rule(allow=("M-1",)), "merchants", id="other letters"),
        pytest.param(rule(min_discount_percent=20.1), "min_discount_percent", id="too small a discount"),
        pytest.param(rule(quiet_hours=ALWAYS_QUIET), "quiet_hours", id="quiet hours"),
    ],
)
def test_the_first_clause_that_says_no_is_named(refusing: Rule, clause: str) -> None:
    verdict = evaluate([refusing], event(), MERCHANT, (coupon(),), NOW)

    assert isinstance(verdict, NoneChosen)
    assert verdict.refusals == (Refusal("r-1", clause),)


def test_a_merchant_that_nobody_knows_is_refused() -> None:
    verdict = evaluate([rule()], event(), None, (coupon(),), NOW)

    assert verdict == NoneChosen(Reason.RULE_REFUSED, (Refusal("r-1", "merchant_known"),))


def test_an_event_without_a_merchant_is_refused() -> None:
    verdict = evaluate([rule()], event(merchant_id=None), MERCHANT, (coupon(),), NOW)

    assert verdict == NoneChosen(Reason.RULE_REFUSED, (Refusal("r-1", "merchants"),))


def test_without_rules_nothing_is_chosen() -> None:
    assert evaluate([], event(), MERCHANT, (coupon(),), NOW) == NoneChosen(Reason.RULE_REFUSED, ())


@pytest.mark.parametrize("allow", [("m-1",), ("m-*",), ("m-?",), ("m-[0-9]",), ("x", "*")], ids=" ".join)
def test_merchants_are_listed_by_globs(allow: tuple[str, ...]) -> None:
    assert isinstance(evaluate([rule(allow=allow)], event(), MERCHANT, (coupon(),), NOW), Chosen)


def test_a_discount_of_exactly_the_minimum_is_enough() -> None:
    assert isinstance(evaluate([rule(min_discount_percent=20)], event(), MERCHANT, (coupon(),), NOW), Chosen)


@pytest.mark.parametrize(("minimum", "clause"), [(0, "min_discount_percent"), (None, None)], ids=["asked", "not asked"])
def test_a_fixed_amount_passes_only_where_no_percentage_is_asked_for(minimum: float | None, clause: str | None) -> None:
    verdict = evaluate([rule(min_discount_percent=minimum)], event(), MERCHANT, (euros(50),), NOW)

    assert [refusal.clause for refusal in verdict.refusals] == ([clause] if clause else [])


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

    assert chosen == [Chosen(rule(), better, ())] * 2


def test_a_better_coupon_with_an_unsafe_link_is_passed_over() -> None:
    unsafe = coupon("c-2", 90, deep_link="https://evil.example/")

    assert evaluate([rule()], event(), MERCHANT, (unsafe, coupon()), NOW) == Chosen(rule(), coupon(), ())


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
    verdict = evaluate([rule()], event(), MERCHANT, (coupon(deep_link=link),), NOW)

    assert verdict == NoneChosen(Reason.RULE_REFUSED, (Refusal("r-1", "deep_link_hosts"),))


@pytest.mark.parametrize(
    "link", [LINK, "https://SHOP.example:443/c", "https://user@shop.example", "app://shop.example"]
)
def test_a_push_leads_to_a_host_that_the_merchant_owns(link: str) -> None:
    assert isinstance(evaluate([rule()], event(), MERCHANT, (coupon(deep_link=link),), NOW), Chosen)


def test_a_merchant_without_hosts_may_lead_anywhere() -> None:
    anywhere = Merchant(merchant_id="m-1", names={})

    assert isinstance(evaluate([rule()], event(), anywhere, (coupon(deep_link="app:x"),), NOW), Chosen)


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
    ],
)
def test_the_reason_is_quiet_hours_when_a_rule_failed_on_nothing_else(rules: list[Rule], reason: Reason) -> None:
    verdict = evaluate(rules, event(), MERCHANT, (coupon(),), NOW)

    assert isinstance(verdict, NoneChosen)
    assert verdict.reason is reason


def test_a_rule_without_quiet_hours_wins_at_night() -> None:
    verdict = evaluate([QUIET, rule("r-2")], event(), MERCHANT, (coupon(),), NOW)

    assert isinstance(verdict, Chosen)
    assert verdict.rule.id == "r-2"


def test_the_early_look_says_nothing_while_one_rule_may_say_yes() -> None:
    assert refused_without_coupons([QUIET, rule("r-2", min_discount_percent=100)], event(), MERCHANT, NOW) is None


def test_the_early_look_names_every_refusal() -> None:
    verdict = refused_without_coupons([QUIET, rule("r-2", deny=("*",))], event(), MERCHANT, NOW)

    assert verdict == NoneChosen(Reason.QUIET_HOURS, (Refusal("quiet", "quiet_hours"), Refusal("r-2", "merchants")))


def test_triggers_are_what_some_rule_listens_to() -> None:
    other = rule(event_types=frozenset({EventType.OFFER_VIEWED, EventType.COUPON_SAVED}))

    rules = RuleSet("v", (), {}, (rule(), other))

    assert rules.triggers == {EventType.GEOFENCE_ENTERED, EventType.OFFER_VIEWED, EventType.COUPON_SAVED}


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
    ),
    max_size=4,
)
many_coupons = st.lists(
    st.builds(
        coupon,
        st.sampled_from(["c-1", "c-2"]),
        st.floats(0.01, 100),
        st.sampled_from(DiscountKind),
        deep_link=st.sampled_from([LINK, "https://evil.example", "app:x", "https://[", "\\"]),
    ),
    max_size=4,
).map(tuple)
events = st.builds(
    event, kinds, st.sampled_from(["m-1", "m-2", None]), st.sampled_from(["UTC", "Asia/Tokyo", "Mars/Olympus"])
)
merchants = st.sampled_from([None, MERCHANT, Merchant(merchant_id="m-2", names={})])
moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - given a zone


@given(rules=many_rules, event=events, merchant=merchants, coupons=many_coupons, now=moments)
def test_the_early_look_never_refuses_what_would_be_chosen(
    rules: list[Rule], event: SavingEvent, merchant: Merchant | None, coupons: tuple[Coupon, ...], now: datetime
) -> None:
    if isinstance(evaluate(rules, event, merchant, coupons, now), Chosen):
        assert refused_without_coupons(rules, event, merchant, now) is None


@given(rules=many_rules, event=events, merchant=merchants, coupons=many_coupons, now=moments)
def test_every_refusal_of_the_early_look_is_one_of_the_full_one(
    rules: list[Rule], event: SavingEvent, merchant: Merchant | None, coupons: tuple[Coupon, ...], now: datetime
) -> None:
    early = refused_without_coupons(rules, event, merchant, now)

    if early is not None:
        full = evaluate(rules, event, merchant, coupons, now)
        assert isinstance(full, NoneChosen)
        assert [refusal.rule_id for refusal in full.refusals] == [refusal.rule_id for refusal in early.refusals]


@given(rules=many_rules, event=events, merchant=merchants, coupons=many_coupons, now=moments)
def test_a_choice_satisfies_every_clause(
    rules: list[Rule], event: SavingEvent, merchant: Merchant | None, coupons: tuple[Coupon, ...], now: datetime
) -> None:
    chosen = evaluate(rules, event, merchant, coupons, now)

    if isinstance(chosen, Chosen):
        minimum, percent = chosen.rule.min_discount_percent, chosen.coupon.discount.percent
        assert event.type in chosen.rule.event_types
        assert chosen.coupon in coupons
        assert minimum is None or (percent is not None and percent >= minimum)
        assert len(chosen.refusals) == rules.index(chosen.rule)
