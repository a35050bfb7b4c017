"""What a seed decides before its universe begins: the events, the clocks, how bad the network is, and the faults."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from random import Random

from saving_alerts.domain.decisions import Stage
from saving_alerts.failpoints import Failpoint

FRESHNESS_SECONDS = 60.0
CAP_SECONDS = 240.0  # longer than an event can be in work: a shorter one is a limit of the protocol (docs/claims.md)
MARGIN_SECONDS = 2.0  # by so much any two clocks may differ
LEASE_SECONDS = 20.0
ATTEMPT_SECONDS = 5.0
PARTITIONS = 2
FAULTLESS = 0.1  # so many universes in which nothing goes wrong: there every user gets their push
# Places between two effects where a process dies; the others are nothing that a stage passes.
CRASH_PLACES = [
    place
    for place in Failpoint
    if place.value not in ("before_commit", "after_commit", "during_rebalance", "after_control_charge")
    and not {"erased", "gathering"} & {*place.value.split("_")}
]


class FaultKind(StrEnum):
    CRASH = "crash"
    PAUSE = "pause"
    REBALANCE = "rebalance"
    REDIS_FORGETS = "Redis forgets"
    REDIS_IS_AWAY = "Redis is away"
    KAFKA_IS_AWAY = "Kafka is away"
    KILL_SWITCH = "kill switch"
    RELOAD = "reload"


HOW_OFTEN = {
    FaultKind.CRASH: 2,
    FaultKind.PAUSE: 4,
    FaultKind.REBALANCE: 2,
    FaultKind.REDIS_FORGETS: 4,
    FaultKind.REDIS_IS_AWAY: 1,
    FaultKind.KAFKA_IS_AWAY: 2,
    FaultKind.KILL_SWITCH: 2,
    FaultKind.RELOAD: 1,
}
# When a fault comes: as a worker does this, the so many-th time.
MOMENTS = (
    "takes",
    "asks the Coupon API",
    "reserve",
    "reserve arrives",
    "renew",
    "release",
    "release arrives",
    "confirm",
    "confirm arrives",
    "attempt",
    "attempt",
    "push arrives",
    "writes the Table",
    "has its send on the changelog",
    "writes",
    "acknowledges",
    "drains",
)


@dataclass(frozen=True, slots=True)
class Fault:
    """`seconds`: how long it lasts."""

    kind: FaultKind
    moment: str
    times: int
    seconds: float


@dataclass(frozen=True, slots=True)
class CrashPlace:
    """A failpoint at which the first process of a slot dies."""

    failpoint: Failpoint
    stage: Stage | None
    times: int


@dataclass(frozen=True, slots=True)
class PlannedEvent:
    """`event_id` may be that of another: then it is a duplicate. `age_seconds`: so old it is when it is written."""

    at_seconds: float
    user_id: str
    event_id: str
    is_trigger: bool = True
    age_seconds: float = 0.0
    is_departure: bool = False


@dataclass(frozen=True, slots=True)
class Odds:
    """How often each of these comes, of all calls."""

    redis_lost: float = 0.0
    redis_answer_lost: float = 0.0
    redis_late: float = 0.0
    redis_slow: float = 0.0
    push_refused: float = 0.0
    push_throttled: float = 0.0
    push_dropped: float = 0.0
    push_late: float = 0.0
    push_answer_lost: float = 0.0
    kafka_fails: float = 0.0
    kafka_answer_lost: float = 0.0
    kafka_slow: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """`skews`: by how many seconds the clocks of Redis, the push API and the two slots differ from the world's.

    `session_seconds`: a worker that is paused for longer is expelled. `suspicious`: the owners of the partitions have
    died so often that every record is tried alone.
    """

    events: tuple[PlannedEvent, ...]
    faults: tuple[Fault, ...] = ()
    crash: CrashPlace | None = None
    odds: Odds = field(default_factory=Odds)
    skews: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    suspicious: bool = False
    drain_seconds: float = 3.0
    session_seconds: float = 3.0
    choose_within_seconds: float = 0.0
    budget: int = 0  # how many pushes a day the merchant has; 0: it has no budget
    control: bool = False  # some users are kept back, and a reload keeps back others

    @property
    def is_faultless(self) -> bool:
        return not self.faults and self.crash is None and self.odds == Odds()


def _sleeps_past_the_deadline(plan: Plan) -> Plan:
    """With a claim whose lease lives on."""
    sleeps = Fault(FaultKind.PAUSE, "reserve arrives", 1, 10.0)
    events = tuple(replace(each, age_seconds=0.88 * FRESHNESS_SECONDS) for each in plan.events)
    return replace(plan, events=events, faults=(sleeps,), session_seconds=30.0)


def _redis_forgets_a_push(plan: Plan) -> Plan:
    """As it is confirmed: the same event, which waits behind it, asks a Redis that knows nothing."""
    forgets = Fault(FaultKind.REDIS_FORGETS, "confirm arrives", 1, 0.0)
    first = replace(plan.events[0], is_trigger=True, age_seconds=0.0)
    return replace(plan, events=(first, replace(first, at_seconds=first.at_seconds + 1)), faults=(forgets,))


def _is_refused_before_it_arrives(plan: Plan) -> Plan:
    """The repetition of a push that is under way for long."""
    return replace(plan, faults=(), odds=Odds(push_late=0.5, push_refused=0.5))


def _drains_while_a_record_is_tried_alone(plan: Plan) -> Plan:
    moves = Fault(FaultKind.REBALANCE, "asks the Coupon API", 1, 0.0)
    return replace(plan, faults=(moves, *plan.faults), suspicious=True, drain_seconds=0.5)


# What chance brings together too seldom.
OF_A_SCENE = 0.5
SCENES = (
    _sleeps_past_the_deadline,
    _redis_forgets_a_push,
    _drains_while_a_record_is_tried_alone,
    _drains_while_a_record_is_tried_alone,
    *[_is_refused_before_it_arrives] * 4,
)


def plan_of(random: Random) -> Plan:
    events = _events(random)
    if random.random() < FAULTLESS:
        return Plan(tuple(replace(each, age_seconds=0.0) for each in events))
    faults = tuple(_fault(random) for _ in range(random.choice((0, 1, 1, 2, 2, 3))))
    crash = _crash(random) if random.random() < 0.3 else None
    half = MARGIN_SECONDS / 2
    skews = (random.uniform(-half, half), random.uniform(-half, half), random.uniform(-half, half), 0.0)
    plan = Plan(
        events,
        faults,
        crash,
        _odds(random),
        skews,
        suspicious=random.random() < 0.15,
        drain_seconds=random.choice((0.5, 3.0)),
        session_seconds=random.choice((3.0, 30.0)),
    )
    return random.choice(SCENES)(plan) if random.random() < OF_A_SCENE else plan


def _events(random: Random) -> tuple[PlannedEvent, ...]:
    """Mostly two for a user: while one is in work, or so much later that the charge of the first is nearly over."""
    events: list[PlannedEvent] = []
    for user in range(random.choice((1, 2, 2, 3))):
        moment = random.uniform(0, 20)
        for _ in range(random.choice((1, 2, 2, 2, 3))):
            number = len(events)
            again = events and events[-1].user_id == f"u-{user}" and random.random() < 0.2
            event_id = events[-1].event_id if again else f"event-{number}"
            events.append(PlannedEvent(moment, f"u-{user}", event_id, random.random() > 0.1, _age(random)))
            moment += random.choice((random.uniform(0, 3), random.uniform(0, 70)))
    return tuple(sorted(events, key=lambda event: event.at_seconds))


def _age(random: Random) -> float:
    """Some reach dispatch only just in time."""
    return random.uniform(0.7, 0.97) * FRESHNESS_SECONDS if random.random() < 0.2 else 0.0


def _fault(random: Random) -> Fault:
    kind = random.choices(list(HOW_OFTEN), list(HOW_OFTEN.values()))[0]
    return Fault(kind, random.choice(MOMENTS), random.randint(1, 3), random.choice((2.0, 8.0, 16.0, 24.0, 45.0)))


def _crash(random: Random) -> CrashPlace:
    place = random.choice(CRASH_PLACES)
    stage = random.choice((None, Stage.DISPATCH_PUSH))
    is_of_claim = place in (Failpoint.AFTER_RESERVE, Failpoint.AFTER_RENEW, Failpoint.AFTER_PUSH_ANSWER)
    is_of_claim = is_of_claim or place in (Failpoint.AFTER_TABLE_WRITE, Failpoint.AFTER_CONFIRM)
    return CrashPlace(place, None if is_of_claim else stage, random.randint(1, 3))


def _odds(random: Random) -> Odds:
    """Each is off in half of the universes."""

    def odds(most: float) -> float:
        return random.choice((0.0, most / 4, most / 2, most)) if random.random() < 0.6 else 0.0

    return Odds(
        redis_lost=odds(0.2),
        redis_answer_lost=odds(0.2),
        redis_late=odds(0.1),
        redis_slow=odds(1.0),
        push_refused=odds(0.3),
        push_throttled=odds(0.4),
        push_dropped=odds(0.4),
        push_late=odds(0.6),
        push_answer_lost=odds(0.4),
        kafka_fails=odds(0.5),
        kafka_answer_lost=odds(0.1),
        kafka_slow=odds(0.4),
    )
