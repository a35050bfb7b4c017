"""What a load has cost, from the ledger and from what the push API accepted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Protocol

from demo.checks.decision_follower import Place
from demo.checks.findings import Findings, doubled
from demo.containers.shoppers import Shoppers
from demo.stub_apis.push_api import AcceptedPush
from saving_alerts.domain.decisions import Decision
from saving_alerts.domain.reasons import Reason
from saving_alerts.kafka.client import partition_of

CASE = "load"


class Ledger(Protocol):
    """What the judge asks the ledger; `LedgerWatch` says it."""

    def reason(self, place: Place) -> Reason | None: ...
    def decisions(self, place: Place) -> list[Decision]: ...
    def echoes(self, place: Place) -> int: ...


@dataclass(frozen=True, slots=True)
class Evidence:
    """All there is to know about one load. `places` are where its events stand on the source, by name; `pushes` may
    hold those of other loads too.
    """

    crowd: Shoppers
    places: dict[str, Place]
    ledger: Ledger
    pushes: Sequence[AcceptedPush]
    violations: Sequence[str]
    partitions: int
    seconds: float

    def own_pushes(self) -> list[AcceptedPush]:
        return [push for push in self.pushes if push.push.user_id.startswith(f"u-{self.crowd.name}-")]


def judge(evidence: Evidence) -> Findings:
    """Nothing may be lost, doubled, silenced, late or wrong."""
    pushes = evidence.own_pushes()
    return Findings(
        case=CASE,
        events=len(evidence.places),
        lost=tuple(name for name in evidence.crowd.expected if _is_lost(name, evidence)),
        doubled=doubled(pushes),
        silenced=tuple(sorted(evidence.crowd.users - {push.push.user_id for push in pushes})),
        late=tuple(push.push.user_id for push in pushes if push.late),
        wrong=(*_wrong_answers(evidence), *_superfluous(evidence), *evidence.violations),
        echoes=sum(map(evidence.ledger.echoes, evidence.places.values())),
        gap_seconds=longest_pause(evidence),
        seconds=evidence.seconds,
    )


def _is_lost(name: str, evidence: Evidence) -> bool:
    place = evidence.places.get(name)
    return place is None or evidence.ledger.reason(place) is None


def _wrong_answers(evidence: Evidence) -> list[str]:
    answers = {name: evidence.ledger.reason(place) for name, place in evidence.places.items()}
    expected = evidence.crowd.expected
    return [f"{name} is {reason}" for name, reason in answers.items() if reason and reason not in expected[name]]


def _superfluous(evidence: Evidence) -> list[str]:
    pushed = {push.push.user_id for push in evidence.own_pushes()}
    return [f"{user} got a push" for user in sorted(pushed - evidence.crowd.users)]


def longest_pause(evidence: Evidence) -> float | None:
    """The longest time in seconds in which one partition had no push, for the load that came all the time."""
    moments: dict[int, list[datetime]] = {}
    for push in evidence.own_pushes():
        partition = partition_of(push.push.user_id.encode(), evidence.partitions)
        moments.setdefault(partition, []).append(push.accepted_at)
    return max((_longest(each) for each in moments.values()), default=None)


def _longest(moments: Iterable[datetime]) -> float:
    return max(((later - earlier).total_seconds() for earlier, later in pairwise(sorted(moments))), default=0.0)


def slowest_push_seconds(evidence: Evidence) -> float:
    """From the event to the accepted push, for the one that took longest."""
    answers = [evidence.ledger.decisions(place) for place in evidence.places.values()]
    pushed = [each for decisions in answers for each in decisions if each.reason is Reason.PUSHED]
    took = [(each.decided_at - each.occurred_at).total_seconds() for each in pushed if each.occurred_at]
    return max(took, default=0.0)
