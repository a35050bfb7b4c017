"""Dispatches of several workers on a real server, in any order of steps: no second push, none late, no cap broken."""

import asyncio
from collections.abc import Coroutine, Iterator
from datetime import timedelta
from typing import ClassVar, TypeVar

import msgspec
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from saving_alerts.adapters.redis_connection import connect
from saving_alerts.domain.alerts import Alert
from saving_alerts.domain.caps import Cap
from tests.contracts.dispatch_simulation import CallOutcome, DispatchSimulation, PushApiResponse, RunningDispatch
from tests.contracts.throttle_harness import DAILY, DAILY_PER_MERCHANT, TWICE_A_DAY, WEEKLY
from tests.contracts.throttle_pair import ThrottlePair, settings_for
from tests.contracts.throttle_servers import SERVERS, NamedRedis, named
from tests.support.sample_events import alert

Result = TypeVar("Result")

FRESHNESS = [timedelta(seconds=9), timedelta(minutes=10)]
# No sum of a few of these arrives near a lease (20 s), a deadline, an hour, a day or a week.
SHORT_STEPS = [timedelta(seconds=6), timedelta(seconds=11), timedelta(seconds=33)]
LONG_STEPS = [timedelta(minutes=13), timedelta(hours=13)]
CAPS = [(DAILY,), (TWICE_A_DAY, DAILY_PER_MERCHANT), (DAILY_PER_MERCHANT,), (TWICE_A_DAY, WEEKLY)]
EVENTS = 8
NAMES = ["worker-a", "worker-b", "worker-c"]
WORKERS = st.sampled_from(NAMES)
CLEAR: list[PushApiResponse] = ["400", "429", "by the contract"]
UNCLEAR: list[PushApiResponse] = ["request delayed", "answer lost"]
DISTURBANCES = ["a crash", "a late duplicate", "a lost answer of Redis", "a long time", "Redis loses its data"]
CALL_OUTCOMES: list[CallOutcome] = ["answer lost", "call delayed"]


class Dispatches(RuleBasedStateMachine):
    url: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.client = connect(self.url, timeout_seconds=5, max_connections=1)
        self.alerts: list[Alert] = []
        self.starts = dict.fromkeys(NAMES, 1)

    def run(self, work: Coroutine[object, object, Result]) -> Result:
        return self.loop.run_until_complete(work)

    @initialize(caps=st.sampled_from(CAPS), freshness=st.sampled_from(FRESHNESS))
    def begin(self, caps: tuple[Cap, ...], freshness: timedelta) -> None:
        self.run(self.open_simulation(caps))
        self.a_new_event(merchant_id="m-1", freshness=freshness, name=NAMES[0])

    async def open_simulation(self, caps: tuple[Cap, ...]) -> None:
        self.simulation = DispatchSimulation(ThrottlePair(self.client), caps)
        await self.simulation.pair.flush()

    @precondition(lambda self: len(self.alerts) < EVENTS)
    @rule(merchant_id=st.sampled_from(["m-1", "m-2"]), freshness=st.sampled_from(FRESHNESS), name=WORKERS)
    def a_new_event(self, merchant_id: str, freshness: timedelta, name: str) -> None:
        fresh = alert(offset=len(self.alerts), deadline=self.simulation.pair.now() + freshness)
        self.alerts.append(msgspec.structs.replace(fresh, merchant_id=merchant_id))
        self.start_dispatch(self.alerts[-1], name)

    @precondition(lambda self: len(self.alerts) < EVENTS)
    @rule(freshness=st.sampled_from(FRESHNESS), name=WORKERS)
    def a_new_event_of_the_user_as_control(self, freshness: timedelta, name: str) -> None:
        fresh = alert(offset=len(self.alerts), deadline=self.simulation.pair.now() + freshness)
        self.alerts.append(msgspec.structs.replace(fresh, control=True, control_percent=5.0))
        self.start_dispatch(self.alerts[-1], name)

    @precondition(lambda self: self.alerts)
    @rule(name=WORKERS)
    def the_last_event_again_in_the_other_arm(self, name: str) -> None:
        """Other rules are live when its alert is made again."""
        last = self.alerts[-1]
        self.alerts[-1] = msgspec.structs.replace(last, control=not last.control, control_percent=5.0)
        self.start_dispatch(self.alerts[-1], name)

    @precondition(lambda self: len(self.alerts) < EVENTS)
    @rule(name=WORKERS)
    def the_last_event_at_another_position(self, name: str) -> None:
        position = alert(offset=len(self.alerts)).position
        self.alerts.append(msgspec.structs.replace(self.alerts[-1], position=position))
        self.start_dispatch(self.alerts[-1], name)

    @precondition(lambda self: len(self.alerts) < EVENTS)
    @rule(name=WORKERS, freshness=st.sampled_from(FRESHNESS))
    def another_event_at_the_last_position(self, name: str, freshness: timedelta) -> None:
        """The source was deleted and made again."""
        another = alert(offset=len(self.alerts), deadline=self.simulation.pair.now() + freshness)
        self.alerts.append(msgspec.structs.replace(another, position=self.alerts[-1].position))
        self.start_dispatch(self.alerts[-1], name)

    @rule(age=st.integers(0, 2), name=WORKERS)
    def an_event_again(self, age: int, name: str) -> None:
        self.start_dispatch(self.alerts[max(0, len(self.alerts) - 1 - age)], name)

    def start_dispatch(self, taken: Alert, name: str) -> None:
        worker = f"{name}/{self.starts[name]}"
        if not any((each.worker, each.alert) == (worker, taken) for each in self.simulation.running):
            self.run(self.simulation.start_dispatch(worker, taken))

    @precondition(lambda self: self.asking())
    @rule(data=st.data(), how=st.sampled_from(UNCLEAR))
    def an_attempt_is_not_answered(self, data: st.DataObject, how: PushApiResponse) -> None:
        self.run(self.simulation.answer(data.draw(st.sampled_from(self.asking())), how))

    @precondition(lambda self: self.asking())
    @rule(data=st.data(), how=st.sampled_from(CLEAR))
    def an_attempt_is_answered(self, data: st.DataObject, how: PushApiResponse) -> None:
        self.run(self.simulation.answer(data.draw(st.sampled_from(self.asking())), how))

    @precondition(lambda self: self.asking())
    @rule(data=st.data(), duration=st.sampled_from(SHORT_STEPS), is_answered=st.booleans())
    def an_attempt_is_slow(self, data: st.DataObject, duration: timedelta, *, is_answered: bool) -> None:
        self.run(self.simulation.pair.pass_time(duration))
        how: PushApiResponse = "by the contract" if is_answered else "answer lost"
        self.run(self.simulation.answer(data.draw(st.sampled_from(self.asking())), how))

    @precondition(lambda self: self.pausing())
    @rule(data=st.data())
    def a_pause_is_over(self, data: st.DataObject) -> None:
        self.run(self.simulation.resume(data.draw(st.sampled_from(self.pausing()))))

    @precondition(lambda self: self.simulation.running)
    @rule()
    def all_pauses_are_over(self) -> None:
        for each in self.pausing():
            self.run(self.simulation.resume(each))

    @precondition(lambda self: self.simulation.in_flight)
    @rule(data=st.data(), arrives=st.booleans())
    def a_request_arrives_after_all_or_never(self, data: st.DataObject, *, arrives: bool) -> None:
        request = data.draw(st.sampled_from(self.simulation.in_flight))
        self.simulation.in_flight.remove(request)
        if arrives:
            self.simulation.deliver(request)

    @precondition(lambda self: self.simulation.running)
    @rule(duration=st.sampled_from(SHORT_STEPS))
    def a_little_time_passes(self, duration: timedelta) -> None:
        self.run(self.simulation.pair.pass_time(duration))

    @precondition(lambda self: self.simulation.running)
    @rule(data=st.data(), disturbance=st.sampled_from(DISTURBANCES))
    def something_else_happens(self, data: st.DataObject, disturbance: str) -> None:
        match disturbance:
            case "a crash":
                self.crash(data.draw(st.sampled_from(self.simulation.running)))
            case "a late duplicate" if self.simulation.pair.sent_calls:
                call, _ = data.draw(st.sampled_from(list(self.simulation.pair.sent_calls)))
                self.run(self.simulation.pair.deliver(call))
            case "a lost answer of Redis":
                self.simulation.next_call = data.draw(st.sampled_from(CALL_OUTCOMES))
            case "a long time":
                self.run(self.simulation.pair.pass_time(data.draw(st.sampled_from(LONG_STEPS))))
            case "Redis loses its data" if data.draw(st.integers(0, 4)) == 0:
                self.run(self.simulation.flush_redis())

    def crash(self, running: RunningDispatch) -> None:
        self.run(self.simulation.cancel(running))
        for each in [each for each in self.simulation.running if each.worker == running.worker]:
            self.run(self.simulation.cancel(each))
        name, _, starts = running.worker.partition("/")
        self.starts[name] = int(starts) + 1

    def asking(self) -> list[RunningDispatch]:
        return [each for each in self.simulation.running if each.request]

    def pausing(self) -> list[RunningDispatch]:
        return [each for each in self.simulation.running if not each.request]

    def teardown(self) -> None:
        try:
            self.run(self.simulation.run_to_completion())
        finally:
            self.run(self.simulation.close())
            self.run(self.client.aclose())
            self.loop.close()


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[NamedRedis]:
    with named(request.param) as redis:
        yield redis


@pytest.mark.parametrize("examples", [80, pytest.param(1_500, marks=pytest.mark.long)])
@pytest.mark.timeout(1_800)
def test_the_promises_hold_whatever_happens_between_the_steps(server: NamedRedis, examples: int) -> None:
    class DispatchesHere(Dispatches):
        url = server.url

    run_state_machine_as_test(DispatchesHere, settings=settings_for(examples))
