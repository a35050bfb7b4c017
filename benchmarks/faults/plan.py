"""The faults, in their order: the same for every contender."""

from dataclasses import dataclass
from enum import Enum, auto

SECONDS = 125.0
"""How long the load lasts. The last fault is over long before."""


class Fault(Enum):
    """`Scene.apply` does them. Who is killed, or has ended, is started again at once, as a supervisor would."""

    KILL_FIRST = auto()
    KILL_SECOND = auto()
    PAUSE_FIRST = auto()
    RESUME_FIRST = auto()
    SOME_HANG = auto()
    APIS_FAIL = auto()
    APIS_ANSWER = auto()
    KILL_COORDINATOR = auto()
    START_BROKERS = auto()
    FREEZE_REDIS = auto()
    RESUME_REDIS = auto()


@dataclass(frozen=True, slots=True)
class Planned:
    """`name` begins a fault whose effects are counted until the next one that has a name."""

    at: float
    fault: Fault
    name: str = ""


PLAN = (
    Planned(5, Fault.KILL_FIRST, "kill -9 of a worker"),
    Planned(25, Fault.PAUSE_FIRST, "a pause of 15 s"),
    Planned(40, Fault.RESUME_FIRST, "it wakes"),
    Planned(48, Fault.APIS_FAIL, "both APIs fail for 5 s"),
    Planned(53, Fault.APIS_ANSWER, "they answer"),
    Planned(60, Fault.SOME_HANG, "one user in ten gets no answer, and kill -9"),
    Planned(62, Fault.KILL_SECOND),
    Planned(82, Fault.APIS_ANSWER, "all get answers"),
    Planned(88, Fault.KILL_COORDINATOR, "the coordinator's broker is killed"),
    Planned(98, Fault.START_BROKERS, "it comes back"),
    Planned(108, Fault.FREEZE_REDIS, "Redis is gone for 5 s"),
    Planned(113, Fault.RESUME_REDIS, "Redis is back"),
)
