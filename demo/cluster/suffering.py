"""What happens to the containers: one at a time is killed or paused for a while, then it is well again."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random

from demo.cluster.containers import Containers

VICTIMS = (
    "worker-1", "worker-2", "worker-3",
    "broker-1", "broker-2", "broker-3",
    "valkey", "s3", "coupon-api", "push-api",
)  # fmt: skip
CURES = {"kill": "start", "pause": "unpause"}
# From a hiccup to longer than a session of the group (10 s): both are to be met.
SHORTEST_SECONDS = 2.0
LONGEST_SECONDS = 15.0
# What forgets everything when it is killed, and who tells it again.
AFTER_A_KILL = {"s3": "setup"}
LOOK_SECONDS = 1.0
RECOVERY_TIMEOUT_SECONDS = 120


class StillIllError(Exception):
    """A container did not become well again in time."""


@dataclass(frozen=True, slots=True)
class Blow:
    """What is done to one container, and for how long."""

    service: str
    action: str
    seconds: float

    def __str__(self) -> str:
        return f"{self.action} {self.service} for {self.seconds:.0f} s"


def blows(random: Random, victims: Sequence[str] = VICTIMS) -> Iterator[Blow]:
    """Without end, in rounds: every victim once a round, in a new order each time; the same seed gives the same."""
    while True:
        for service in random.sample(victims, len(victims)):
            yield Blow(service, random.choice(sorted(CURES)), random.uniform(SHORTEST_SECONDS, LONGEST_SECONDS))


class Suffering:
    """Deals blows, one after the other, and leaves everybody well. `dealt` counts them by service and action."""

    def __init__(
        self, containers: Containers, say: Callable[[str], None], sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.dealt: Counter[tuple[str, str]] = Counter()
        self._containers = containers
        self._say = say
        self._sleep = sleep

    def deal(self, blow: Blow) -> None:
        """Return when the container is well again. Raises StillIllError when it is not after two minutes."""
        self._say(str(blow))
        with self._ill(blow):
            self._sleep(blow.seconds)
        self.dealt[blow.service, blow.action] += 1
        self._wait_until_well(blow.service)

    @contextmanager
    def _ill(self, blow: Blow) -> Iterator[None]:
        """Whatever interrupts us, the container is started or woken."""
        self._containers.do(blow.action, blow.service)
        try:
            yield
        finally:
            self._containers.do(CURES[blow.action], blow.service)
        if blow.action == "kill" and blow.service in AFTER_A_KILL:
            self._wait_until_well(blow.service)
            self._containers.do("start", AFTER_A_KILL[blow.service])

    def _wait_until_well(self, service: str) -> None:
        for _ in range(round(RECOVERY_TIMEOUT_SECONDS / LOOK_SECONDS)):
            if service not in unwell(self._containers):
                return
            self._sleep(LOOK_SECONDS)
        raise StillIllError(f"{service} is not well {RECOVERY_TIMEOUT_SECONDS} s later: docker compose logs {service}")


def unwell(containers: Containers, victims: Sequence[str] = VICTIMS) -> list[str]:
    """Who is not up and healthy, in the order of `victims`."""
    well = {each.service for each in containers.states() if each.is_well}
    return [service for service in victims if service not in well]
