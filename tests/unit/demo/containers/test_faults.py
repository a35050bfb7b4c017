"""Containers are hit one at a time, and are always started or woken again."""

from collections import Counter
from random import Random

import pytest

from demo.containers.docker import ComposeFailedError, ContainerState
from demo.containers.faults import (
    BROKERS,
    CURES,
    LONGEST_SECONDS,
    SHORTEST_SECONDS,
    VICTIMS,
    Fault,
    FaultInjector,
    StillIllError,
    next_blow,
    unwell,
)


class FakeContainers:
    """Containers that are well again at once, but for those in `slow`; `done` is what was done to them.

    The engine refuses to pause those in `stubborn`.
    """

    def __init__(self, slow: tuple[str, ...] = (), stubborn: tuple[str, ...] = ()) -> None:
        self._stubborn = stubborn
        self.done: list[tuple[str, str]] = []
        self._slow = slow
        self._states = dict.fromkeys(VICTIMS, "running")

    def states(self) -> list[ContainerState]:
        health = {service: "starting" if service in self._slow else "healthy" for service in VICTIMS}
        return [ContainerState(service, state, health[service]) for service, state in self._states.items()]

    def do(self, action: str, service: str) -> None:
        if action == "pause" and service in self._stubborn:
            raise ComposeFailedError("unable to freeze")
        self.done.append((action, service))
        self._states[service] = {"kill": "exited", "pause": "paused"}.get(action, "running")


def suffering(containers: FakeContainers) -> FaultInjector:
    return FaultInjector(containers, lambda _: None, lambda _: None)


@pytest.mark.parametrize(("action", "cure"), CURES.items(), ids=list(CURES))
def test_who_was_hit_is_cured(action: str, cure: str) -> None:
    containers = FakeContainers()

    suffering(containers).deal(Fault("worker-2", action, 5))

    assert containers.done == [(action, "worker-2"), (cure, "worker-2")]


def test_who_was_hit_is_cured_also_when_we_are_interrupted() -> None:
    containers = FakeContainers()

    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        FaultInjector(containers, lambda _: None, interrupted).deal(Fault("broker-1", "pause", 5))

    assert containers.done == [("pause", "broker-1"), ("unpause", "broker-1")]


def test_a_store_that_forgot_everything_is_told_again() -> None:
    containers = FakeContainers()

    suffering(containers).deal(Fault("s3", "kill", 5))

    assert containers.done == [("kill", "s3"), ("start", "s3"), ("start", "setup")]


def test_a_store_that_was_only_paused_is_not_told_again() -> None:
    containers = FakeContainers()

    suffering(containers).deal(Fault("s3", "pause", 5))

    assert ("start", "setup") not in containers.done


def test_blows_are_counted() -> None:
    hit = suffering(FakeContainers())

    for action in ("kill", "pause", "kill"):
        hit.deal(Fault("valkey", action, 5))

    assert hit.dealt == Counter({("valkey", "kill"): 2, ("valkey", "pause"): 1})


def test_a_blow_that_the_engine_refuses_is_told_and_not_counted() -> None:
    containers, said = FakeContainers(stubborn=("broker-3",)), list[str]()
    hit = FaultInjector(containers, said.append, lambda _: None)

    hit.deal(Fault("broker-3", "pause", 5))

    assert said[1:] == ["not done: unable to freeze"]
    assert hit.dealt == Counter()
    assert containers.done == []


def test_whoever_had_the_fewest_blows_is_next() -> None:
    dealt = {**dict.fromkeys(VICTIMS, 3), "push-api": 2}

    blow = next_blow(Random(1), [], dealt)

    assert blow is not None
    assert blow.service == "push-api"


def test_everybody_has_their_turn() -> None:
    random, dealt = Random(1), Counter[str]()

    for _ in range(len(VICTIMS) * 3):
        blow = next_blow(random, [], dealt)
        assert blow is not None
        dealt[blow.service] += 1

    assert dealt == dict.fromkeys(VICTIMS, 3)


def test_blows_are_kills_and_pauses_within_the_limits() -> None:
    random = Random(1)
    found = [next_blow(random, [], {}) for _ in range(200)]
    blows = [blow for blow in found if blow is not None]

    assert {blow.action for blow in blows} == {"kill", "pause"}
    assert all(SHORTEST_SECONDS <= blow.seconds <= LONGEST_SECONDS for blow in blows)


def test_while_one_broker_is_ill_no_broker_is_hit() -> None:
    random = Random(1)

    hit = {blow.service for _ in range(200) if (blow := next_blow(random, ["broker-2"], {}))}

    assert hit == set(VICTIMS) - set(BROKERS)


def test_nobody_is_hit_while_all_are_ill() -> None:
    assert next_blow(Random(1), list(VICTIMS), {}) is None


def test_a_container_that_still_starts_is_not_well() -> None:
    assert unwell(FakeContainers(slow=("worker-3",))) == ["worker-3"]


def test_a_container_that_does_not_recover_is_named() -> None:
    hit = suffering(FakeContainers(slow=("worker-3",)))

    with pytest.raises(StillIllError, match="worker-3"):
        hit.wait_until_all_are_well()
