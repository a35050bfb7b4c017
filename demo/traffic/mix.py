"""How much of which scenario there is, and in which order its events come."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, count
from random import Random

from demo.stub_apis.coupon_api import Coupons
from demo.stub_apis.faults import Behaviour
from demo.traffic import at_push, before_push
from demo.traffic.invalid import WAYS
from demo.traffic.plan import PlannedEvent, Traffic
from demo.traffic.scenes import Cast, Draft, Scene

MIN_EVENTS = 200
TRICKLE_EVENTS = 500
DEVICE_KEYS_SHARE = 0.1
PLAIN = ("plain",)

Scenario = Callable[[Cast, str], Scene]


@dataclass(frozen=True, slots=True)
class Share:
    """How many scenes a scenario has per 1,000 events, and in which part of the traffic (0 to 1) they begin."""

    scenario: Scenario
    variants: tuple[str, ...]
    per_thousand: float
    at_most: int | None = None
    begins: tuple[float, float] = (0.0, 1.0)

    def scenes(self, events: int) -> int:
        """At least one, so that every reason occurs in every traffic."""
        wanted = max(1, round(events * self.per_thousand / 1000))
        return wanted if self.at_most is None else min(wanted, self.at_most)


# Of 1,000 events: 30 invalid, 100 triggers, 4 pushes; everything else is no trigger.
SHARES = (
    Share(before_push.invalid, tuple(WAYS), 30),
    Share(before_push.expired, ("minutes", "minutes", "minutes", "days"), 3),
    Share(before_push.no_consent, PLAIN, 47),
    Share(before_push.quiet_hours, before_push.NIGHTS, 3.5),
    Share(before_push.rule_refused, before_push.RULE_REFUSALS, 6),
    Share(before_push.no_coupon, before_push.NO_COUPONS, 10),
    Share(before_push.coupon_api_refused, before_push.COUPON_API_REFUSALS, 1.2),
    # Few and early: ten failures in a row, with no success between them, would open the breaker.
    Share(before_push.coupon_api_failed, ("500", "502", "dropped"), 0.3, at_most=6, begins=(0.0, 0.6)),
    Share(at_push.pushed_then_capped, PLAIN, 2.8, begins=(0.0, 0.5)),
    Share(at_push.pushed_then_repeated, PLAIN, 0.4, begins=(0.0, 0.5)),
    Share(at_push.pushed_with_fixed_amount, PLAIN, 0.2),
    Share(at_push.pushed_after_trouble, at_push.TROUBLES, 0.7, at_most=50),
    Share(at_push.push_refused, at_push.PUSH_REFUSALS, 0.4),
    Share(at_push.push_uncertain, tuple(at_push.UNCLEAR_THEN_REFUSED), 0.2),
    # First of all, so that the minute they take has passed when the others are done.
    Share(
        at_push.push_uncertain_to_the_deadline, tuple(at_push.UNCLEAR_TO_THE_END), 0.15, at_most=3, begins=(0.0, 0.01)
    ),
    Share(at_push.rivals, PLAIN, 0.3),
    Share(at_push.nearly_expired, PLAIN, 0.2),
)


@dataclass(frozen=True, slots=True)
class _Placed:
    """A draft with its place in the traffic, and the scene it belongs to; `first` is the scene's first draft."""

    when: float
    kind: str
    key: bytes
    draft: Draft
    first: Draft


def make_traffic(seed: int, events: int, series: int = 0) -> Traffic:
    """Traffic of exactly `events` records: the same arguments give the same traffic.

    Traffics of different seed or series share no users and no events. Raises ValueError below 200 events.
    """
    if events < MIN_EVENTS:
        raise ValueError(f"{events} events are too few for every scenario: at least {MIN_EVENTS}")
    cast = Cast(Random(f"{seed}:{series}"), f"{seed}-{series}")
    staged = [(share, place, scene) for share in SHARES for place, scene in _scenes(cast, share, share.scenes(events))]
    filled = sum(len(scene.drafts) for _, _, scene in staged)
    background = Share(before_push.not_a_trigger, PLAIN, 0)
    staged += [(background, place, scene) for place, scene in _scenes(cast, background, events - filled)]
    placed = chain.from_iterable(_place(cast, share, when, scene) for share, when, scene in staged)
    return Traffic(_numbered(list(placed)), *_world([scene for _, _, scene in staged]))


def endless(seed: int, events: int = TRICKLE_EVENTS) -> Iterator[Traffic]:
    """One traffic of `events` records after the other, for ever, with new users in each."""
    return (make_traffic(seed, events, series) for series in count(1))


def _scenes(cast: Cast, share: Share, number: int) -> Iterator[tuple[float, Scene]]:
    """Scenes with the moment each begins, evenly spread; variants take turns, in an order of the seed's."""
    start, end = share.begins
    variants = cast.random.sample(share.variants, len(share.variants))
    for index in range(number):
        when = start + (end - start) * (index + cast.random.random()) / number
        yield when, share.scenario(cast, variants[index % len(variants)])


def _place(cast: Cast, share: Share, begins: float, scene: Scene) -> Iterator[_Placed]:
    first = scene.drafts[0]
    kind = f"{share.scenario.__name__}/{scene.variant}"
    from_device = len(scene.drafts) == 1 and cast.random.random() < DEVICE_KEYS_SHARE
    key = f"device-{cast.random.getrandbits(32):08x}" if from_device else first.template.user_id
    for draft in scene.drafts:
        yield _Placed(begins + draft.wait * (1 - begins), kind, key.encode(), draft, first)


def _numbered(placed: list[_Placed]) -> tuple[PlannedEvent, ...]:
    placed.sort(key=lambda each: each.when)
    numbers = {id(each.draft): number for number, each in enumerate(placed)}
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
        for number, each in enumerate(placed)
    )


_Scripts = dict[str, tuple[Behaviour, ...]]


def _world(scenes: list[Scene]) -> tuple[dict[tuple[str, str], Coupons], _Scripts, _Scripts]:
    """The catalogue, and the scripts of both APIs by user."""
    by_user = [(scene.drafts[0].template.user_id, scene) for scene in scenes]
    coupons = {(user_id, merchant): answer for user_id, scene in by_user for merchant, answer in scene.coupons.items()}
    coupon_api = {user_id: scene.coupon_api for user_id, scene in by_user if scene.coupon_api}
    push_api = {user_id: scene.push_api for user_id, scene in by_user if scene.push_api}
    return coupons, coupon_api, push_api
