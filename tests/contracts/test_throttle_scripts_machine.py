"""The scripts against a plain reference: any calls of any workers in any order, with sent_calls that come late."""

import asyncio
from collections.abc import Coroutine, Iterator
from datetime import timedelta
from typing import ClassVar, TypeVar

import msgspec
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from saving_alerts.adapters.redis_connection import connect
from saving_alerts.domain.caps import Cap
from saving_alerts.ports.throttle import Claim
from tests.contracts.throttle_harness import DAILY, DAILY_PER_MERCHANT, TWICE_A_DAY, WEEKLY, claim_of, slot_times
from tests.contracts.throttle_pair import Call, CallName, ThrottlePair, settings_for
from tests.contracts.throttle_servers import SERVERS, NamedRedis, named

Result = TypeVar("Result")

# No sum of a few of these comes near a lease (20 s), an hour, a day or a week.
STEPS_OF_TIME = [timedelta(seconds=7), timedelta(minutes=43), timedelta(hours=13)]
LEASES_END = timedelta(seconds=33)
NAMES: tuple[CallName, ...] = (
    "look",
    "reserve",
    "charge control",
    "renew",
    "confirm",
    "confirm as uncertain",
    "release",
)
# Of slots that meet at 10 s, with what lies in both as somebody else gathered it, and of one that is short.
SLOT_TIMES = st.sampled_from(
    [
        None,
        slot_times(0),
        slot_times(4, 0),
        slot_times(4),
        slot_times(10),
        slot_times(14, 9),
        slot_times(12, 4),
        slot_times(14, 10, 4),
    ]
)
# `topic`: the source was made again, and other events stand at the same positions. Claims are numbered over both.
CLAIMS = st.builds(
    lambda offset, incarnation, number, topic, slot, times: claim_of(
        *(offset, incarnation, 2 * topic + number, f"event-{offset // 2}-{topic}", f"m-{offset % 2}"),
        slot=slot,
        slot_times=times,
    ),
    st.integers(0, 2),
    st.sampled_from(["worker-a", "worker-b", "worker-c"]),
    st.integers(1, 2),
    st.integers(0, 1),
    st.sampled_from([(), (), ("event-0-0", "event-1-0"), ("event-1-1", "event-0-0")]),
    SLOT_TIMES,
)
CAPS = st.lists(st.sampled_from([DAILY, TWICE_A_DAY, DAILY_PER_MERCHANT, WEEKLY]), max_size=2, unique=True).map(tuple)


class Scripts(RuleBasedStateMachine):
    url: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.client = connect(self.url, timeout_seconds=5, max_connections=1)
        self.pair = ThrottlePair(self.client)
        self.run(self.pair.flush())

    def run(self, work: Coroutine[object, object, Result]) -> Result:
        return self.loop.run_until_complete(work)

    @rule(claim=CLAIMS, caps=CAPS)
    def reserve(self, claim: Claim, caps: tuple[Cap, ...]) -> None:
        self.run(self.pair.call(Call("reserve", claim, caps)))

    @rule(claim=CLAIMS, caps=CAPS)
    def charge_control(self, claim: Claim, caps: tuple[Cap, ...]) -> None:
        self.run(self.pair.call(Call("charge control", claim, caps)))

    @rule(claim=CLAIMS, caps=CAPS)
    def look(self, claim: Claim, caps: tuple[Cap, ...]) -> None:
        stored = self.run(self.pair.stored())

        self.run(self.pair.call(Call("look", claim, caps)))

        assert self.run(self.pair.stored()) == stored

    @rule()
    def erase(self) -> None:
        """Nothing that a call answers afterwards is another than it would have been."""
        self.run(self.pair.erase())

    @rule(claim=CLAIMS, name=st.sampled_from(NAMES[3:]))
    def call(self, claim: Claim, name: CallName) -> None:
        self.run(self.pair.call(Call(name, claim)))

    @precondition(lambda self: self.pair.sent_calls)
    @rule(caps=CAPS, name=st.sampled_from(NAMES), data=st.data())
    def call_with_a_claim_of_before(self, caps: tuple[Cap, ...], name: CallName, data: st.DataObject) -> None:
        self.run(self.pair.call(Call(name, data.draw(st.sampled_from(self.claims())), caps)))

    def claims(self) -> list[Claim]:
        return [call.claim for call, _ in self.pair.sent_calls]

    @precondition(lambda self: self.pair.sent_calls)
    @rule(caps=CAPS, name=st.sampled_from(NAMES), data=st.data())
    def call_twice(self, caps: tuple[Cap, ...], name: CallName, data: st.DataObject) -> None:
        """redis-py repeats what was not answered."""
        call = Call(name, data.draw(st.sampled_from(self.claims())), caps)
        first = self.run(self.pair.call(call))
        stored = without_times_of_releases(self.run(self.pair.stored()))

        second = self.run(self.pair.call(call))

        assert type(second) is type(first)
        assert name == "renew" or without_times_of_releases(self.run(self.pair.stored())) == stored

    @precondition(lambda self: self.pair.sent_calls)
    @rule(data=st.data())
    def a_copy_comes_late(self, data: st.DataObject) -> None:
        call, _ = data.draw(st.sampled_from(list(self.pair.sent_calls)))
        self.run(self.pair.deliver(call))

    @rule(duration=st.sampled_from(STEPS_OF_TIME))
    def time_passes(self, duration: timedelta) -> None:
        self.run(self.pair.pass_time(duration))

    @rule(claim=CLAIMS, caps=CAPS)
    def reserve_and_crash(self, claim: Claim, caps: tuple[Cap, ...]) -> None:
        self.run(self.pair.call(Call("reserve", claim, caps)))
        self.run(self.pair.pass_time(LEASES_END))

    @rule()
    def leases_end(self) -> None:
        self.run(self.pair.pass_time(LEASES_END))

    @rule()
    def redis_forgets(self) -> None:
        self.run(self.pair.flush())

    def teardown(self) -> None:
        self.run(self.client.aclose())
        self.loop.close()


def without_times_of_releases(stored: bytes | None) -> object:
    """A number below the highest one that is released again is remembered for longer."""
    user = msgspec.json.decode(stored or b"null")
    for release in user["released"] if user else ():
        del release["at"]
    return user


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[NamedRedis]:
    with named(request.param) as redis:
        yield redis


@pytest.mark.parametrize("examples", [150, pytest.param(1_500, marks=pytest.mark.long)])
@pytest.mark.timeout(1_800)
def test_the_scripts_do_what_the_reference_says(server: NamedRedis, examples: int) -> None:
    class ScriptsHere(Scripts):
        url = server.url

    run_state_machine_as_test(ScriptsHere, settings=settings_for(examples))
