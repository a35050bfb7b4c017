"""Scenarios that reach the push API, and what happens to a shopper who has had a push."""

from dataclasses import replace
from datetime import timedelta

from demo.stub_apis.faults import Behaviour
from demo.traffic.coupons import with_fixed_amount
from demo.traffic.plan import Expectation
from demo.traffic.scenario import DataFactory, Draft, ScenarioInstance, aged
from saving_alerts.domain.events import EventType
from saving_alerts.domain.reasons import Reason

LATER_EVENTS_PER_PUSH = 8
REPETITIONS_PER_PUSH = 2
# An event so old has a few seconds left of its minute: it may be pushed and may be too late.
NEARLY_EXPIRED = timedelta(seconds=52)

COUPON_API_FAULTS = {
    "coupon_500_once": Behaviour(fault="status", status=500, times=1),
    "coupon_503_once": Behaviour(fault="status", status=503, retry_after_seconds=1, times=1),
    "coupon_429_once": Behaviour(fault="status", status=429, retry_after_seconds=1, times=1),
    "coupon_dropped_once": Behaviour(fault="ambiguous_dropped", times=1),
    "coupon_slow": Behaviour(latency_seconds=1.0, times=1),
}
PUSH_API_FAULTS = {
    "push_429_once": Behaviour(fault="status", status=429, retry_after_seconds=1, times=1),
    "push_503_once": Behaviour(fault="status", status=503, retry_after_seconds=1, times=1),
    "push_500_once": Behaviour(fault="status", status=500, times=1),
    "push_accepted_but_500": Behaviour(fault="ambiguous_accepted", status=500, times=1),
    "push_accepted_but_no_answer": Behaviour(fault="ambiguous_accepted", times=1),
    "push_dropped_once": Behaviour(fault="ambiguous_dropped", times=1),
    "push_slow": Behaviour(latency_seconds=1.0, times=1),
}
TEMPORARY_FAULTS = (*PUSH_API_FAULTS, *COUPON_API_FAULTS)
PUSH_REFUSALS = ("400", "403", "404", "410", "422")

_REFUSED = Behaviour(fault="status", status=400)
# An attempt without a clear answer, then a refusal: it stays unknown whether the first attempt arrived.
UNCLEAR_THEN_REFUSED = {
    "500_then_400": (Behaviour(fault="status", status=500, times=1), _REFUSED),
    "dropped_then_400": (Behaviour(fault="ambiguous_dropped", times=1), _REFUSED),
    "accepted_unheard_then_400": (Behaviour(fault="ambiguous_accepted", times=1), _REFUSED),
}
# Each attempt fails slowly: attempts that fail at once would open the breaker wherever pushes are rare.
UNCLEAR_TO_THE_END = {
    "no_answer": (Behaviour(fault="hang"),),
    "accepted_unheard": (Behaviour(fault="ambiguous_accepted", latency_seconds=4.0),),
}


def _one_push(factory: DataFactory, variant: str, expected: Expectation) -> ScenarioInstance:
    """A new user and one event that must be pushed."""
    merchant = factory.merchant()
    template = factory.template(factory.new_user(), merchant)
    draft = Draft(template, expected, template.value)
    return ScenarioInstance(variant, [draft], {merchant.merchant_id: factory.coupons(merchant)})


def pushed_then_capped(factory: DataFactory, variant: str) -> ScenarioInstance:
    """The first event is pushed, all later ones of the user are within the cap."""
    instance = _one_push(factory, variant, Expectation(Reason.PUSHED))
    first, coupons = instance.drafts[0], dict(instance.coupons)
    later: list[Draft] = []
    for _ in range(LATER_EVENTS_PER_PUSH):
        merchant = factory.merchant()
        coupons.setdefault(merchant.merchant_id, factory.coupons(merchant))
        template = factory.template(first.template.user_id, merchant)
        later.append(_follower(factory, replace(first, template=template, writer=template.value), Reason.CAPPED))
    return replace(instance, drafts=[first, *later], coupons=coupons)


def pushed_then_repeated(factory: DataFactory, variant: str) -> ScenarioInstance:
    """The tracking API writes the same event again: the first position is pushed, the others are duplicates."""
    instance = _one_push(factory, variant, Expectation(Reason.PUSHED))
    first = instance.drafts[0]
    return replace(
        instance, drafts=[first, *(_follower(factory, first, Reason.DUPLICATE) for _ in range(REPETITIONS_PER_PUSH))]
    )


def _follower(factory: DataFactory, draft: Draft, reason: Reason) -> Draft:
    wait = factory.random.uniform(0.4, 1)
    return replace(draft, expected=Expectation(reason), wait=wait, follows_first=True)


def pushed_after_fault(factory: DataFactory, variant: str) -> ScenarioInstance:
    instance = _one_push(factory, variant, Expectation(Reason.PUSHED))
    coupon_api_fault, push_api_fault = COUPON_API_FAULTS.get(variant), PUSH_API_FAULTS.get(variant)
    return replace(
        instance,
        coupon_api=(coupon_api_fault,) if coupon_api_fault else (),
        push_api=(push_api_fault,) if push_api_fault else (),
    )


def pushed_with_fixed_amount(factory: DataFactory, variant: str) -> ScenarioInstance:
    """The rule for new favourites asks for no percentage, so a fixed amount is enough."""
    merchant = factory.merchant()
    template = factory.template(factory.new_user(), merchant, [EventType.MERCHANT_FAVOURITED])
    coupons = [with_fixed_amount(coupon) for coupon in factory.coupons(merchant)]
    draft = Draft(template, Expectation(Reason.PUSHED), template.value)
    return ScenarioInstance(variant, [draft], {merchant.merchant_id: coupons})


def push_refused(factory: DataFactory, variant: str) -> ScenarioInstance:
    """Clear from the first attempt on. Only where a worker dies between the answer and the release is it uncertain."""
    instance = _one_push(factory, variant, Expectation(Reason.PUSH_REFUSED))
    return replace(instance, push_api=(Behaviour(fault="status", status=int(variant)),))


def push_uncertain(factory: DataFactory, variant: str) -> ScenarioInstance:
    instance = _one_push(factory, variant, Expectation(Reason.PUSH_UNCERTAIN))
    return replace(instance, push_api=UNCLEAR_THEN_REFUSED[variant])


def push_uncertain_to_the_deadline(factory: DataFactory, variant: str) -> ScenarioInstance:
    """Every attempt is unclear, so it takes until the deadline."""
    instance = _one_push(factory, variant, Expectation(Reason.PUSH_UNCERTAIN))
    return replace(instance, push_api=UNCLEAR_TO_THE_END[variant])


def concurrent_events(factory: DataFactory, variant: str) -> ScenarioInstance:
    """Two events of one user at the same time: one of them is pushed, either one."""
    instance = _one_push(factory, variant, Expectation(Reason.PUSHED, frozenset({Reason.CAPPED})))
    first = instance.drafts[0]
    template = replace(first.template, event_id=factory.event_id())
    second = Draft(template, Expectation(Reason.CAPPED, frozenset({Reason.PUSHED})), template.value)
    return replace(instance, drafts=[first, second])


def nearly_expired(factory: DataFactory, variant: str) -> ScenarioInstance:
    others = frozenset({Reason.EXPIRED, Reason.PUSH_UNCERTAIN})
    instance = _one_push(factory, variant, Expectation(Reason.PUSHED, others))
    return aged(instance, NEARLY_EXPIRED)
