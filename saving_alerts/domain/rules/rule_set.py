"""All enabled rules of one file as one immutable value. `evaluation` applies them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from saving_alerts.domain.budgets import Budget
from saving_alerts.domain.caps import Cap
from saving_alerts.domain.events import ARRIVALS, EventType, SavingEvent
from saving_alerts.domain.rules.control import Control
from saving_alerts.domain.rules.index import RuleIndex, Shortlist
from saving_alerts.domain.rules.rule import Rule

# The most that the rules file can say (`freshness_minutes` in domain/rules_file/schema.py).
MAX_FRESHNESS = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All enabled rules in the order in which they are tried, and the caps and freshness that apply to all of them.

    `choose_within`: for so long the alerts of a user are gathered for one push; nothing, and each goes out by itself.
    `control`: who is kept back whatever the rule; None where nobody is. `budgets`: of a day, by name, also of rules
    that are not enabled: an alert of theirs may be on its way.
    """

    version: str
    caps: tuple[Cap, ...]
    freshness: Mapping[EventType, timedelta]
    rules: tuple[Rule, ...]
    choose_within: timedelta = timedelta(0)
    control: Control | None = None
    budgets: Mapping[str, Budget] = field(default_factory=dict)

    triggers: frozenset[EventType] = field(init=False)
    """The event types that some rule listens to. Every other event is `not_a_trigger`."""
    heard: frozenset[EventType] = field(init=False)
    """The triggers, and the departures that end what is gathered: of all others nothing is to be known."""
    index: RuleIndex = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        triggers: frozenset[EventType] = frozenset().union(*(rule.event_types for rule in self.rules))
        object.__setattr__(self, "triggers", triggers)  # the way to set a field of a frozen dataclass
        ends_what_is_gathered = self.choose_within and triggers & ARRIVALS
        object.__setattr__(self, "heard", triggers | {EventType.GEOFENCE_EXITED} if ends_what_is_gathered else triggers)
        object.__setattr__(self, "index", RuleIndex(self.rules))

    def is_departure(self, event_type: EventType) -> bool:
        """Whether events of this type do nothing but end what is gathered: no rule listens to them."""
        return event_type in self.heard and event_type not in self.triggers

    def freshness_of(self, event_type: str) -> timedelta:
        """How long an event of this type is worth a push; of a type that these rules do not know, the longest."""
        of_type = next((each for kind, each in self.freshness.items() if kind == event_type), None)
        return of_type or max(self.freshness.values(), default=MAX_FRESHNESS)

    def listening_to(self, event: SavingEvent) -> Shortlist:
        return self.index.shortlist(event.type, event.merchant_id)
