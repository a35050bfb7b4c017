"""Scenarios that end before the push API: for nearly all of them a good coupon waits, so that a mistake would push."""

from dataclasses import replace
from datetime import timedelta

import msgspec

from demo.stub_apis.faults import Behaviour
from demo.traffic.cities import TimeOfDay
from demo.traffic.coupons import (
    FOREIGN_LINK,
    POOR_PERCENTS,
    CouponJson,
    discounted,
    good_coupon,
    unusable,
    with_fixed_amount,
)
from demo.traffic.directory import DENIED
from demo.traffic.invalid import InvalidEvent
from demo.traffic.plan import Expectation
from demo.traffic.scenario import AT_THE_STORE, DataFactory, Draft, ScenarioInstance
from demo.traffic.templates import Template
from saving_alerts.domain.events import EventType
from saving_alerts.domain.merchants import Merchant
from saving_alerts.domain.reasons import Reason

NO_TRIGGERS = {
    EventType.APP_OPENED: 26,
    EventType.APP_BACKGROUNDED: 24,
    EventType.BROCHURE_VIEWED: 24,
    EventType.GEOFENCE_EXITED: 10,
    EventType.PUSH_OPENED: 7,
    EventType.COUPON_SAVED: 6,
    EventType.COUPON_REDEEMED: 3,
}
RETURNING_USERS = 5_000
STRANGE_ZONES = {
    "unknown_zone": "Mars/Olympus",
    "zone_is_a_folder": "Europe",
    "malformed_zone": "../../etc/localtime",
    "zone_of_the_machine": "localtime",
}
RULE_REFUSALS = (
    "discount_too_small",
    "fixed_amount_only",
    "link_to_another_host",
    "merchant_denied",
    "merchant_unknown",
)
NO_COUPONS = ("not_found", "empty_list", "redeemed", "not_yet_valid", "ended", "other_store", "sold_out", "online_only")
COUPON_API_REFUSALS = ("400", "403", "410", "garbled", "oversize", "too_many")


def _one_event(
    factory: DataFactory, variant: str, merchant: Merchant, template: Template, reason: Reason
) -> ScenarioInstance:
    """One event, and good coupons that must not be used."""
    draft = Draft(template, Expectation(reason), template.value)
    return ScenarioInstance(variant, [draft], {merchant.merchant_id: factory.coupons(merchant)})


def not_a_trigger(factory: DataFactory, _: str) -> ScenarioInstance:
    kind = factory.random.choices(list(NO_TRIGGERS), list(NO_TRIGGERS.values()))[0]
    template = factory.template(factory.returning_user(RETURNING_USERS), factory.merchant(), [kind])
    # Age and consent do not matter: the type is looked at first.
    age = timedelta(hours=3) if factory.random.random() < 0.02 else timedelta()  # noqa: PLR2004 - some phones were offline
    template = replace(template, time_of_day=TimeOfDay.ANY, age=age, consent=factory.random.random() < 0.6)  # noqa: PLR2004
    return ScenarioInstance(kind, [Draft(template, Expectation(Reason.NOT_A_TRIGGER), template.value)])


def invalid(factory: DataFactory, corruption: str) -> ScenarioInstance:
    merchant = factory.merchant()
    template = replace(factory.template(factory.new_user(), merchant, AT_THE_STORE), time_of_day=TimeOfDay.ANY)
    draft = Draft(template, Expectation(Reason.INVALID), InvalidEvent(template, corruption).value)
    return ScenarioInstance(corruption, [draft], {merchant.merchant_id: factory.coupons(merchant)})


def expired(factory: DataFactory, variant: str) -> ScenarioInstance:
    """Older than the minute that the demo's rules call fresh; consent does not matter any more."""
    merchant = factory.merchant()
    age = timedelta(minutes=factory.random.uniform(2, 30)) if variant == "minutes" else timedelta(days=6)
    template = replace(factory.template(factory.new_user(), merchant), age=age, consent=factory.pick((True, False)))
    return _one_event(factory, variant, merchant, template, Reason.EXPIRED)


def no_consent(factory: DataFactory, variant: str) -> ScenarioInstance:
    merchant = factory.merchant()
    template = replace(factory.template(factory.new_user(), merchant), consent=False)
    return _one_event(factory, variant, merchant, template, Reason.NO_CONSENT)


def quiet_hours(factory: DataFactory, variant: str) -> ScenarioInstance:
    merchant = factory.merchant()
    template = replace(factory.template(factory.new_user(), merchant), time_of_day=TimeOfDay.NIGHT)
    return _one_event(factory, variant, merchant, template, Reason.QUIET_HOURS)


def unknown_zone(factory: DataFactory, variant: str) -> ScenarioInstance:
    """It is quiet there, and the refusals name the zone."""
    merchant = factory.merchant()
    template = factory.template(factory.new_user(), merchant)
    template = replace(template, time_of_day=TimeOfDay.ANY, timezone=STRANGE_ZONES[variant])
    return _one_event(factory, variant, merchant, template, Reason.RULE_REFUSED)


def rule_refused(factory: DataFactory, variant: str) -> ScenarioInstance:
    merchant = _merchant_of(factory, variant)
    template = factory.template(factory.new_user(), merchant, AT_THE_STORE)
    instance = _one_event(factory, variant, merchant, template, Reason.RULE_REFUSED)
    return replace(instance, coupons={merchant.merchant_id: _poor_coupons(factory, variant, merchant)})


def _merchant_of(factory: DataFactory, variant: str) -> Merchant:
    if variant == "merchant_denied":
        return factory.pick(DENIED)
    if variant == "merchant_unknown":
        return msgspec.structs.replace(factory.merchant(), merchant_id=f"m-unlisted-{factory.random.randrange(1000)}")
    merchant = factory.merchant()
    while not merchant.deep_link_hosts:  # a merchant without hosts lets links lead anywhere
        merchant = factory.merchant()
    return merchant


def _poor_coupons(factory: DataFactory, variant: str, merchant: Merchant) -> list[CouponJson]:
    coupon = good_coupon(factory.random, merchant)
    if variant == "discount_too_small":
        return [discounted(coupon, percent) for percent in POOR_PERCENTS]
    if variant == "fixed_amount_only":
        return [with_fixed_amount(coupon)]
    return [coupon | {"deep_link": FOREIGN_LINK}] if variant == "link_to_another_host" else [coupon]


def no_coupon(factory: DataFactory, variant: str) -> ScenarioInstance:
    merchant = factory.merchant()
    template = factory.template(factory.new_user(), merchant, AT_THE_STORE)
    instance = _one_event(factory, variant, merchant, template, Reason.NO_COUPON)
    useless = unusable(good_coupon(factory.random, merchant))
    # Beside one that is useless for the variant's reason stands one that is useless for any.
    lists = {name: [coupon, factory.pick(list(useless.values()))] for name, coupon in useless.items()}
    answer = 404 if variant == "not_found" else lists.get(variant, [])
    return replace(instance, coupons={merchant.merchant_id: answer})


def coupon_api_refused(factory: DataFactory, variant: str) -> ScenarioInstance:
    merchant = factory.merchant()
    instance = _one_event(
        factory, variant, merchant, factory.template(factory.new_user(), merchant), Reason.COUPON_API_REFUSED
    )
    faults = {
        "garbled": Behaviour(fault="garbled"),
        "oversize": Behaviour(fault="oversize"),
        "too_many": Behaviour(fault="too_many"),
    }
    return replace(instance, coupon_api=(faults.get(variant) or Behaviour(fault="status", status=int(variant)),))


def coupon_api_failed(factory: DataFactory, variant: str) -> ScenarioInstance:
    """The Coupon API always fails for this user and answers all others."""
    merchant = factory.merchant()
    instance = _one_event(
        factory, variant, merchant, factory.template(factory.new_user(), merchant), Reason.COUPON_API_FAILED
    )
    # A failed attempt is free while no other event is answered after it: then the event waits until its deadline.
    expected = Expectation(Reason.COUPON_API_FAILED, frozenset({Reason.EXPIRED}))
    instance = replace(instance, drafts=[replace(draft, expected=expected) for draft in instance.drafts])
    dropped = Behaviour(fault="ambiguous_dropped")
    return replace(
        instance, coupon_api=(dropped if variant == "dropped" else Behaviour(fault="status", status=int(variant)),)
    )
