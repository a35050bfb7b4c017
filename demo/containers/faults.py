"""What happens to the containers: one after the other is killed or paused for a while, then started or woken."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random

from demo.containers.docker import ComposeFailedError, Containers

WORKERS = ("worker-1", "worker-2", "worker-3")
BROKERS = ("broker-1", "broker-2", "broker-3")
VICTIMS = (*WORKERS, *BROKERS, "valkey", "s3", "coupon-api", "push-api")
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
class Fault:
    """What is done to one container, and for how long."""

    service: str
    action: str
    seconds: float

    def __str__(self) -> str:
        return f"{self.action} {self.service} for {self.seconds:.0f} s"


def next_blow(random: Random, ill: list[str], dealt: Mapping[str, int]) -> Fault | None:
    """A random one against one of those who had the fewest so far; None while nobody can take one.

    Who is still ill from the last blow is spared, and with one broker all: two copies of three must be in sync, so a
    second broker would only show that Kafka stops then, as it should.
    """
    spared = {*ill, *(BROKERS if set(BROKERS) & set(ill) else ())}
    fit = [service for service in VICTIMS if service not in spared]
    if not fit:
        return None
    fewest = min(dealt.get(service, 0) for service in fit)
    service = random.choice([service for service in fit if dealt.get(service, 0) == fewest])
    return Fault(service, random.choice(sorted(CURES)), random.uniform(SHORTEST_SECONDS, LONGEST_SECONDS))


class FaultInjector:
    """Deals blows, one at a time, and counts them: `dealt` by service and action."""

    def __init__(
        self, containers: Containers, say: Callable[[str], None], sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.dealt: Counter[tuple[str, str]] = Counter()
        self._containers = containers
        self._say = say
        self._sleep = sleep

    def next(self, random: Random) -> Fault | None:
        by_service: Counter[str] = Counter()
        for (service, _), times in self.dealt.items():
            by_service[service] += times
        return next_blow(random, unwell(self._containers), by_service)

    def deal(self, blow: Fault) -> None:
        """Return when the container is started or woken again; it may need some time to be well.

        A blow that the engine refuses, as a busy one refuses a pause now and then, is told and not counted.
        """
        self._say(str(blow))
        try:
            self._containers.do(blow.action, blow.service)
        except ComposeFailedError as error:
            self._say(f"not done: {error}")
            return
        with self._ill(blow):
            self._sleep(blow.seconds)
        self.dealt[blow.service, blow.action] += 1

    def wait_until_all_are_well(self) -> None:
        """Raises StillIllError when somebody is not after two minutes."""
        self._wait_until_well(VICTIMS)

    @contextmanager
    def _ill(self, blow: Fault) -> Iterator[None]:
        """Whatever interrupts us, the container is started or woken."""
        try:
            yield
        finally:
            self._containers.do(CURES[blow.action], blow.service)
        if blow.action == "kill" and blow.service in AFTER_A_KILL:
            self._wait_until_well((blow.service,))
            self._containers.do("start", AFTER_A_KILL[blow.service])

    def _wait_until_well(self, services: tuple[str, ...]) -> None:
        for _ in range(round(RECOVERY_TIMEOUT_SECONDS / LOOK_SECONDS)):
            if not (ill := set(unwell(self._containers)) & set(services)):
                return
            self._sleep(LOOK_SECONDS)
        names = ", ".join(sorted(ill))
        raise StillIllError(f"not well {RECOVERY_TIMEOUT_SECONDS} s later: {names}. See `docker compose logs`.")


def unwell(containers: Containers) -> list[str]:
    """Who is not up and healthy."""
    well = {each.service for each in containers.states() if each.is_well}
    return [service for service in VICTIMS if service not in well]
