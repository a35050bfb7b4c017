"""Universes whose rules gather: several alerts of a user within seconds, departures, and a cap that nobody meets.

What binds there is the slot: of those that a claim was granted for together one is pushed at most, and none that lies
in the slot of another by its time, whoever gathered it.
"""

from dataclasses import dataclass, field, fields, replace
from random import Random

from saving_alerts.domain.alerts import Alert
from saving_alerts.domain.decisions import Stage
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules.rule_set import RuleSet
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.failpoints import Failpoint
from saving_alerts.pipeline.dispatch import Dispatcher
from saving_alerts.pipeline.gathering import ALONE, Slot
from saving_alerts.pipeline.outcomes import Decided
from saving_alerts.pipeline.slot_times import slot_times
from saving_alerts.ports.throttle import Charged, Claim, ControlCharge, Granted, Reservation, SlotTimes
from tests.deterministic.claim_rules import ClaimRules
from tests.deterministic.facts import EventFacts
from tests.deterministic.plan import CrashPlace, Plan, PlannedEvent
from tests.support.fakes.slot_times import Span, lie_in_one, slot_of

CHOOSE_WITHIN_SECONDS = 8.0
PLACES = (
    *(Failpoint.WHILE_GATHERING, Failpoint.AFTER_GATHERING, Failpoint.AFTER_RESERVE, Failpoint.AFTER_PUSH_ANSWER),
    *(Failpoint.AFTER_CONFIRM, Failpoint.BEFORE_PUBLISH, Failpoint.AFTER_PUBLISH, Failpoint.BEFORE_ACK),
)
OF_DISPATCH = {Failpoint.BEFORE_PUBLISH, Failpoint.AFTER_PUBLISH, Failpoint.BEFORE_ACK}


def gathering(plan: Plan, seed: int) -> Plan:
    """The same world, with other events, and often a death around the gathering."""
    random = Random(f"gathering {seed}")
    events = tuple(sorted(_events(random), key=lambda each: each.at_seconds))
    crash = None if plan.is_faultless else _crash(random) if random.random() < 0.5 else plan.crash
    return replace(plan, events=events, crash=crash, choose_within_seconds=CHOOSE_WITHIN_SECONDS)


def _events(random: Random) -> list[PlannedEvent]:
    events: list[PlannedEvent] = []
    for user in range(random.choice((1, 2))):
        moment = random.uniform(0, 20)
        for _ in range(random.choice((2, 3, 3, 4))):
            age = random.uniform(0.5, 0.7) * 60 if random.random() < 0.1 else 0.0
            is_departure = len(events) > 1 and random.random() < 0.15
            name = f"event-{len(events)}"
            events.append(PlannedEvent(moment, f"u-{user}", name, not is_departure, age, is_departure))
            moment += random.choice((random.uniform(0, 3), random.uniform(0, 3), random.uniform(5, 15)))
    return events


def _crash(random: Random) -> CrashPlace:
    place = random.choice(PLACES)
    return CrashPlace(place, Stage.DISPATCH_PUSH if place in OF_DISPATCH else None, random.randint(1, 2))


class WatchedDispatcher(Dispatcher):
    """Says with which others each alert was gathered, and what each dispatch decides."""

    __slots__ = ("rules", "slots")
    slots: "Slots"
    rules: ClaimRules

    @classmethod
    def on(cls, slots: "Slots", rules: ClaimRules, dispatcher: Dispatcher) -> "WatchedDispatcher":
        made = cls(**{each.name: getattr(dispatcher, each.name) for each in fields(dispatcher)})
        object.__setattr__(made, "slots", slots)
        object.__setattr__(made, "rules", rules)
        return made

    async def dispatch_push(self, alert: Alert, rules: RuleSet, slot: Slot = ALONE) -> Decided:
        members = frozenset(each.event_id for each in (alert, *slot.others))
        self.slots.gathered[self.incarnation, alert.position] = members
        if times := slot_times(alert, slot.others, rules.choose_within):
            self.slots.times[self.incarnation, alert.position] = times
        decided = await super().dispatch_push(alert, rules, slot)
        self.rules.decided(alert.position, decided.reason)
        return decided


@dataclass(slots=True)
class Slots:
    """Those that a claim was granted for, until it goes back, or that were charged as control: user and event ids."""

    elected: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    gathered: dict[tuple[str, SourcePosition], frozenset[str]] = field(default_factory=dict)  # by whom, and of what
    times: dict[tuple[str, SourcePosition], SlotTimes] = field(default_factory=dict)  # in the same way
    charged: dict[tuple[str, str], Span] = field(default_factory=dict)  # as `elected`, also where nothing else was
    near: set[tuple[str, str, str]] = field(default_factory=set)  # a user, who was charged, and who was in their slot
    forgotten: set[str] = field(default_factory=set)  # users of whom Redis forgot a slot

    def reserved(self, claim: Claim, answer: Reservation | ControlCharge) -> None:
        if isinstance(answer, Charged | Granted) and (times := self.times.get((claim.incarnation, claim.position))):
            self._charge(claim, times, is_new=not (isinstance(answer, Granted) and answer.taken_over))
        members = self.gathered.get((claim.incarnation, claim.position), frozenset())
        is_elected = isinstance(answer, Charged) or (isinstance(answer, Granted) and not answer.taken_over)
        if len(members) > 1 and is_elected:
            self.elected[claim.user_id, claim.event_id] = members

    def released(self, claim: Claim) -> None:
        self.elected.pop((claim.user_id, claim.event_id), None)
        self.charged.pop((claim.user_id, claim.event_id), None)
        self.near = {each for each in self.near if each[0] != claim.user_id or claim.event_id not in each[1:]}

    def wiped(self) -> None:
        """The Table knows who was sent, and neither when their slots were nor who comes to be gathered with them."""
        self.forgotten |= {user_id for user_id, _ in (*self.elected, *self.charged)}
        self.charged.clear()

    def _charge(self, claim: Claim, times: SlotTimes, *, is_new: bool) -> None:
        own = (claim.user_id, claim.event_id)
        others = {each: its for each, its in self.charged.items() if each[0] == claim.user_id and each != own}
        slot = slot_of(times, [*others.values()])
        if is_new and own not in self.charged:
            in_slot = [event_id for (_, event_id), its in others.items() if lie_in_one(times.received_at, slot, its)]
            self.near |= {(claim.user_id, event_id, claim.event_id) for event_id in in_slot}
        self.charged[own] = min(self.charged.get(own, slot), slot, key=lambda each: each[0])

    def broken(self, pushed: set[tuple[str, str]], facts: list[EventFacts]) -> list[str]:
        """Slots with more than one push, or charge as control beside one.

        Left: Redis forgot, and what the worker had gathered came again; a charge that nobody heard of.
        """
        kept_back = {(fact.user_id, fact.event_id) for fact in facts if fact.answer is Reason.CONTROL}
        unheard = {fact.user_id for fact in facts if fact.unheard and fact.answer is Reason.CONTROL}
        again = {fact.user_id for fact in facts if max(fact.taken.values(), default=0) > 1}
        limited = {fact.user_id for fact in facts if fact.is_at_the_limit or fact.unasked} | (self.forgotten & again)
        charged = pushed | kept_back
        of_one_slot = [
            f"{user_id} was charged for {first} and for {second}, which lies in its slot"
            for user_id, first, second in sorted(self.near)
            if user_id not in limited | unheard and {(user_id, first), (user_id, second)} <= charged
        ]
        return of_one_slot + [
            f"{user_id} was charged {len(these)} times for one slot: {these}"
            for (user_id, _), members in self.elected.items()
            if user_id not in limited | unheard
            and len(these := sorted(each for each in members if (user_id, each) in charged)) > 1
        ]
