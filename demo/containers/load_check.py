"""Checks a load that has ended: its decisions against what was expected, and the pushes that the push API accepted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Protocol

from demo.checks.case_result import CaseResult, doubled
from demo.checks.decision_consumer import Position
from demo.containers.shoppers import Shoppers
from demo.stub_apis.push_api import AcceptedPush
from saving_alerts.domain.decisions import Decision
from saving_alerts.domain.reasons import Reason
from saving_alerts.kafka.client import partition_of

CASE = "load"


class Decisions(Protocol):
    """The decisions of a load, by position; `DecisionConsumer` reads them from Kafka."""

    def reason(self, position: Position) -> Reason | None: ...
    def at(self, position: Position) -> list[Decision]: ...
    def echoes(self, position: Position) -> int: ...


@dataclass(frozen=True, slots=True)
class ObservedLoad:
    """What was seen of one load. `positions` are where its events stand on the source, by name; `pushes` may
    hold those of other loads too.
    """

    shoppers: Shoppers
    positions: dict[str, Position]
    decisions: Decisions
    pushes: Sequence[AcceptedPush]
    violations: Sequence[str]
    partitions: int
    seconds: float

    def own_pushes(self) -> list[AcceptedPush]:
        return [push for push in self.pushes if push.push.user_id.startswith(f"u-{self.shoppers.name}-")]


def check_load(observed: ObservedLoad) -> CaseResult:
    """Nothing may be lost, doubled, silenced, late or wrong."""
    pushes = observed.own_pushes()
    return CaseResult(
        case=CASE,
        events=len(observed.positions),
        lost=tuple(name for name in observed.shoppers.expected if _is_lost(name, observed)),
        doubled=doubled(pushes),
        silenced=tuple(sorted(observed.shoppers.users - {push.push.user_id for push in pushes})),
        late=tuple(push.push.user_id for push in pushes if push.late),
        wrong=(*_wrong_answers(observed), *_superfluous(observed), *observed.violations),
        echoes=sum(map(observed.decisions.echoes, observed.positions.values())),
        gap_seconds=longest_pause(observed),
        seconds=observed.seconds,
    )


def _is_lost(name: str, observed: ObservedLoad) -> bool:
    position = observed.positions.get(name)
    return position is None or observed.decisions.reason(position) is None


def _wrong_answers(observed: ObservedLoad) -> list[str]:
    answers = {name: observed.decisions.reason(position) for name, position in observed.positions.items()}
    expected = observed.shoppers.expected
    return [f"{name} is {reason}" for name, reason in answers.items() if reason and reason not in expected[name]]


def _superfluous(observed: ObservedLoad) -> list[str]:
    pushed = {push.push.user_id for push in observed.own_pushes()}
    return [f"{user} got a push" for user in sorted(pushed - observed.shoppers.users)]


def longest_pause(observed: ObservedLoad) -> float | None:
    """The longest time in seconds in which one partition had no push, for the load that came all the time."""
    moments: dict[int, list[datetime]] = {}
    for push in observed.own_pushes():
        partition = partition_of(push.push.user_id.encode(), observed.partitions)
        moments.setdefault(partition, []).append(push.accepted_at)
    return max((_longest(each) for each in moments.values()), default=None)


def _longest(moments: Iterable[datetime]) -> float:
    return max(((later - earlier).total_seconds() for earlier, later in pairwise(sorted(moments))), default=0.0)


def slowest_push_seconds(observed: ObservedLoad) -> float:
    """From the event to the accepted push, for the one that took longest."""
    answers = [observed.decisions.at(position) for position in observed.positions.values()]
    pushed = [each for decisions in answers for each in decisions if each.reason is Reason.PUSHED]
    took = [(each.decided_at - each.occurred_at).total_seconds() for each in pushed if each.occurred_at]
    return max(took, default=0.0)
