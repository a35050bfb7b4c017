"""The traffic mix: how many instances each scenario has, and in which order the events come."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain, count
from random import Random

from demo.stub_apis.coupon_api import Coupons
from demo.stub_apis.faults import Behaviour
from demo.traffic import at_push, before_push
from demo.traffic.invalid import CORRUPTIONS
from demo.traffic.plan import PlannedEvent, Traffic
from demo.traffic.scenario import DataFactory, Draft, ScenarioInstance, aged

MIN_EVENTS = 200
TRICKLE_EVENTS = 500
DEVICE_KEYS_SHARE = 0.1
PLAIN = ("plain",)

Scenario = Callable[[DataFactory, str], ScenarioInstance]


@dataclass(frozen=True, slots=True)
class Share:
    """How many instances a scenario has per 1,000 events, and in which part of the traffic (0 to 1) they begin."""

    scenario: Scenario
    variants: tuple[str, ...]
    per_thousand: float
    at_most: int | None = None
    begins: tuple[float, float] = (0.0, 1.0)
    waits: bool = False  # until the deadline of its events
    ill: bool = False  # an API fails in it, or asks for a pause

    def instances(self, events: int) -> int:
        """At least one, so that every reason occurs in every traffic."""
        wanted = max(1, round(events * self.per_thousand / 1000))
        return wanted if self.at_most is None else min(wanted, self.at_most)


# Of 1,000 events: 30 invalid, 100 triggers, 4 pushes; everything else is no trigger.
SHARES = (
    Share(before_push.invalid, tuple(CORRUPTIONS), 30),
    Share(before_push.expired, ("minutes", "minutes", "minutes", "days"), 3),
    Share(before_push.no_consent, PLAIN, 47),
    Share(before_push.quiet_hours, ("night",), 2),
    Share(before_push.unknown_zone, tuple(before_push.STRANGE_ZONES), 1.5),
    Share(before_push.rule_refused, before_push.RULE_REFUSALS, 6),
    Share(before_push.no_coupon, before_push.NO_COUPONS, 10),
    Share(before_push.coupon_api_refused, before_push.COUPON_API_REFUSALS, 1.2),
    # Few and early: ten failures in a row, with no success between them, would open the breaker.
    Share(
        before_push.coupon_api_failed,
        ("500", "502", "dropped"),
        0.3,
        at_most=6,
        begins=(0.0, 0.6),
        waits=True,
        ill=True,
    ),
    Share(at_push.pushed_then_capped, PLAIN, 2.8, begins=(0.0, 0.5)),
    Share(at_push.pushed_then_repeated, PLAIN, 0.4, begins=(0.0, 0.5)),
    Share(at_push.pushed_with_fixed_amount, PLAIN, 0.2),
    Share(at_push.pushed_after_fault, at_push.TEMPORARY_FAULTS, 0.7, at_most=50, ill=True),
    Share(at_push.push_refused, at_push.PUSH_REFUSALS, 0.4),
    Share(at_push.push_uncertain, tuple(at_push.UNCLEAR_THEN_REFUSED), 0.2, ill=True),
    # First of all, so that the minute they take has passed when the others are done.
    Share(
        at_push.push_uncertain_to_the_deadline,
        tuple(at_push.UNCLEAR_TO_THE_END),
        0.15,
        at_most=3,
        begins=(0.0, 0.01),
        waits=True,
        ill=True,
    ),
    Share(at_push.concurrent_events, PLAIN, 0.3),
    Share(at_push.nearly_expired, PLAIN, 0.2),
)


@dataclass(frozen=True, slots=True)
class _ScheduledEvent:
    """A draft and when it comes in the traffic (0 to 1); `first` is the first draft of the same instance."""

    when: float
    kind: str
    key: bytes
    draft: Draft
    first: Draft


def make_traffic(
    seed: int, events: int, series: int = 0, *, age_of_waiting: timedelta = timedelta(), healthy: bool = False
) -> Traffic:
    """Traffic of exactly `events` records: the same arguments give the same traffic.

    Events that wait until their deadline occurred `age_of_waiting` before they are produced. Traffics of different seed
    or series share no users and no events. `healthy`: no API fails in it. Raises ValueError below 200 events.
    """
    if events < MIN_EVENTS:
        raise ValueError(f"{events} events are too few for every scenario: at least {MIN_EVENTS}")
    factory = DataFactory(Random(f"{seed}:{series}"), f"{seed}-{series}")
    timed = [
        (share, when, aged(instance, age_of_waiting) if share.waits else instance)
        for share in SHARES
        if not (healthy and share.ill)
        for when, instance in _instances(factory, share, share.instances(events))
    ]
    filled = sum(len(instance.drafts) for _, _, instance in timed)
    background = Share(before_push.not_a_trigger, PLAIN, 0)
    timed += [(background, when, instance) for when, instance in _instances(factory, background, events - filled)]
    scheduled = chain.from_iterable(_scheduled(factory, share, when, instance) for share, when, instance in timed)
    return Traffic(_numbered(list(scheduled)), *_api_data([instance for _, _, instance in timed]))


def endless(seed: int, events: int = TRICKLE_EVENTS) -> Iterator[Traffic]:
    """One traffic of `events` records after the other, for ever, with new users in each. No API fails in them."""
    return (make_traffic(seed, events, series, healthy=True) for series in count(1))


def _instances(factory: DataFactory, share: Share, number: int) -> Iterator[tuple[float, ScenarioInstance]]:
    """Scenes with the moment each begins, evenly spread; variants take turns, in an order of the seed's."""
    start, end = share.begins
    variants = factory.random.sample(share.variants, len(share.variants))
    for index in range(number):
        when = start + (end - start) * (index + factory.random.random()) / number
        yield when, share.scenario(factory, variants[index % len(variants)])


def _scheduled(
    factory: DataFactory, share: Share, begins: float, instance: ScenarioInstance
) -> Iterator[_ScheduledEvent]:
    first = instance.drafts[0]
    kind = f"{share.scenario.__name__}/{instance.variant}"
    from_device = len(instance.drafts) == 1 and factory.random.random() < DEVICE_KEYS_SHARE
    key = f"device-{factory.random.getrandbits(32):08x}" if from_device else first.template.user_id
    for draft in instance.drafts:
        yield _ScheduledEvent(begins + draft.wait * (1 - begins), kind, key.encode(), draft, first)


def _numbered(scheduled: list[_ScheduledEvent]) -> tuple[PlannedEvent, ...]:
    scheduled.sort(key=lambda each: each.when)
    numbers = {id(each.draft): number for number, each in enumerate(scheduled)}
    return tuple(
        PlannedEvent(
            number=number,
            kind=each.kind,
            key=each.key,
            user_id=each.draft.template.user_id,
            event_id=each.draft.template.event_id,
            expected=each.draft.expected,
            writer=each.draft.writer,
            after=numbers[id(each.first)] if each.draft.follows_first else None,
        )
        for number, each in enumerate(scheduled)
    )


_Scripts = dict[str, tuple[Behaviour, ...]]


def _api_data(instances: list[ScenarioInstance]) -> tuple[dict[tuple[str, str], Coupons], _Scripts, _Scripts]:
    """The catalogue, and the scripts of both APIs by user."""
    by_user = [(instance.drafts[0].template.user_id, instance) for instance in instances]
    coupons = {
        (user_id, merchant): answer for user_id, instance in by_user for merchant, answer in instance.coupons.items()
    }
    coupon_api = {user_id: instance.coupon_api for user_id, instance in by_user if instance.coupon_api}
    push_api = {user_id: instance.push_api for user_id, instance in by_user if instance.push_api}
    return coupons, coupon_api, push_api
