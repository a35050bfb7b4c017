"""Checks planned traffic after it was played: each answer and each push against the plan."""

from collections import Counter
from dataclasses import dataclass

from demo.checks.decision_consumer import DecisionConsumer
from demo.stub_apis.push_api import PushApi
from demo.traffic import PlannedEvent, Traffic
from demo.traffic.traffic_producer import TrafficProducer


@dataclass(frozen=True, slots=True)
class TrafficResult:
    """`failures` are sentences; empty when everything was as planned."""

    events: int
    certain: int
    pushes: int
    expected_pushes: int
    possible_pushes: int
    push_failures: int
    failures: tuple[str, ...]


def check_traffic(
    traffic: Traffic, producer: TrafficProducer, decisions: DecisionConsumer, push_api: PushApi
) -> TrafficResult:
    failures = [failure for event in traffic.events if (failure := _answer_failure(event, producer, decisions))]
    push_failures = _push_failures(traffic, push_api)
    return TrafficResult(
        events=len(traffic.events),
        certain=sum(event.expected.certain for event in traffic.events),
        pushes=len(push_api.accepted),
        expected_pushes=len(traffic.expected_pushes),
        possible_pushes=len(traffic.uncertain_pushes),
        push_failures=len(push_failures),
        failures=(*failures, *push_failures),
    )


def _answer_failure(event: PlannedEvent, producer: TrafficProducer, decisions: DecisionConsumer) -> str | None:
    position = producer.positions.get(event.number)
    reason = decisions.reason(position) if position else None
    if reason is None:
        return f"event {event.number} ({event.kind}) at {position} has no answer"
    if not event.expected.allows(reason):
        return f"event {event.number} ({event.kind}) at {position} is {reason}, {event.expected.reason} was expected"
    return None


def _push_failures(traffic: Traffic, push_api: PushApi) -> list[str]:
    accepted = Counter(push.idempotency_key for push in push_api.accepted)
    missing = traffic.expected_pushes - accepted.keys()
    too_many = accepted.keys() - traffic.expected_pushes - traffic.uncertain_pushes
    failures = [f"the push {key} is missing" for key in missing]
    failures += [f"the push {key} is one too many" for key in too_many]
    failures += [f"the push {key} was accepted {times} times" for key, times in accepted.items() if times > 1]
    failures += [f"the push {push.idempotency_key} is the second one of its event" for push in push_api.second_pushes]
    failures += [f"the push {push.idempotency_key} came late" for push in push_api.late]
    return failures + [f"the push API was asked wrongly: {violation}" for violation in push_api.violations]
