"""Faults hit one container at a time, and every container is started or unpaused again."""

from collections import Counter
from random import Random

import pytest

from demo.containers.docker import ComposeFailedError, ContainerState
from demo.containers.faults import (
    BROKERS,
    LONGEST_SECONDS,
    REPAIRS,
    SHORTEST_SECONDS,
    TARGETS,
    Fault,
    FaultInjector,
    NotRecoveredError,
    next_fault,
    unhealthy,
)


class FakeContainers:
    """Containers that are healthy at once, but for those in `slow`; `done` is what was done to them.

    Pausing those in `unpausable` fails.
    """

    def __init__(self, slow: tuple[str, ...] = (), unpausable: tuple[str, ...] = ()) -> None:
        self._unpausable = unpausable
        self.done: list[tuple[str, str]] = []
        self._slow = slow
        self._states = dict.fromkeys(TARGETS, "running")

    def states(self) -> list[ContainerState]:
        health = {service: "starting" if service in self._slow else "healthy" for service in TARGETS}
        return [ContainerState(service, state, health[service]) for service, state in self._states.items()]

    def do(self, action: str, service: str) -> None:
        if action == "pause" and service in self._unpausable:
            raise ComposeFailedError("unable to freeze")
        self.done.append((action, service))
        self._states[service] = {"kill": "exited", "pause": "paused"}.get(action, "running")


def injector_of(containers: FakeContainers) -> FaultInjector:
    return FaultInjector(containers, lambda _: None, lambda _: None)


@pytest.mark.parametrize(("action", "repair"), REPAIRS.items(), ids=list(REPAIRS))
def test_a_container_is_repaired_after_its_fault(action: str, repair: str) -> None:
    containers = FakeContainers()

    injector_of(containers).inject(Fault("worker-2", action, 5))

    assert containers.done == [(action, "worker-2"), (repair, "worker-2")]


def test_a_container_is_repaired_also_when_the_fault_is_interrupted() -> None:
    containers = FakeContainers()

    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        FaultInjector(containers, lambda _: None, interrupted).inject(Fault("broker-1", "pause", 5))

    assert containers.done == [("pause", "broker-1"), ("unpause", "broker-1")]


def test_a_store_that_lost_its_data_is_set_up_again() -> None:
    containers = FakeContainers()

    injector_of(containers).inject(Fault("s3", "kill", 5))

    assert containers.done == [("kill", "s3"), ("start", "s3"), ("start", "setup")]


def test_a_store_that_was_only_paused_is_not_set_up_again() -> None:
    containers = FakeContainers()

    injector_of(containers).inject(Fault("s3", "pause", 5))

    assert ("start", "setup") not in containers.done


def test_faults_are_counted() -> None:
    injector = injector_of(FakeContainers())

    for action in ("kill", "pause", "kill"):
        injector.inject(Fault("valkey", action, 5))

    assert injector.injected == Counter({("valkey", "kill"): 2, ("valkey", "pause"): 1})


def test_a_fault_that_docker_fails_to_inject_is_logged_and_not_counted() -> None:
    containers, logged = FakeContainers(unpausable=("broker-3",)), list[str]()
    injector = FaultInjector(containers, logged.append, lambda _: None)

    injector.inject(Fault("broker-3", "pause", 5))

    assert logged[1:] == ["not done: unable to freeze"]
    assert injector.injected == Counter()
    assert containers.done == []


def test_the_container_with_the_fewest_faults_is_next() -> None:
    injected = {**dict.fromkeys(TARGETS, 3), "push-api": 2}

    fault = next_fault(Random(1), [], injected)

    assert fault is not None
    assert fault.service == "push-api"


def test_faults_are_spread_evenly_over_the_containers() -> None:
    random, injected = Random(1), Counter[str]()

    for _ in range(len(TARGETS) * 3):
        fault = next_fault(random, [], injected)
        assert fault is not None
        injected[fault.service] += 1

    assert injected == dict.fromkeys(TARGETS, 3)


def test_faults_are_kills_and_pauses_within_the_limits() -> None:
    random = Random(1)
    found = [next_fault(random, [], {}) for _ in range(200)]
    faults = [fault for fault in found if fault is not None]

    assert {fault.action for fault in faults} == {"kill", "pause"}
    assert all(SHORTEST_SECONDS <= fault.seconds <= LONGEST_SECONDS for fault in faults)


def test_while_one_broker_is_unhealthy_no_broker_has_a_fault() -> None:
    random = Random(1)

    hit = {fault.service for _ in range(200) if (fault := next_fault(random, ["broker-2"], {}))}

    assert hit == set(TARGETS) - set(BROKERS)


def test_there_is_no_fault_while_all_are_unhealthy() -> None:
    assert next_fault(Random(1), list(TARGETS), {}) is None


def test_a_container_that_still_starts_is_unhealthy() -> None:
    assert unhealthy(FakeContainers(slow=("worker-3",))) == ["worker-3"]


def test_a_container_that_does_not_recover_is_named() -> None:
    injector = injector_of(FakeContainers(slow=("worker-3",)))

    with pytest.raises(NotRecoveredError, match="worker-3"):
        injector.wait_until_all_are_healthy()
