"""What a seed decides before its universe begins: the events, the clocks, how bad the network is, and the faults."""

from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

from saving_alerts.domain.decisions import Stage
from saving_alerts.failpoints import Failpoint

FRESHNESS_SECONDS = 60.0
CAP_SECONDS = 240.0  # longer than an event can be in work: a shorter one is a limit of the protocol (docs/claims.md)
MARGIN_SECONDS = 2.0  # by so much any two clocks may differ
LEASE_SECONDS = 20.0
ATTEMPT_SECONDS = 5.0
SESSION_SECONDS = 3.0
PARTITIONS = 2
FAULTLESS = 0.1  # so many universes in which nothing goes wrong: there every user gets their push
# Places between two effects where a process dies; the others are nothing that a stage passes.
CRASH_PLACES = [
    place for place in Failpoint if place.value not in ("before_commit", "after_commit", "during_rebalance")
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
    "attempt",
    "push arrives",
    "writes the Table",
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
    """`event_id` may be that of another: then it is a duplicate."""

    at_seconds: float
    user_id: str
    event_id: str
    is_trigger: bool = True


@dataclass(frozen=True, slots=True)
class Odds:
    """How often each of these comes, of all calls."""

    redis_lost: float = 0.0
    redis_answer_lost: float = 0.0
    redis_late: float = 0.0
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

    `suspicious`: the owners of the partitions have died so often that every record is tried alone.
    """

    events: tuple[PlannedEvent, ...]
    faults: tuple[Fault, ...] = ()
    crash: CrashPlace | None = None
    odds: Odds = field(default_factory=Odds)
    skews: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    suspicious: bool = False

    @property
    def is_faultless(self) -> bool:
        return not self.faults and self.crash is None and self.odds == Odds()


def plan_of(random: Random) -> Plan:
    events = _events(random)
    if random.random() < FAULTLESS:
        return Plan(events)
    faults = tuple(_fault(random) for _ in range(random.choice((0, 1, 1, 2, 2, 3))))
    crash = _crash(random) if random.random() < 0.3 else None
    half = MARGIN_SECONDS / 2
    skews = (random.uniform(-half, half), random.uniform(-half, half), random.uniform(-half, half), 0.0)
    return Plan(events, faults, crash, _odds(random), skews, suspicious=random.random() < 0.1)


def _events(random: Random) -> tuple[PlannedEvent, ...]:
    """Mostly two for a user: while one is in work, or so much later that the charge of the first is nearly over."""
    events: list[PlannedEvent] = []
    for user in range(random.choice((1, 2, 2, 3))):
        moment = random.uniform(0, 20)
        for _ in range(random.choice((1, 2, 2, 2, 3))):
            number = len(events)
            again = events and events[-1].user_id == f"u-{user}" and random.random() < 0.1
            event_id = events[-1].event_id if again else f"event-{number}"
            events.append(PlannedEvent(moment, f"u-{user}", event_id, random.random() > 0.1))
            moment += random.choice((random.uniform(0, 3), random.uniform(0, 70)))
    return tuple(sorted(events, key=lambda event: event.at_seconds))


def _fault(random: Random) -> Fault:
    kind = random.choice(list(FaultKind))
    return Fault(kind, random.choice(MOMENTS), random.randint(1, 4), random.choice((2.0, 8.0, 16.0, 30.0, 45.0)))


def _crash(random: Random) -> CrashPlace:
    place = random.choice(CRASH_PLACES)
    stage = random.choice((None, Stage.DISPATCH_PUSH))
    is_of_claim = place in (Failpoint.AFTER_RESERVE, Failpoint.AFTER_RENEW, Failpoint.AFTER_PUSH_ANSWER)
    is_of_claim = is_of_claim or place in (Failpoint.AFTER_TABLE_WRITE, Failpoint.AFTER_CONFIRM)
    return CrashPlace(place, None if is_of_claim else stage, random.randint(1, 3))


def _odds(random: Random) -> Odds:
    """Each is off in half of the universes. In some nearly every push comes late, and its repetition is refused."""
    if random.random() < 0.15:
        return Odds(push_late=0.6, push_refused=0.6)

    def odds(most: float) -> float:
        return random.choice((0.0, most / 4, most / 2, most)) if random.random() < 0.6 else 0.0

    return Odds(
        redis_lost=odds(0.2),
        redis_answer_lost=odds(0.2),
        redis_late=odds(0.1),
        push_refused=odds(0.3),
        push_throttled=odds(0.4),
        push_dropped=odds(0.4),
        push_late=odds(0.6),
        push_answer_lost=odds(0.4),
        kafka_fails=odds(0.3),
        kafka_answer_lost=odds(0.1),
        kafka_slow=odds(0.4),
    )
