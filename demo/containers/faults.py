"""Faults of the containers: one after the other is killed or paused for a while, then started or unpaused."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random

from demo.containers.docker import ComposeFailedError, Containers

WORKERS = ("worker-1", "worker-2", "worker-3")
BROKERS = ("broker-1", "broker-2", "broker-3")
TARGETS = (*WORKERS, *BROKERS, "valkey", "s3", "coupon-api", "push-api")
REPAIRS = {"kill": "start", "pause": "unpause"}
# Shorter and longer than a session of the consumer group (10 s).
SHORTEST_SECONDS = 2.0
LONGEST_SECONDS = 15.0
# Containers that lose their data when they are killed, and the one-shot container that writes it again.
SETUP_AFTER_KILL = {"s3": "setup"}
POLL_SECONDS = 1.0
RECOVERY_TIMEOUT_SECONDS = 120


class NotRecoveredError(Exception):
    """A container was not healthy again in time."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is done to one container, and for how long."""

    service: str
    action: str
    seconds: float

    def __str__(self) -> str:
        return f"{self.action} {self.service} for {self.seconds:.0f} s"


def next_fault(random: Random, unhealthy: list[str], injected: Mapping[str, int]) -> Fault | None:
    """A random one for one of the containers with the fewest faults so far; None while no container may have one.

    A container that is still unhealthy from its last fault is left out, and with one broker all brokers: two of three
    replicas must be in sync, so without a second broker Kafka takes no writes, which is known.
    """
    left_out = {*unhealthy, *(BROKERS if set(BROKERS) & set(unhealthy) else ())}
    possible = [service for service in TARGETS if service not in left_out]
    if not possible:
        return None
    fewest = min(injected.get(service, 0) for service in possible)
    service = random.choice([service for service in possible if injected.get(service, 0) == fewest])
    return Fault(service, random.choice(sorted(REPAIRS)), random.uniform(SHORTEST_SECONDS, LONGEST_SECONDS))


class FaultInjector:
    """Injects one fault at a time, and counts them: `injected` by service and action."""

    def __init__(
        self, containers: Containers, log: Callable[[str], None], sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.injected: Counter[tuple[str, str]] = Counter()
        self._containers = containers
        self._log = log
        self._sleep = sleep

    def next(self, random: Random) -> Fault | None:
        by_service: Counter[str] = Counter()
        for (service, _), times in self.injected.items():
            by_service[service] += times
        return next_fault(random, unhealthy(self._containers), by_service)

    def inject(self, fault: Fault) -> None:
        """Return when the container is started or unpaused again; it may need some time to be healthy.

        A fault that Docker fails to inject is logged and not counted: a busy engine cannot pause now and then.
        """
        self._log(str(fault))
        try:
            self._containers.do(fault.action, fault.service)
        except ComposeFailedError as error:
            self._log(f"not done: {error}")
            return
        with self._repaired_afterwards(fault):
            self._sleep(fault.seconds)
        self.injected[fault.service, fault.action] += 1

    def wait_until_all_are_healthy(self) -> None:
        """Raises NotRecoveredError when a container is not after two minutes."""
        self._wait_until_healthy(TARGETS)

    @contextmanager
    def _repaired_afterwards(self, fault: Fault) -> Iterator[None]:
        """Start or unpause the container at the end of the block, also when the block is interrupted."""
        try:
            yield
        finally:
            self._containers.do(REPAIRS[fault.action], fault.service)
        if fault.action == "kill" and fault.service in SETUP_AFTER_KILL:
            self._wait_until_healthy((fault.service,))
            self._containers.do("start", SETUP_AFTER_KILL[fault.service])

    def _wait_until_healthy(self, services: tuple[str, ...]) -> None:
        for _ in range(round(RECOVERY_TIMEOUT_SECONDS / POLL_SECONDS)):
            if not (waiting_for := set(unhealthy(self._containers)) & set(services)):
                return
            self._sleep(POLL_SECONDS)
        names = ", ".join(sorted(waiting_for))
        raise NotRecoveredError(f"not well {RECOVERY_TIMEOUT_SECONDS} s later: {names}. See `docker compose logs`.")


def unhealthy(containers: Containers) -> list[str]:
    """The services that are not running, or whose health check fails."""
    healthy = {each.service for each in containers.states() if each.is_healthy}
    return [service for service in TARGETS if service not in healthy]
