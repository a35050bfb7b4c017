"""Scenarios that end before the push API: for nearly all of them a good coupon waits, so that a mistake would push."""

from dataclasses import replace
from datetime import timedelta

import msgspec

from demo.stub_apis.faults import Behaviour
from demo.traffic.cities import Light
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
from demo.traffic.invalid import Spoilt
from demo.traffic.plan import Expectation
from demo.traffic.scenes import AT_THE_STORE, Cast, Draft, Scene
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
REGULARS = 5_000
NIGHTS = ("night", "night", "night", "unknown_zone", "zone_is_a_folder", "malformed_zone")
STRANGE_ZONES = {"unknown_zone": "Mars/Olympus", "zone_is_a_folder": "Europe", "malformed_zone": "../../etc/localtime"}
RULE_REFUSALS = (
    "discount_too_small",
    "fixed_amount_only",
    "link_to_another_host",
    "merchant_denied",
    "merchant_unknown",
)
NO_COUPONS = ("not_found", "empty_list", "redeemed", "not_yet_valid", "ended", "other_store", "sold_out", "online_only")
COUPON_API_REFUSALS = ("400", "403", "410", "garbled", "oversize", "too_many")


def _scene(cast: Cast, variant: str, merchant: Merchant, template: Template, reason: Reason) -> Scene:
    """One event, and good coupons that must not be used."""
    draft = Draft(template, Expectation(reason), template.value)
    return Scene(variant, [draft], {merchant.merchant_id: cast.coupons(merchant)})


def not_a_trigger(cast: Cast, _: str) -> Scene:
    kind = cast.random.choices(list(NO_TRIGGERS), list(NO_TRIGGERS.values()))[0]
    template = cast.template(cast.regular(REGULARS), cast.merchant(), [kind])
    # Late or without consent changes nothing: the type is looked at first.
    age = timedelta(hours=3) if cast.random.random() < 0.02 else timedelta()  # noqa: PLR2004 - some phones were offline
    template = replace(template, light=Light.ANY, age=age, consent=cast.random.random() < 0.6)  # noqa: PLR2004
    return Scene(kind, [Draft(template, Expectation(Reason.NOT_A_TRIGGER), template.value)])


def invalid(cast: Cast, way: str) -> Scene:
    merchant = cast.merchant()
    template = replace(cast.template(cast.new_user(), merchant, AT_THE_STORE), light=Light.ANY)
    draft = Draft(template, Expectation(Reason.INVALID), Spoilt(template, way).value)
    return Scene(way, [draft], {merchant.merchant_id: cast.coupons(merchant)})


def expired(cast: Cast, variant: str) -> Scene:
    """Older than the minute that the demo's rules call fresh; consent does not matter any more."""
    merchant = cast.merchant()
    age = timedelta(minutes=cast.random.uniform(2, 30)) if variant == "minutes" else timedelta(days=6)
    template = replace(cast.template(cast.new_user(), merchant), age=age, consent=cast.pick((True, False)))
    return _scene(cast, variant, merchant, template, Reason.EXPIRED)


def no_consent(cast: Cast, variant: str) -> Scene:
    merchant = cast.merchant()
    template = replace(cast.template(cast.new_user(), merchant), consent=False)
    return _scene(cast, variant, merchant, template, Reason.NO_CONSENT)


def quiet_hours(cast: Cast, variant: str) -> Scene:
    merchant = cast.merchant()
    template = cast.template(cast.new_user(), merchant)
    zone = STRANGE_ZONES.get(variant)
    template = replace(template, light=Light.ANY, timezone=zone) if zone else replace(template, light=Light.NIGHT)
    return _scene(cast, variant, merchant, template, Reason.QUIET_HOURS)


def rule_refused(cast: Cast, variant: str) -> Scene:
    merchant = _merchant_of(cast, variant)
    template = cast.template(cast.new_user(), merchant, AT_THE_STORE)
    scene = _scene(cast, variant, merchant, template, Reason.RULE_REFUSED)
    return replace(scene, coupons={merchant.merchant_id: _poor_coupons(cast, variant, merchant)})


def _merchant_of(cast: Cast, variant: str) -> Merchant:
    if variant == "merchant_denied":
        return cast.pick(DENIED)
    if variant == "merchant_unknown":
        return msgspec.structs.replace(cast.merchant(), merchant_id=f"m-unlisted-{cast.random.randrange(1000)}")
    merchant = cast.merchant()
    while not merchant.deep_link_hosts:  # a merchant without hosts lets links lead anywhere
        merchant = cast.merchant()
    return merchant


def _poor_coupons(cast: Cast, variant: str, merchant: Merchant) -> list[CouponJson]:
    coupon = good_coupon(cast.random, merchant)
    if variant == "discount_too_small":
        return [discounted(coupon, percent) for percent in POOR_PERCENTS]
    if variant == "fixed_amount_only":
        return [with_fixed_amount(coupon)]
    return [coupon | {"deep_link": FOREIGN_LINK}] if variant == "link_to_another_host" else [coupon]


def no_coupon(cast: Cast, variant: str) -> Scene:
    merchant = cast.merchant()
    template = cast.template(cast.new_user(), merchant, AT_THE_STORE)
    scene = _scene(cast, variant, merchant, template, Reason.NO_COUPON)
    useless = unusable(good_coupon(cast.random, merchant))
    # Beside one that is useless for the variant's reason stands one that is useless for any.
    lists = {name: [coupon, cast.pick(list(useless.values()))] for name, coupon in useless.items()}
    answer = 404 if variant == "not_found" else lists.get(variant, [])
    return replace(scene, coupons={merchant.merchant_id: answer})


def coupon_api_refused(cast: Cast, variant: str) -> Scene:
    merchant = cast.merchant()
    scene = _scene(cast, variant, merchant, cast.template(cast.new_user(), merchant), Reason.COUPON_API_REFUSED)
    faults = {
        "garbled": Behaviour(fault="garbled"),
        "oversize": Behaviour(fault="oversize"),
        "too_many": Behaviour(fault="too_many"),
    }
    return replace(scene, coupon_api=(faults.get(variant) or Behaviour(fault="status", status=int(variant)),))


def coupon_api_failed(cast: Cast, variant: str) -> Scene:
    """The Coupon API always fails for this user and answers all others."""
    merchant = cast.merchant()
    scene = _scene(cast, variant, merchant, cast.template(cast.new_user(), merchant), Reason.COUPON_API_FAILED)
    # Where few others ask after it, nothing says that the API answers them: then it is held.
    expected = Expectation(Reason.COUPON_API_FAILED, frozenset({Reason.EXPIRED}))
    scene = replace(scene, drafts=[replace(draft, expected=expected) for draft in scene.drafts])
    dropped = Behaviour(fault="ambiguous_dropped")
    return replace(
        scene, coupon_api=(dropped if variant == "dropped" else Behaviour(fault="status", status=int(variant)),)
    )
