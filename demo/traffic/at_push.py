"""Scenarios that reach the push API, and what happens to a shopper who has had a push."""

from dataclasses import replace
from datetime import timedelta

from demo.stub_apis.faults import Behaviour
from demo.traffic.coupons import with_fixed_amount
from demo.traffic.plan import Expectation
from demo.traffic.scenes import Cast, Draft, Scene
from saving_alerts.domain.events import EventType
from saving_alerts.domain.reasons import Reason

LATER_EVENTS_PER_PUSH = 8
REPETITIONS_PER_PUSH = 2
# An event so old has a few seconds left of its minute: it may be pushed and may be too late.
NEARLY_EXPIRED = timedelta(seconds=52)

COUPON_API_TROUBLES = {
    "coupon_500_once": Behaviour(fault="status", status=500, times=1),
    "coupon_503_once": Behaviour(fault="status", status=503, retry_after_seconds=1, times=1),
    "coupon_429_once": Behaviour(fault="status", status=429, retry_after_seconds=1, times=1),
    "coupon_dropped_once": Behaviour(fault="ambiguous_dropped", times=1),
    "coupon_slow": Behaviour(latency_seconds=1.0, times=1),
}
PUSH_API_TROUBLES = {
    "push_429_once": Behaviour(fault="status", status=429, retry_after_seconds=1, times=1),
    "push_503_once": Behaviour(fault="status", status=503, retry_after_seconds=1, times=1),
    "push_500_once": Behaviour(fault="status", status=500, times=1),
    "push_accepted_but_500": Behaviour(fault="ambiguous_accepted", status=500, times=1),
    "push_accepted_but_no_answer": Behaviour(fault="ambiguous_accepted", times=1),
    "push_dropped_once": Behaviour(fault="ambiguous_dropped", times=1),
    "push_slow": Behaviour(latency_seconds=1.0, times=1),
}
TROUBLES = (*PUSH_API_TROUBLES, *COUPON_API_TROUBLES)
PUSH_REFUSALS = ("400", "403", "404", "410", "422")

_REFUSED = Behaviour(fault="status", status=400)
# An unclear attempt, then a clear no: nobody knows whether the first one arrived, and nothing more can be learnt.
UNCLEAR_THEN_REFUSED = {
    "500_then_400": (Behaviour(fault="status", status=500, times=1), _REFUSED),
    "dropped_then_400": (Behaviour(fault="ambiguous_dropped", times=1), _REFUSED),
    "accepted_unheard_then_400": (Behaviour(fault="ambiguous_accepted", times=1), _REFUSED),
}
# Slow to fail: a user whose attempts fail at once would open the breaker wherever pushes are rare.
UNCLEAR_TO_THE_END = {
    "no_answer": (Behaviour(fault="hang"),),
    "accepted_unheard": (Behaviour(fault="ambiguous_accepted", latency_seconds=4.0),),
}


def _one_push(cast: Cast, variant: str, expected: Expectation) -> Scene:
    """A new user and one event for which everything says yes."""
    merchant = cast.merchant()
    template = cast.template(cast.new_user(), merchant)
    draft = Draft(template, expected, template.value)
    return Scene(variant, [draft], {merchant.merchant_id: cast.coupons(merchant)})


def pushed_then_capped(cast: Cast, variant: str) -> Scene:
    """The first event is pushed, all later ones of the user are within the cap."""
    scene = _one_push(cast, variant, Expectation(Reason.PUSHED))
    first, coupons = scene.drafts[0], dict(scene.coupons)
    later: list[Draft] = []
    for _ in range(LATER_EVENTS_PER_PUSH):
        merchant = cast.merchant()
        coupons.setdefault(merchant.merchant_id, cast.coupons(merchant))
        template = cast.template(first.template.user_id, merchant)
        later.append(_follower(cast, replace(first, template=template, writer=template.value), Reason.CAPPED))
    return replace(scene, drafts=[first, *later], coupons=coupons)


def pushed_then_repeated(cast: Cast, variant: str) -> Scene:
    """The tracking API writes the same event again: the first position is pushed, the others are duplicates."""
    scene = _one_push(cast, variant, Expectation(Reason.PUSHED))
    first = scene.drafts[0]
    return replace(
        scene, drafts=[first, *(_follower(cast, first, Reason.DUPLICATE) for _ in range(REPETITIONS_PER_PUSH))]
    )


def _follower(cast: Cast, draft: Draft, reason: Reason) -> Draft:
    wait = cast.random.uniform(0.4, 1)
    return replace(draft, expected=Expectation(reason), wait=wait, follows_first=True)


def pushed_after_trouble(cast: Cast, variant: str) -> Scene:
    scene = _one_push(cast, variant, Expectation(Reason.PUSHED))
    coupon_trouble, push_trouble = COUPON_API_TROUBLES.get(variant), PUSH_API_TROUBLES.get(variant)
    return replace(
        scene,
        coupon_api=(coupon_trouble,) if coupon_trouble else (),
        push_api=(push_trouble,) if push_trouble else (),
    )


def pushed_with_fixed_amount(cast: Cast, variant: str) -> Scene:
    """The rule for new favourites asks for no percentage, so a fixed amount is enough."""
    merchant = cast.merchant()
    template = cast.template(cast.new_user(), merchant, [EventType.MERCHANT_FAVOURITED])
    coupons = [with_fixed_amount(coupon) for coupon in cast.coupons(merchant)]
    draft = Draft(template, Expectation(Reason.PUSHED), template.value)
    return Scene(variant, [draft], {merchant.merchant_id: coupons})


def push_refused(cast: Cast, variant: str) -> Scene:
    """Clear from the first attempt on. Only where a worker dies between the answer and the release is it uncertain."""
    scene = _one_push(cast, variant, Expectation(Reason.PUSH_REFUSED))
    return replace(scene, push_api=(Behaviour(fault="status", status=int(variant)),))


def push_uncertain(cast: Cast, variant: str) -> Scene:
    scene = _one_push(cast, variant, Expectation(Reason.PUSH_UNCERTAIN))
    return replace(scene, push_api=UNCLEAR_THEN_REFUSED[variant])


def push_uncertain_to_the_deadline(cast: Cast, variant: str) -> Scene:
    """Every attempt is unclear, so it takes the whole minute."""
    scene = _one_push(cast, variant, Expectation(Reason.PUSH_UNCERTAIN))
    return replace(scene, push_api=UNCLEAR_TO_THE_END[variant])


def rivals(cast: Cast, variant: str) -> Scene:
    """Two events of one user at the same time: one of them is pushed, nobody knows which."""
    scene = _one_push(cast, variant, Expectation(Reason.PUSHED, frozenset({Reason.CAPPED})))
    first = scene.drafts[0]
    template = replace(first.template, event_id=cast.event_id())
    second = Draft(template, Expectation(Reason.CAPPED, frozenset({Reason.PUSHED})), template.value)
    return replace(scene, drafts=[first, second])


def nearly_expired(cast: Cast, variant: str) -> Scene:
    others = frozenset({Reason.EXPIRED, Reason.PUSH_UNCERTAIN})
    scene = _one_push(cast, variant, Expectation(Reason.PUSHED, others))
    template = replace(scene.drafts[0].template, age=NEARLY_EXPIRED)
    return replace(scene, drafts=[replace(scene.drafts[0], template=template, writer=template.value)])
