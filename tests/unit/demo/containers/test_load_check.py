"""The check of a load finds each kind of fault, and none where there is none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import islice

from demo.checks.decision_consumer import Position
from demo.containers.load_check import ObservedLoad, check_load, longest_pause, slowest_push_seconds
from demo.containers.shoppers import EVENTS_PER_ROUND, Shoppers
from demo.stub_apis.faults import Behaviour
from demo.stub_apis.push_api import AcceptedPush, Push, Trace
from saving_alerts.domain.decisions import Decision, Stage
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.source_position import SourcePosition

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
PARTITIONS = 12


@dataclass
class FakeDecisions:
    """Answers by position."""

    answers: Mapping[Position, Reason]
    known: Mapping[Position, list[Decision]] = field(default_factory=dict)

    def reason(self, position: Position) -> Reason | None:
        return self.answers.get(position)

    def at(self, position: Position) -> list[Decision]:
        return self.known.get(position, [])

    def echoes(self, position: Position) -> int:
        return int(position not in self.answers)


def no_behaviour(_user: str, _behaviour: Behaviour) -> None:
    pass


def push(user_id: str, event_id: str, *, at: datetime = NOW, late: bool = False, second: bool = False) -> AcceptedPush:
    trace = Trace(event_id, "d", "r", "v")
    body = Push(user_id, "t", "b", "https://x.example", "en", "c", "k", 60, "2026-11-25T13:00:00.000Z", trace)
    return AcceptedPush(
        push_id="p",
        idempotency_key=event_id,
        push=body,
        accepted_at=at,
        request_not_after=NOW,
        late=late,
        second=second,
    )


def sound() -> ObservedLoad:
    """A round that went as it must."""
    shoppers = Shoppers("test", no_behaviour)
    names = [event.name for event in islice(shoppers.events(60), EVENTS_PER_ROUND)]
    positions = {name: (number % PARTITIONS, number) for number, name in enumerate(names)}
    # Of the two at the same time the first is pushed.
    answers = {positions[name]: max(reasons) for name, reasons in shoppers.expected.items()}
    return ObservedLoad(
        shoppers=shoppers,
        positions=positions,
        decisions=FakeDecisions(answers),
        pushes=[push(user, f"{user}-1") for user in sorted(shoppers.users)],
        violations=(),
        partitions=PARTITIONS,
        seconds=1,
    )


def with_pushes(observed: ObservedLoad, more: Sequence[AcceptedPush]) -> ObservedLoad:
    return replace(observed, pushes=[*observed.pushes, *more])


def test_a_load_that_went_as_it_must_has_no_faults() -> None:
    assert check_load(sound()).failures == ()


def test_an_event_without_an_answer_is_lost() -> None:
    observed = sound()
    name = next(iter(observed.positions))
    answers = {
        position: Reason.PUSHED for position in observed.positions.values() if position != observed.positions[name]
    }

    found = check_load(replace(observed, decisions=FakeDecisions(answers)))

    assert found.lost == (name,)


def test_an_event_that_never_reached_kafka_is_lost() -> None:
    observed = sound()
    name, *others = observed.positions

    found = check_load(replace(observed, positions={other: observed.positions[other] for other in others}))

    assert found.lost == (name,)


def test_a_user_with_two_pushes_is_doubled() -> None:
    observed = sound()
    user = min(observed.shoppers.users)

    found = check_load(with_pushes(observed, [push(user, "another-event")]))

    assert found.doubled == (user,)


def test_a_user_without_the_push_is_silenced() -> None:
    observed = sound()
    user = observed.pushes[0].push.user_id

    found = check_load(replace(observed, pushes=observed.pushes[1:]))

    assert found.silenced == (user,)


def test_a_push_after_its_time_is_late() -> None:
    observed = sound()
    first, *others = observed.pushes
    late = push(first.push.user_id, first.idempotency_key, late=True)

    found = check_load(replace(observed, pushes=[late, *others]))

    assert found.late == (first.push.user_id,)


def test_a_push_to_somebody_who_must_get_none_is_wrong() -> None:
    found = check_load(with_pushes(sound(), [push("u-test-no-0", "u-test-no-0")]))

    assert found.wrong == ("u-test-no-0 got a push",)


def test_pushes_of_other_loads_are_not_checked() -> None:
    found = check_load(with_pushes(sound(), [push("u-other-once-0", "e-1"), push("u-other-once-0", "e-2")]))

    assert found.failures == ()


def test_another_ending_than_expected_is_wrong() -> None:
    observed = sound()
    name = "u-test-once-0-1"
    decisions = FakeDecisions(dict.fromkeys([observed.positions[name]], Reason.EXPIRED))

    found = check_load(replace(observed, decisions=decisions))

    assert found.wrong == (f"{name} is expired",)


def test_what_callers_did_against_the_contract_is_wrong() -> None:
    assert check_load(replace(sound(), violations=["no key"])).wrong == ("no key",)


def test_the_pause_is_the_longest_of_one_partition() -> None:
    observed = sound()
    moments = (0, 1, 9, 10)
    pushes = [push("u-test-once-0", f"e-{second}", at=NOW + timedelta(seconds=second)) for second in moments]

    assert longest_pause(replace(observed, pushes=pushes)) == 8


def test_the_slowest_push_is_told_from_the_event_on() -> None:
    observed = sound()
    position = observed.positions["u-test-once-0-1"]
    decision = Decision(
        decision_id="d",
        position=SourcePosition("saving-events", *position),
        stage=Stage.DISPATCH_PUSH,
        reason=Reason.PUSHED,
        decided_at=NOW + timedelta(seconds=7),
        worker="w",
        occurred_at=NOW,
    )

    assert slowest_push_seconds(replace(observed, decisions=FakeDecisions({}, {position: [decision]}))) == 7
